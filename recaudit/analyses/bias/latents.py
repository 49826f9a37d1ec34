"""Which live latents go with popularity, or with a user group: of a dictionary and of its controls.

Cases: the newest of each user. A latent is live where it fires for at least ``LEAST_RATE`` of them; PopSteer's
statistic is largest on latents that never fire, which nothing can be steered with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csc_array

from recaudit.analyses.bias.material import Material
from recaudit.analyses.inputs import metric
from recaudit.metrics import contrasts, intervals
from recaudit.metrics.contrasts import Contrast, GroupContrast
from recaudit.metrics.enrichment import false_discovery
from recaudit.sae.affine import pre_activations
from recaudit.store import Audit, read
from recaudit.store.read import Model, Sae
from recaudit.store.write import Metric

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LEAST_RATE = 0.001
LEVEL = 0.05
EFFECT = {"spearman": 0.2, "d": 0.5}
"""|value| above which a latent counts as going with popularity."""
ACTIVATION, PRE_ACTIVATION = "activation", "pre-activation"
TAIL_SHARE, PROFILE, LISTED, ITEM = "tail share", "profile popularity", "list popularity", "item popularity"
SYNTHETIC, MATCHED = "synthetic", "synthetic matched"
OF_POPULARITY = (TAIL_SHARE, PROFILE, LISTED, ITEM, SYNTHETIC, MATCHED)

_STRATA = 5
_DECILE = 0.1
_GROUP_DRAWS = 200


@dataclass(frozen=True)
class Latents:
    """Live latents of one dictionary over some entities.

    Attributes:
        entity: [entities] dense users or items.
        latent: [live] their numbers.
        activation: [entities, live].
        pre_activation: likewise.
        n_latents: live or not.
    """

    entity: IntArray
    latent: IntArray
    activation: csc_array
    pre_activation: NDArray[np.float32]
    n_latents: int

    def parts(self) -> Iterator[tuple[str, csc_array | NDArray[np.float32]]]:
        """Activations, then pre-activations."""
        yield ACTIVATION, self.activation
        yield PRE_ACTIVATION, self.pre_activation


def of_cases(audit: Audit, model: Model, sae: Sae) -> Latents:
    """Over the newest case of every user."""
    cases = read.cases(audit, model, read.NEWEST_KINDS)
    return _latents(audit, model, sae, "case", cases.case_id, cases.user, cases.vectors)


def of_items(audit: Audit, model: Model, sae: Sae) -> Latents:
    """Over the items that can be recommended."""
    catalogue = read.catalogue(audit, model)
    return _latents(audit, model, sae, "item", catalogue.item_id, catalogue.item_id, catalogue.vectors)


def _latents(
    audit: Audit, model: Model, sae: Sae, kind: str, ids: IntArray, entity: IntArray, x: NDArray[np.float32]
) -> Latents:
    owner, latent, value = read.activations(audit, sae.sae_id, kind)
    row = np.full(int(max(owner.max(initial=-1), ids.max(initial=-1))) + 1, -1)
    row[ids] = np.arange(len(ids))
    kept = row[owner] >= 0
    codes = csc_array(
        (value[kept].astype(np.float64), (row[owner[kept]], latent[kept])), shape=(len(ids), sae.n_latents)
    )
    fires = np.bincount(latent[kept], minlength=sae.n_latents)
    live = np.flatnonzero(fires >= max(1.0, LEAST_RATE * len(ids)))
    spec = read.sae_spec(audit, model, sae)
    return Latents(entity, live, csc_array(codes[:, live]), pre_activations(spec, x, live), sae.n_latents)


def popularity(material: Material, found: Latents, listed: FloatArray, seed: int) -> pd.DataFrame:
    """Contrasts of real users: by tail share, by popularity of profile and of list.

    Args:
        listed: [dense user] mean log popularity of the list; NaN without one.
    """
    log = np.log1p(material.counts)
    had = material.profile_mean(log)[found.entity]
    length = material.lengths[found.entity]
    given = _ranked(length)[:, None]
    frames = []
    head, tail = extremes(material.profile_mean(material.tail)[found.entity], had)
    strata = quantiles(length, head | tail)
    for part, values in found.parts():
        contrast = contrasts.group_contrast(values, head, tail, strata, seed=seed)
        frames.append(_rows(found, TAIL_SHARE, part, "d", contrast, int((head | tail).sum())))
        for name, target in ((PROFILE, had), (LISTED, listed[found.entity])):
            known = np.flatnonzero(~np.isnan(target))
            correlation = contrasts.rank_correlation(
                _taken(values, known), target[known], given[known], seed=seed
            )
            frames.append(_rows(found, name, part, "spearman", correlation, len(known)))
    return pd.concat(frames, ignore_index=True)


def groups(material: Material, found: Latents, seed: int) -> pd.DataFrame:
    """Each user group against everyone else of its attribute, within fifths of activity."""
    length = material.lengths[found.entity]
    frames = []
    for own in material.attributes().values():
        members = [group.users[found.entity] for group in own]
        known = np.any(members, axis=0)
        strata = quantiles(length, known)
        for part, values in found.parts():
            told = contrasts.group_contrasts(values, members, known, strata, seed=seed, draws=_GROUP_DRAWS)
            frames += [
                _rows(found, group.name, part, "d", contrast, int(known.sum()))
                for group, contrast in zip(own, told, strict=True)
            ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def items(material: Material, found: Latents, seed: int) -> pd.DataFrame:
    """Item side: correlation with training interactions, and Monosemanticity4Rec's mean rank."""
    counts = material.counts[found.entity]
    frames = []
    for part, values in found.parts():
        correlation = contrasts.rank_correlation(values, counts.astype(np.float64), seed=seed)
        frames.append(_rows(found, ITEM, part, "spearman", correlation, len(counts), "item"))
    rank = contrasts.mean_rank(found.activation, counts)
    frame = pd.DataFrame({"latent": found.latent, "value": rank.value, "p": rank.p, "n": rank.n})
    frame = frame.assign(q=false_discovery(rank.p), expected=rank.expected, entity_kind="item", contrast=ITEM)
    return pd.concat(
        [*frames, _tested(frame.assign(part=ACTIVATION, statistic="mean rank"))], ignore_index=True
    )


