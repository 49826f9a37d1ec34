"""Run what an audit still lacks, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recaudit.analyses import audit as rankings
from recaudit.analyses.bias import findings, groups, latents, lists, probes, synthetic
from recaudit.analyses.bias.material import Material, load
from recaudit.metrics.popularity import mean_over_places
from recaudit.models.base import Recommender
from recaudit.store import Audit, read, reading, write, writing
from recaudit.store import popularity as store
from recaudit.store.read import Model, Sae
from recaudit.store.write import Metric, Run

SYNTHETIC_USERS = 2000
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What to look at: see ``recaudit bias``."""

    db: Path
    model: str | None
    sae: str | None = None
    groups: Path | None = None
    checkpoint: Path | None = None
    synthetic: int = SYNTHETIC_USERS
    again: bool = False
    seed: int = 0
    arguments: Mapping[str, Any] | None = None
    """For the ``runs`` table, beside the settings."""


def ensure(request: Request, progress: Progress = lambda stage: None) -> None:
    """Audit lists, groups and latents, and store the numbers; what is stored stays unless a file or ``again`` asks.

    What is stored is of one run: contrasts of made-up users go where a later run makes nobody up.
    """
    if not rankings.is_analysed(request.db, request.model, None, request.sae):
        progress("ranking, fidelity, health")
        rankings.analyse(request.db, request.model, None, sae=request.sae, seed=request.seed)
    with reading(request.db) as audit:
        model = read.model_named(audit, request.model)
        sae = read.find_sae(audit, model, request.sae)
        given = request.groups is not None or request.checkpoint is not None
        if not (request.again or given) and _is_stored(audit, model, sae):
            return
        network = None if request.checkpoint is None else synthetic.opened(audit, model, request.checkpoint)
    said = {
        "model": model.name,
        "sae": None if sae is None else sae.name,
        "groups": None if request.groups is None else request.groups.name,
        "synthetic": request.synthetic if network is not None else 0,
        **(request.arguments or {}),
    }
    run = Run("bias", said, request.seed, [model.sha256])
    with writing(request.db) as audit:
        write.add_run(audit, run)
        if request.groups is not None:
            groups.attach(audit, model, request.groups)
        _Audit(audit, load(audit, model), run, request).everything(sae, network, progress)


def _is_stored(audit: Audit, model: Model, sae: Sae | None) -> bool:
    return store.is_audited(audit, model) and (sae is None or bool(store.contrasts(audit, sae)))


@dataclass(frozen=True)
class _Audit:
    audit: Audit
    material: Material
    run: Run
    request: Request

    @property
    def model(self) -> Model:
        return self.material.model

    def everything(self, sae: Sae | None, network: Recommender | None, progress: Progress) -> None:
        controls = [] if sae is None else read.controls(self.audit, self.model.model_id, sae)
        dictionaries = [] if sae is None else [sae, *controls]
        names = store.list_metrics(self.audit)
        for owner in (None, *dictionaries):
            store.clear_metrics(self.audit, self.model, owner, names)
        progress("lists")
        original = lists.from_columns(store.lists(self.audit, self.model))
        self.audit_lists(original, sae)
        progress("groups and probes")
        self.audit_groups(dictionaries)
        for dictionary in dictionaries:
            progress(f"latents of {dictionary.name}")
            self.audit_latents(dictionary, original, network)
        found = findings.about(self.audit, self.model, sae)
        write.replace_findings(
            self.audit, self.model.model_id, store.PROTOCOL, found, self.run,
            sae_id=None if sae is None else sae.sae_id,
        )  # fmt: skip

    def audit_lists(self, original: lists.Lists, sae: Sae | None) -> None:
        seed, protocol = self.request.seed, self.model.protocol
        self.store(None, lists.audit(self.material, original, "original", seed), protocol)
        exposure = lists.exposure_of_concepts(self.material, original, seed)
        store.replace_exposure(self.audit, self.model, exposure, self.run.run_id)
        if sae is not None:
            again = lists.from_columns(store.lists(self.audit, self.model, sae))
            self.store(sae, lists.audit(self.material, again, "reconstructed", seed), protocol)

    def audit_groups(self, dictionaries: list[Sae]) -> None:
        seed, attributes = self.request.seed, self.material.attributes()
        targets = store.ranked_targets(self.audit, self.model)
        self.store(None, groups.quality(self.material, targets, seed), self.model.protocol)
        if not attributes:
            return
        cases = read.cases(self.audit, self.model, read.NEWEST_KINDS)
        with_profile = self.material.lengths[cases.user] > 0
        user = cases.user[with_profile]
        length = np.log(self.material.lengths[user])
        for features, x in (
            ("vectors", cases.vectors[with_profile]),
            ("activity", np.column_stack([length, length**2])),
        ):
            self.store(None, probes.probe_auc(x, user, attributes, features, seed), store.PROTOCOL)
        for sae in dictionaries:
            if "case" in sae.entity_kinds:
                codes = latents.of_cases(self.audit, self.model, sae).activation[with_profile].toarray()
                self.store(sae, probes.probe_auc(codes, user, attributes, "codes", seed), store.PROTOCOL)

    def audit_latents(self, sae: Sae, original: lists.Lists, network: Recommender | None) -> None:
        seed = self.request.seed
        parts: list[tuple[latents.Latents, list[pd.DataFrame]]] = []
        if "case" in sae.entity_kinds:
            found = latents.of_cases(self.audit, self.model, sae)
            frames = [latents.popularity(self.material, found, self.listed(original), seed)]
            if network is not None:
                frames += self.made_up(sae, found, network)
            if sae.role == "sae":
                frames.append(latents.groups(self.material, found, seed))
            parts.append((found, frames))
        if "item" in sae.entity_kinds:
            found = latents.of_items(self.audit, self.model, sae)
            parts.append((found, [latents.items(self.material, found, seed)]))
        made = [pd.concat(frames, ignore_index=True) for _, frames in parts]
        frame = pd.concat(made, ignore_index=True)
        store.clear_metrics(self.audit, self.model, sae, ["popularity.latents", "popularity.latent_mass"])
        store.replace_latent_bias(self.audit, self.model, sae, frame, self.run.run_id)
        for (found, _), own in zip(parts, made, strict=True):
            self.store(sae, latents.numbers(found, own, seed), store.PROTOCOL)

    def made_up(self, sae: Sae, found: latents.Latents, network: Recommender) -> list[pd.DataFrame]:
        count, seed = self.request.synthetic, self.request.seed
        frames = []
        for name, pairs in (
            (latents.SYNTHETIC, synthetic.twins(self.material, count, seed)),
            (
                latents.MATCHED,
                synthetic.matched_twins(
                    self.material, synthetic.years(self.audit, self.material), count, seed
                ),
            ),
        ):
            if not len(pairs.head):
                continue
            both = synthetic.vectors(self.audit, self.model, network, pairs)
            first, second = (synthetic.codes(self.audit, self.model, sae, found, x) for x in both)
            frames.append(latents.pairs(found, name, first, second, seed))
        return frames

    def listed(self, original: lists.Lists) -> NDArray[np.float64]:
        """[dense user] mean log popularity of the list."""
        listed = np.full(self.material.profiles.shape[0], np.nan)
        log = np.log1p(self.material.counts)
        listed[original.users] = mean_over_places(original.items, log)
        return listed

    def store(self, sae: Sae | None, metrics: list[Metric], protocol: str) -> None:
        write.replace_metrics(
            self.audit, self.model.model_id, None if sae is None else sae.sae_id, metrics,
            protocol=protocol, seed=self.request.seed, run=self.run,
        )  # fmt: skip
