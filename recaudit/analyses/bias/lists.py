"""Popularity, concentration, coverage and calibration of lists: of everyone, by user group, by quarter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.analyses.bias.material import LEAST_USERS, Group, Material
from recaudit.analyses.inputs import metric
from recaudit.metrics import intervals, popularity
from recaudit.metrics.lists import EMPTY
from recaudit.store.write import Metric

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

K = 10
_GROUP_DRAWS = 200
_MANY_CONCEPTS = 60
"""Concepts of a kind above which exposure is kept for everyone only, not by group."""


@dataclass(frozen=True)
class Lists:
    """``items`` [users, K] dense items, best first, ``EMPTY`` where a list ended; ``users`` [users] dense."""

    users: IntArray
    items: IntArray

    def of(self, members: BoolArray) -> Lists:
        """Those of some users [dense user]."""
        inside = members[self.users]
        return Lists(self.users[inside], self.items[inside])


def from_columns(columns: dict[str, NDArray[np.generic]]) -> Lists:
    """Lists from their places, ``user_id, rank, item_id``."""
    users, row = np.unique(columns["user_id"].astype(np.int64), return_inverse=True)
    place = columns["rank"].astype(np.int64) - 1
    items = np.full((len(users), K), EMPTY, dtype=np.int64)
    kept = place < K
    items[row[kept], place[kept]] = columns["item_id"].astype(np.int64)[kept]
    return Lists(users, items)


def audit(material: Material, lists: Lists, ranking: str, seed: int) -> list[Metric]:
    """Every ``popularity.*`` number of one set of lists.

    Args:
        ranking: ``original`` or ``reconstructed``, for the slice.
    """
    found = [*_of(material, lists, {"ranking": ranking}, seed, intervals.DRAWS)]
    found += _as_others_have_it(material, lists, ranking)
    for attribute in dict.fromkeys(group.attribute for group in (*material.groups, *material.quarters)):
        groups = [g for g in (*material.groups, *material.quarters) if g.attribute == attribute]
        found += _by_group(material, lists, groups, ranking, seed)
    return found


def _by_group(
    material: Material, lists: Lists, groups: list[Group], ranking: str, seed: int
) -> Iterator[Metric]:
    parts = [(group, lists.of(group.users)) for group in groups]
    parts = [(group, own) for group, own in parts if len(own.users) >= LEAST_USERS]
    if len(parts) < 2:
        return
    size = min(len(own.users) for _, own in parts)
    for group, own in parts:
        slice_ = {"ranking": ranking, "group": group.name}
        yield from _of(material, own, slice_, seed, _GROUP_DRAWS)
        statistics = [popularity.gini, popularity.coverage]
        fair = popularity.rarefied(_exposure(material, own), size, statistics, seed=seed)
        for name, better, value in zip(("gini", "coverage"), ("lower", "higher"), fair, strict=True):
            yield Metric(f"popularity.{name}_rarefied@{K}", value, size, better=better, slice=slice_)


def _of(material: Material, lists: Lists, slice_: dict[str, str], seed: int, draws: int) -> Iterator[Metric]:
    for name, better, values in _by_user(material, lists):
        known = values[~np.isnan(values)]
        if len(known):
            rows = np.column_stack([known, np.ones(len(known))])
            (estimate,) = intervals.estimate(rows, intervals.means, seed=seed, draws=draws)
            yield metric(f"popularity.{name}@{K}", estimate, better=better, slice_=slice_)
    if not len(lists.users):
        return
    tail, unpopular = (mask[material.candidates] for mask in (material.tail, material.bands < 1))
    named = [
        ("gini", "lower", popularity.gini),
        ("coverage", "higher", popularity.coverage),
        ("deep_tail_coverage", "higher", lambda c: popularity.coverage(c[..., tail])),
        ("long_tail_coverage", "higher", lambda c: popularity.coverage(c[..., unpopular])),
    ]
    exposure = _exposure(material, lists)
    found = popularity.exposure_interval(exposure, [one for *_, one in named], seed=seed, draws=draws)
    for (name, better, _), (value, low, high) in zip(named, found, strict=True):
        bounded = intervals.Estimate(value, max(low, 0.0), min(high, 1.0), len(lists.users))
        yield metric(f"popularity.{name}@{K}", bounded, better=better, slice_=slice_)
    ceiling = popularity.list_length_ceiling(int(exposure.sum()), int(tail.sum()))
    yield Metric(f"popularity.deep_tail_ceiling@{K}", ceiling, len(lists.users), slice=slice_)


def _by_user(material: Material, lists: Lists) -> Iterator[tuple[str, str, FloatArray]]:
    listed = popularity.mean_over_places(lists.items, material.counts)
    had = material.profile_mean(material.counts)[lists.users]
    yield "arp", "none", listed
    with np.errstate(divide="ignore", invalid="ignore"):
        yield "lift", "none", (listed - had) / had
    yield "long_tail_share", "higher", popularity.mean_over_places(lists.items, material.tail)
    genres = material.kind("genre")
    if genres.shape[1] > 1:
        mix = mixes(lists, genres)
        profile = np.asarray((material.profiles[lists.users] @ genres).toarray())
        yield "miscalibration", "lower", popularity.jensen_shannon(mix, profile)


def _as_others_have_it(material: Material, lists: Lists, ranking: str) -> Iterator[Metric]:
    """The same under other tools' definitions, where they differ."""
    if not len(lists.users):
        return
    exposure = np.asarray(_exposure(material, lists).sum(axis=0), dtype=np.float64)
    counts = material.counts
    shown = np.unique(lists.items[lists.items != EMPTY])
    normalised = counts / max(counts.max(initial=0), 1)
    named = {
        "recbole_gini": popularity.gini(np.append(exposure, 0.0)),
        "recbole_shannon_entropy": popularity.shannon_entropy(exposure) / max(len(shown), 1),
        "recbole_tail_percentage": np.nanmean(
            popularity.mean_over_places(lists.items, popularity.tail_items(counts))
        ),
        "evidently_gini": popularity.evidently_gini(exposure),
        "evidently_coverage": popularity.coverage(exposure[counts[material.candidates] > 0]),
        "popsteer_arp": normalised[shown].mean(),
    }
    for name, value in named.items():
        yield Metric(f"popularity.{name}@{K}", float(value), len(lists.users), slice={"ranking": ranking})


