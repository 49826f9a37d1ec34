"""Into the audit file: a dictionary with its codes, its self-check, its statistics and its controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints.spec import SaeSpec
from recaudit.dictionaries.entities import Entities
from recaudit.errors import InputRefused
from recaudit.sae import SparseAutoencoder, check_reading
from recaudit.sae.controls import controls_of
from recaudit.sae.latents import latent_statistics
from recaudit.store import Audit, write
from recaudit.store.write import Run

FloatArray = NDArray[np.float32]

CONTROL_ROWS = 10_000
"""Cases, and items, that control dictionaries are encoded on at most: a seeded sample of those that concept
work looks at. Neurons and axes are dense, so their codes are many."""


def add_dictionary(
    audit: Audit,
    model_id: int,
    entities: Entities,
    spec: SaeSpec,
    *,
    name: str,
    sha256: str,
    run: Run,
    seed: int,
    site: str = "user",
    training: Mapping[str, Any] | None = None,
    with_controls: bool = True,
) -> int:
    """Store an autoencoder and its controls; returns its ``sae_id``.

    Raises:
        InputRefused: it is not as wide as the vectors.
    """
    for part in entities.parts(site):
        _check_width(spec, entities.cases if part == "case" else entities.items, part)
    sae = SparseAutoencoder(spec)
    everyone = np.concatenate([_judged(entities, part) for part in entities.parts(site)])
    check = check_reading(spec, everyone, seed=seed)
    sae_id = write.add_sae(
        audit, model_id=model_id, name=name, spec=spec, sha256=sha256, self_check=asdict(check), run=run,
        site=site, training=training,
    )  # fmt: skip
    for part in entities.parts(site):
        chosen = entities.encoded if part == "case" else np.ones(len(entities.items), bool)
        _add_codes(audit, sae_id, sae, entities, part, chosen)
    if not with_controls:
        return sae_id
    for role, control in controls_of(spec, check.stated.l0, everyone, seed).items():
        control_id = write.add_sae(
            audit, model_id=model_id, name=f"{name}:{role}", spec=control, sha256=sha256, self_check={}, run=run,
            site=site, role=role, control_of=sae_id,
        )  # fmt: skip
        running = SparseAutoencoder(control)
        for part in entities.parts(site):
            chosen = entities.newest if part == "case" else np.ones(len(entities.items), bool)
            _add_codes(audit, control_id, running, entities, part, _sampled(chosen, seed))
    return sae_id


def _judged(entities: Entities, part: str) -> FloatArray:
    return entities.cases[entities.judged] if part == "case" else entities.items


def _add_codes(
    audit: Audit,
    sae_id: int,
    sae: SparseAutoencoder,
    entities: Entities,
    part: str,
    chosen: NDArray[np.bool_],
) -> None:
    if part == "case":
        ids, vectors, owners = entities.case_id[chosen], entities.cases[chosen], entities.user[chosen]
        counted = entities.newest[chosen]
    else:
        ids, vectors, owners = entities.item_id[chosen], entities.items[chosen], entities.item_id[chosen]
        counted = np.ones(len(ids), bool)
    codes = sae.encode(vectors)
    write.add_activations(audit, sae_id, part, ids[codes.row], codes.latent, codes.value)
    write.add_latents(audit, sae_id, latent_statistics(codes, counted, owners, sae.decoder), part)


def _sampled(chosen: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    places = np.flatnonzero(chosen)
    if len(places) <= CONTROL_ROWS:
        return chosen
    kept = np.zeros_like(chosen)
    kept[np.random.default_rng(seed).choice(places, CONTROL_ROWS, replace=False)] = True
    return kept


def _check_width(spec: SaeSpec, vectors: FloatArray, part: str) -> None:
    width = vectors.shape[1]
    if spec.encoder.shape[1] != width:
        raise InputRefused(
            f"the SAE reads vectors of width {spec.encoder.shape[1]}, the model's {part} vectors are {width} wide",
            fix="give the SAE that was trained on this model",
        )
