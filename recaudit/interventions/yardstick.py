"""What lists and ranks are measured by: popularity of items, their concepts, users' profiles and groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.datasets.popularity import Band, popularity_bands
from recaudit.errors import UsageError
from recaudit.interventions.bench import Bench, Outcome
from recaudit.metrics import lists, popularity, ranking
from recaudit.store import Audit
from recaudit.store import concepts as concept_store
from recaudit.store import popularity as profile_store
from recaudit.text import printable

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

K = 10
_BANDS = {"head": Band.HEAD, "mid": Band.MID, "tail": Band.TAIL}


@dataclass(frozen=True)
class Concept:
    """A named property of items."""

    kind: str
    name: str
    items: BoolArray
    """[items]"""


@dataclass(frozen=True)
class Yardstick:
    """See ``of_audit``.

    Attributes:
        bench: whose lists are measured.
        counts: [items] training interactions.
        bands: [items] ``datasets.popularity.Band``.
        candidates: dense ids of the items that can be recommended.
        genres: [items + 1, genres] share of each genre in an item, which sum to 1 where it has any; the last row, of no
            item, is naught. None where the data has no genres.
        profiles: [listed, genres] training interactions of each listed user by genre.
        groups: ``attribute=value`` to users [dense user] in it.
        concepts: watched ones.
    """

    bench: Bench
    counts: IntArray
    bands: NDArray[np.int8]
    candidates: IntArray
    genres: FloatArray | None
    profiles: FloatArray | None
    groups: dict[str, BoolArray]
    concepts: tuple[Concept, ...]

    @cached_property
    def unedited(self) -> list[Measure]:
        """Measures of the model as it is."""
        return measures(self, self.bench.unedited)

    @cached_property
    def of_unedited_lists(self) -> list[FloatArray]:
        """``values_of_lists`` of the model as it is."""
        return values_of_lists(self, self.bench.unedited.items, slice(None))


@dataclass(frozen=True)
class Measure:
    """One number of lists or ranks, row by row: its mean over the rows that count.

    Attributes:
        name: without prefix, as in ``popularity.arp@10`` or ``ranking.ndcg@10``.
        rows: ``lists`` or ``targets``.
        values: [rows]
        counted: [rows]
    """

    name: str
    slice: dict[str, str]
    rows: str
    better: str
    values: FloatArray
    counted: BoolArray

    @cached_property
    def mean(self) -> float:
        """NaN where no row counts."""
        n = int(self.counted.sum())
        return float(self.values[self.counted].sum() / n) if n else float("nan")


def of_audit(audit: Audit, bench: Bench, *, watched: Sequence[str] = ()) -> Yardstick:
    """Everything read once.

    Args:
        watched: concepts to follow, ``Horror`` or ``genre:Horror``.

    Raises:
        UsageError: no such concept; shows some there are.
    """
    dataset = bench.inputs.model.dataset_id
    frame, item, concept = concept_store.item_concepts(audit, dataset)
    n_items = bench.field.n_items
    column = np.searchsorted(frame["concept_id"].to_numpy(), concept)
    has = csr_array((np.ones(len(item)), (item, column)), shape=(n_items, len(frame)))
    genre_columns = np.flatnonzero((frame["kind"] == "genre").to_numpy())
    genres = _shares(has[:, genre_columns].toarray()) if len(genre_columns) else None
    return Yardstick(
        bench=bench,
        counts=bench.counts,
        bands=popularity_bands(bench.counts),
        candidates=bench.field.catalogue.item_id,
        genres=genres,
        profiles=None if genres is None else _profiles(audit, bench, genres),
        groups=_groups(audit, bench),
        concepts=tuple(found(frame, has, name) for name in watched),
    )


def found(frame: pd.DataFrame, has: csr_array, name: str) -> Concept:
    """The concept of that name, ``kind:`` in front where several kinds have one."""
    kind, _, rest = name.partition(":")
    known = frame["kind"].unique()
    wanted = frame["name"] == (rest if rest and kind in known else name)
    if rest and kind in known:
        wanted &= frame["kind"] == kind
    places = np.flatnonzero(wanted.to_numpy())
    if len(places) != 1:
        names = ", ".join(
            printable(f"{k}:{n}", 32) for k, n in frame[["kind", "name"]].head(8).itertuples(index=False)
        )
        raise UsageError(
            f"{'no' if not len(places) else 'more than one'} concept {printable(name)} in the data",
            fix=f"write kind:name, for example {names}" if names else "ingest data with genres or tags",
        )
    row = frame.iloc[int(places[0])]
    return Concept(str(row["kind"]), str(row["name"]), has[:, places].toarray()[:, 0] > 0)


def measures(yardstick: Yardstick, outcome: Outcome) -> list[Measure]:
    """Every number of an outcome that is a mean over rows."""
    return [*_of_targets(yardstick, outcome), *_of_lists(yardstick, outcome)]


def exposure(bench: Bench, outcome: Outcome) -> csr_array:
    """Places each candidate holds in each user's list: [listed, candidates]."""
    return popularity.exposure_matrix(_columns(bench, outcome), len(bench.field.catalogue.item_id))


def whole_exposure(bench: Bench, outcome: Outcome) -> FloatArray:
    """Places each candidate holds in all lists: [candidates]."""
    columns = _columns(bench, outcome)
    n_items = len(bench.field.catalogue.item_id)
    return np.bincount(columns[columns != lists.EMPTY], minlength=n_items).astype(np.float64)


def _columns(bench: Bench, outcome: Outcome) -> IntArray:
    column = bench.field.catalogue.column_of(bench.field.n_items)
    filled = outcome.items != lists.EMPTY
    return np.where(filled, column[np.where(filled, outcome.items, 0)], lists.EMPTY)