def exposure_of_concepts(material: Material, lists: Lists, seed: int) -> pd.DataFrame:
    """Rows of the table ``exposure``, for everyone and by group."""
    frames = []
    everyone = Group("", "", np.ones(material.profiles.shape[0], dtype=bool))
    for kind in material.concepts["kind"].unique():
        share = material.kind(str(kind))
        names = material.concepts.loc[material.concepts["kind"] == kind, "name"].to_numpy(object)
        groups = material.groups if len(names) <= _MANY_CONCEPTS else ()
        catalogue = np.asarray(share[material.candidates].sum(axis=0)) / len(material.candidates)
        for group in (everyone, *groups):
            own = lists.of(group.users)
            if not len(own.users):
                continue
            held = mixes(own, share)
            places = (own.items != EMPTY).sum(axis=1)
            estimates = intervals.estimate(
                np.column_stack([held, places]), intervals.means, seed=seed, draws=_GROUP_DRAWS
            )
            profiles = material.profiles[own.users]
            had = np.asarray((profiles @ share).sum(axis=0)) / profiles.sum()
            frames.append(
                pd.DataFrame(
                    {
                        "attribute": group.attribute or None,
                        "value": group.value or None,
                        "kind": kind,
                        "concept": names,
                        "share": [one.value for one in estimates],
                        "low": [one.low for one in estimates],
                        "high": [one.high for one in estimates],
                        "catalogue_share": catalogue,
                        "profile_share": had,
                        "n": len(own.users),
                    }
                ).astype({"attribute": object, "value": object})
            )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def mixes(lists: Lists, share: csr_array) -> FloatArray:
    """[users, concepts] places that each concept holds in each list."""
    exposure = popularity.exposure_matrix(lists.items, share.shape[0])
    return np.asarray((exposure @ share).toarray())


def _exposure(material: Material, lists: Lists) -> csr_array:
    """[users, candidates]"""
    exposure = popularity.exposure_matrix(lists.items, len(material.counts))
    return csr_array(exposure[:, material.candidates])