def pairs(
    found: Latents, name: str, first: tuple[NDArray[np.float32], csc_array], second: tuple[NDArray[np.float32], csc_array],
    seed: int,
) -> pd.DataFrame:  # fmt: skip
    """Made-up users of head items against their twins of tail items.

    Args:
        first, second: pre-activations [pairs, live] and activations [pairs, live].
    """
    frames = []
    for part, one, other in ((ACTIVATION, first[1], second[1]), (PRE_ACTIVATION, first[0], second[0])):
        contrast = contrasts.paired_contrast(one, other, seed=seed)
        frames.append(_rows(found, name, part, "d", contrast, one.shape[0]))
    return pd.concat(frames, ignore_index=True)


def numbers(found: Latents, frame: pd.DataFrame, seed: int) -> list[Metric]:
    """``popularity.latents`` and ``popularity.latent_mass`` of each contrast with popularity."""
    metrics = []
    shown = frame[frame["contrast"].isin(OF_POPULARITY) & frame["statistic"].isin(list(EFFECT))]
    mass = np.asarray(found.activation.sum(axis=1), dtype=np.float64)
    for (contrast, part, statistic), rows in shown.groupby(["contrast", "part", "statistic"], sort=True):
        chosen = rows[(rows["q"] <= LEVEL) & (rows["value"].abs() >= EFFECT[str(statistic)])]
        slice_ = {"contrast": str(contrast), "part": str(part)}
        metrics.append(
            Metric("popularity.latents", len(chosen), len(found.latent), unit="live latents", slice=slice_)
        )
        if part == ACTIVATION and mass.sum() > 0:
            columns = np.flatnonzero(np.isin(found.latent, chosen["latent"]))
            held = np.asarray(found.activation[:, columns].sum(axis=1), dtype=np.float64)
            (share,) = intervals.estimate(np.column_stack([held, mass]), intervals.means, seed=seed)
            metrics.append(metric("popularity.latent_mass", share, better="none", slice_=slice_))
    return metrics


def extremes(tail_share: FloatArray, popularity: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Tenths of entities with the smallest and the largest tail share; equal ones go by profile popularity."""
    known = np.flatnonzero(~np.isnan(tail_share))
    order = known[np.lexsort((-popularity[known], tail_share[known]))]
    size = int(len(order) * _DECILE)
    head, tail = (np.zeros(len(tail_share), dtype=bool) for _ in range(2))
    head[order[:size]] = True
    tail[order[len(order) - size :]] = True
    return head, tail


def quantiles(length: FloatArray, among: BoolArray, count: int = _STRATA) -> IntArray:
    """Fifth of activity of each entity, cut among some of them: [entities] from 0."""
    if not among.any():
        return np.zeros(len(length), dtype=np.int64)
    cuts = np.quantile(length[among], np.arange(1, count) / count)
    return np.searchsorted(cuts, length, side="left").astype(np.int64)


def _ranked(column: FloatArray) -> FloatArray:
    return contrasts.midranks(column[:, None])[:, 0]


def _taken(values: csc_array | NDArray[np.float32], rows: IntArray) -> csc_array | NDArray[np.float32]:
    if len(rows) == values.shape[0]:
        return values
    return csc_array(values[rows]) if isinstance(values, csc_array) else values[rows]


def _rows(
    found: Latents, name: str, part: str, statistic: str, figures: Contrast, n: int, kind: str = "case"
) -> pd.DataFrame:
    moments = [f.name for f in fields(GroupContrast)] if isinstance(figures, GroupContrast) else []
    columns = {key: getattr(figures, key) for key in dict.fromkeys(["value", "low", "high", "p", *moments])}
    frame = pd.DataFrame({"latent": found.latent, **columns, "q": false_discovery(figures.p), "n": n})
    return _tested(frame.assign(entity_kind=kind, contrast=name, part=part, statistic=statistic))


def _tested(frame: pd.DataFrame) -> pd.DataFrame:
    """Only where there is a figure: a latent that does not vary has none."""
    return frame[frame["value"].notna() & frame["p"].notna()]