def _of_targets(yardstick: Yardstick, outcome: Outcome) -> Iterable[Measure]:
    if not len(outcome.ranks):
        return
    inputs = yardstick.bench.inputs
    users, band = inputs.target_users, yardstick.bands[inputs.targets.item]
    everyone = np.ones(len(users), dtype=bool)
    parts: list[tuple[dict[str, str], BoolArray]] = [({}, everyone)]
    parts += [({"target": name}, band == value) for name, value in _BANDS.items()]
    parts += [({"group": name}, member[users]) for name, member in yardstick.groups.items()]
    for name, values in (
        (f"ndcg@{K}", ranking.ndcg(outcome.ranks, K)),
        (f"hr@{K}", ranking.hit(outcome.ranks, K)),
    ):
        for slice_, counted in parts:
            yield Measure(name, slice_, "targets", "higher", values, counted)


def _of_lists(yardstick: Yardstick, outcome: Outcome) -> Iterable[Measure]:
    filled = (outcome.items != lists.EMPTY).any(axis=1)
    users = yardstick.bench.inputs.listed_users
    same, arp, tail, *others = _updated(yardstick, outcome.items)
    found = [(f"arp@{K}", "none", arp), (f"long_tail_share@{K}", "higher", tail)]
    if yardstick.profiles is not None:
        found.append((f"miscalibration@{K}", "lower", others.pop(0)))
    parts: list[tuple[dict[str, str], BoolArray]] = [({}, np.ones(len(users), dtype=bool))]
    parts += [({"group": name}, member[users]) for name, member in yardstick.groups.items()]
    for name, better, values in found:
        known = filled & ~np.isnan(values)
        for slice_, counted in parts:
            yield Measure(name, slice_, "lists", better, np.where(known, values, 0), known & counted)
    for concept, share in zip(yardstick.concepts, others, strict=True):
        slice_ = {"concept": f"{concept.kind}:{concept.name}"}
        hit = np.where(filled, share > 0, 0).astype(np.float64)
        yield Measure(f"concept_hit@{K}", slice_, "lists", "none", hit, filled)
        yield Measure(f"concept_share@{K}", slice_, "lists", "none", np.where(filled, share, 0), filled)
    yield Measure(f"overlap@{K}", {}, "lists", "none", np.where(filled, same, 0), filled)


def _updated(yardstick: Yardstick, items: IntArray) -> list[FloatArray]:
    """``values_of_lists``, looked up for lists that are as they were."""
    changed = (items != yardstick.bench.unedited.items).any(axis=1)
    found = []
    for before, after in zip(
        yardstick.of_unedited_lists, values_of_lists(yardstick, items[changed], changed), strict=True
    ):
        values = before.copy()
        values[changed] = after
        found.append(values)
    return found


def values_of_lists(yardstick: Yardstick, items: IntArray, rows: slice | BoolArray) -> list[FloatArray]:
    """What lists are measured by, each list for itself: overlap with the unedited list, mean popularity, share of the tail,
    miscalibration where there are genres, share of every watched concept. NaN where a list has none.

    Args:
        items: lists of some listed users.
        rows: which users.
    """
    tail = (yardstick.bands == Band.TAIL).astype(np.float64)
    found = [
        lists.overlap(items, yardstick.bench.unedited.items[rows]),
        popularity.mean_over_places(items, yardstick.counts),
        popularity.mean_over_places(items, tail),
    ]
    if yardstick.genres is not None and yardstick.profiles is not None:
        mix = mix_of_lists(items, yardstick.genres)
        found.append(popularity.jensen_shannon(mix, yardstick.profiles[rows]))
    for concept in yardstick.concepts:
        found.append(popularity.mean_over_places(items, concept.items.astype(np.float64)))
    return found


def mix_of_lists(items: IntArray, genres: FloatArray) -> FloatArray:
    """[rows, genres] how much of each list each genre has; an item's genres share its place evenly.

    Args:
        genres: as in ``Yardstick``.
    """
    mix = np.zeros((len(items), genres.shape[1]))
    for place in np.sort(items, axis=1).T:  # by item: the same sum however the list is ordered
        mix += genres[place]  # EMPTY is the last row
    return mix


def _shares(has: FloatArray) -> FloatArray:
    """Items' genres as shares, with a row of none behind them."""
    of_item = has * (1 / np.maximum(has.sum(axis=1), 1))[:, None]
    return np.vstack([of_item, np.zeros(has.shape[1])])


def _profiles(audit: Audit, bench: Bench, genres: FloatArray) -> FloatArray:
    user, item = profile_store.profiles(audit, bench.inputs.model.dataset_id)
    listed = bench.inputs.listed_users
    place = np.full(max(int(user.max(initial=0)), int(listed.max(initial=0))) + 1, -1)
    place[listed] = np.arange(len(listed))
    inside = place[user] >= 0
    held = csr_array(
        (np.ones(int(inside.sum())), (place[user[inside]], item[inside])),
        shape=(len(listed), len(genres)),
    )
    return np.asarray(held @ genres)


def _groups(audit: Audit, bench: Bench) -> dict[str, BoolArray]:
    frame = concept_store.user_groups(audit, bench.inputs.model.dataset_id)
    n_users = int(bench.field.cases.user.max(initial=-1)) + 1
    groups = {}
    for (attribute, value), rows in frame.groupby(["kind", "name"], sort=True):
        member = np.zeros(n_users, dtype=bool)
        inside = rows["user_id"].to_numpy()
        member[inside[inside < n_users]] = True
        groups[f"{attribute}={value}"] = member
    return groups
