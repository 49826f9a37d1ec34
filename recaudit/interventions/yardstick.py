"""What lists and ranks are measured by: popularity of items, their concepts, users' profiles and groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
        counts: [items] training interactions.
        bands: [items] ``datasets.popularity.Band``.
        candidates: dense ids of the items that can be recommended.
        genres: [items, genres] 1 where an item has it; None where the data has no genres.
        profiles: [listed, genres] training interactions of each listed user by genre.
        groups: ``attribute=value`` to users [dense user] in it.
        concepts: watched ones.
    """

    counts: IntArray
    bands: NDArray[np.int8]
    candidates: IntArray
    genres: csr_array | None
    profiles: FloatArray | None
    groups: dict[str, BoolArray]
    concepts: tuple[Concept, ...]


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

    @property
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
    genres = csr_array(has[:, genre_columns]) if len(genre_columns) else None
    return Yardstick(
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


def measures(bench: Bench, yardstick: Yardstick, outcome: Outcome) -> list[Measure]:
    """Every number of an outcome that is a mean over rows."""
    return [*_of_targets(bench, yardstick, outcome), *_of_lists(bench, yardstick, outcome)]


def exposure(bench: Bench, outcome: Outcome) -> csr_array:
    """Places each candidate holds in each user's list: [listed, candidates]."""
    column = bench.field.catalogue.column_of(bench.field.n_items)
    filled = outcome.items != lists.EMPTY
    return popularity.exposure_matrix(
        np.where(filled, column[np.where(filled, outcome.items, 0)], lists.EMPTY),
        len(bench.field.catalogue.item_id),
    )


def _of_targets(bench: Bench, yardstick: Yardstick, outcome: Outcome) -> Iterable[Measure]:
    if not len(outcome.ranks):
        return
    users, band = bench.inputs.target_users, yardstick.bands[bench.inputs.targets.item]
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


def _of_lists(bench: Bench, yardstick: Yardstick, outcome: Outcome) -> Iterable[Measure]:
    items = outcome.items
    filled = (items != lists.EMPTY).any(axis=1)
    users = bench.inputs.listed_users
    tail = yardstick.bands == Band.TAIL
    found: list[tuple[str, str, FloatArray]] = [
        (f"arp@{K}", "none", popularity.mean_over_places(items, yardstick.counts)),
        (f"long_tail_share@{K}", "higher", popularity.mean_over_places(items, tail.astype(np.float64))),
    ]
    if yardstick.genres is not None and yardstick.profiles is not None:
        mix = mix_of_lists(items, yardstick.genres)
        found.append((f"miscalibration@{K}", "lower", popularity.jensen_shannon(mix, yardstick.profiles)))
    parts: list[tuple[dict[str, str], BoolArray]] = [({}, np.ones(len(users), dtype=bool))]
    parts += [({"group": name}, member[users]) for name, member in yardstick.groups.items()]
    for name, better, values in found:
        known = filled & ~np.isnan(values)
        for slice_, counted in parts:
            yield Measure(name, slice_, "lists", better, np.where(known, values, 0), known & counted)
    for concept in yardstick.concepts:
        share = popularity.mean_over_places(items, concept.items.astype(np.float64))
        slice_ = {"concept": f"{concept.kind}:{concept.name}"}
        hit = np.where(filled, share > 0, 0).astype(np.float64)
        yield Measure(f"concept_hit@{K}", slice_, "lists", "none", hit, filled)
        yield Measure(f"concept_share@{K}", slice_, "lists", "none", np.where(filled, share, 0), filled)
    same = lists.overlap(items, bench.unedited.items)
    yield Measure(f"overlap@{K}", {}, "lists", "none", np.where(filled, same, 0), filled)


def mix_of_lists(items: IntArray, genres: csr_array) -> FloatArray:
    """[rows, genres] how much of each list each genre has; an item's genres share its place evenly."""
    row, place = np.nonzero(items != lists.EMPTY)
    of_item = genres.multiply(1 / np.maximum(genres.sum(axis=1), 1)[:, None]).tocsr()
    held = csr_array((np.ones(len(row)), (row, items[row, place])), shape=(len(items), genres.shape[0]))
    return np.asarray((held @ of_item).toarray())


def _profiles(audit: Audit, bench: Bench, genres: csr_array) -> FloatArray:
    user, item = profile_store.profiles(audit, bench.inputs.model.dataset_id)
    listed = bench.inputs.listed_users
    place = np.full(max(int(user.max(initial=0)), int(listed.max(initial=0))) + 1, -1)
    place[listed] = np.arange(len(listed))
    inside = place[user] >= 0
    held = csr_array(
        (np.ones(int(inside.sum())), (place[user[inside]], item[inside])),
        shape=(len(listed), genres.shape[0]),
    )
    of_item = genres.multiply(1 / np.maximum(genres.sum(axis=1), 1)[:, None]).tocsr()
    return np.asarray((held @ of_item).toarray())


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
