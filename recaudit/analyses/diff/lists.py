"""Whose lists changed, how much, and which items gained and lost places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.diff.by_user import LIST_LENGTH, ORIGINAL
from recaudit.analyses.diff.sides import Side
from recaudit.analyses.diff.summary import Summary
from recaudit.datasets.popularity import Band, popularity_bands
from recaudit.metrics import intervals, judging, lists
from recaudit.metrics.intervals import Estimate
from recaudit.metrics.popularity import mean_over_places
from recaudit.store import concepts as store_concepts
from recaudit.store import diff as store
from recaudit.store import read

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BANDS = {Band.HEAD: "head", Band.MID: "middle", Band.TAIL: "tail", Band.UNSEEN: "never seen in training"}
KINDS = ("genre", "category")
"""Concepts whose places are followed."""
SHOWN_USERS = 5
SHOWN_ITEMS = 10


@dataclass(frozen=True)
class Item:
    """An item as people know it."""

    raw_id: str
    title: str | None


@dataclass(frozen=True)
class UserLists:
    """One user's first ten on both sides.

    Attributes:
        overlap, rbo: share of places in common, and rank-biased overlap (extrapolated, p = .9).
        ndcg_a, ndcg_b: NDCG@10 per held-out target; None without one.
    """

    user: str
    overlap: float
    rbo: float
    ndcg_a: float | None
    ndcg_b: float | None
    a: tuple[Item, ...]
    b: tuple[Item, ...]


@dataclass(frozen=True)
class Shift:
    """The share of places that some items hold: a band of popularity, or the items of a concept.

    Attributes:
        items: of A's catalogue.
        share_a, share_b: means over users.
        change: ``share_b - share_a``, its interval paired over users.
        q: of a change as large by chance, Benjamini-Hochberg over the shifts of its table.
    """

    name: str
    items: int
    share_a: float
    share_b: float
    change: Estimate
    q: float


@dataclass(frozen=True)
class ItemShift:
    """An item's places in all lists. ``train_count`` is A's; 0 for an item that A does not know."""

    item: Item
    train_count: int
    places_a: int
    places_b: int


@dataclass(frozen=True)
class ListDiff:
    """Lists of the users that have one on both sides.

    Attributes:
        users: how many, of ``of_a`` and ``of_b`` with a list.
        same: users whose lists are the same, place by place.
        overlap, rbo: means, 95 % intervals over users.
        by_chance: mean overlap of a user's list in A with another user's in B: what popular items alone give.
        counts: [11] users by items in common, none to ten.
        bands: by popularity; head and tail hold a fifth of A's training interactions each.
        concepts: by genre (or category), most changed first; an item of several counts in each.
        gained, lost: items by places, most first.
        most_changed: least rank-biased overlap first; among equals those who lost most NDCG.
    """

    users: int
    of_a: int
    of_b: int
    same: int
    overlap: Estimate
    rbo: Estimate
    by_chance: float
    counts: tuple[int, ...]
    bands: tuple[Shift, ...]
    concepts: tuple[Shift, ...]
    gained: tuple[ItemShift, ...]
    lost: tuple[ItemShift, ...]
    most_changed: tuple[UserLists, ...]


def compared(
    a: Side, b: Side, summary_a: Summary, summary_b: Summary, *, users: int = SHOWN_USERS, seed: int
) -> ListDiff | str:
    """Compare stored lists under the model's protocol, or say why they cannot be.

    Args:
        users: how many to show with both lists.
    """
    vocabulary = _Vocabulary(a, b)
    of_a, of_b = vocabulary.lists(a, 0), vocabulary.lists(b, 1)
    hashes, rows_a, rows_b = np.intersect1d(of_a.hashes, of_b.hashes, return_indices=True)
    if not len(hashes):
        return "no user has a list on both sides"
    items_a, items_b = of_a.items[rows_a], of_b.items[rows_b]
    overlap, rbo = lists.overlap(items_a, items_b), lists.rank_biased_overlap(items_a, items_b)
    common = np.rint(overlap * LIST_LENGTH).astype(np.int64)
    mean_overlap, mean_rbo = intervals.estimate(
        np.column_stack([overlap, rbo, np.ones(len(rbo))]), intervals.means, seed=seed
    )
    ndcg = np.column_stack([_ndcg(summary_a, hashes), _ndcg(summary_b, hashes)])
    order = np.lexsort((hashes, -np.nan_to_num(ndcg[:, 0] - ndcg[:, 1]), np.round(rbo, 9)))[:users]
    names = store.raw_users(a.audit, a.model.dataset_id, of_a.user[rows_a[order]])
    return ListDiff(
        users=len(hashes),
        of_a=len(of_a.hashes),
        of_b=len(of_b.hashes),
        same=int((items_a == items_b).all(axis=1).sum()),
        overlap=mean_overlap,
        rbo=mean_rbo,
        by_chance=_by_chance(items_a, items_b, seed),
        counts=tuple(int(n) for n in np.bincount(common, minlength=LIST_LENGTH + 1)),
        bands=_bands(vocabulary, items_a, items_b, seed),
        concepts=_concepts(vocabulary, a, items_a, items_b, seed),
        gained=_shifts(vocabulary, items_a, items_b, 1),
        lost=_shifts(vocabulary, items_a, items_b, -1),
        most_changed=tuple(
            UserLists(
                name,
                float(overlap[row]),
                float(rbo[row]),
                _or_none(ndcg[row, 0]),
                _or_none(ndcg[row, 1]),
                vocabulary.named(items_a[row]),
                vocabulary.named(items_b[row]),
            )
            for name, row in zip(names, order, strict=True)
            if rbo[row] < 1
        ),
    )


@dataclass(frozen=True)
class _Lists:
    hashes: NDArray[np.uint64]
    """[users with a list]."""
    user: IntArray
    """[users with a list] dense, on its own side."""
    items: IntArray
    """[users with a list, LIST_LENGTH] in the joint vocabulary, ``lists.EMPTY`` where a list ran out."""


class _Vocabulary:
    """Items of both sides under joint numbers, told by raw id."""

    def __init__(self, a: Side, b: Side) -> None:
        self._raw = [read.raw_items(one.audit, one.model.dataset_id) for one in (a, b)]
        hashes = [store.item_hashes(one.audit, one.model.dataset_id) for one in (a, b)]
        self._joint, inverse = np.unique(np.concatenate(hashes), return_inverse=True)
        self._number = [inverse[: len(hashes[0])], inverse[len(hashes[0]) :]]
        self._dense = [np.full(len(self), -1), np.full(len(self), -1)]
        for dense, number in zip(self._dense, self._number, strict=True):
            dense[number] = np.arange(len(number))
        counts = read.train_counts(a.audit, a.model.dataset_id)
        self.counts = np.zeros(len(self), dtype=np.int64)
        self.counts[self._number[0]] = counts
        self.bands = np.full(len(self), Band.UNSEEN, dtype=np.int8)
        self.bands[self._number[0]] = popularity_bands(counts)

    def __len__(self) -> int:
        return len(self._joint)

    def lists(self, side: Side, which: int) -> _Lists:
        """Stored lists of a side; ``which`` is 0 for A and 1 for B."""
        users, items = store.list_places(side.audit, side.model, None)
        user, first, length = np.unique(users, return_index=True, return_counts=True)
        place = np.arange(len(users)) - np.repeat(first, length)
        found = np.full((len(user), LIST_LENGTH), lists.EMPTY, dtype=np.int64)
        kept = place < LIST_LENGTH
        row = np.repeat(np.arange(len(user)), length)
        found[row[kept], place[kept]] = self._number[which][items[kept]]
        hashes = store.user_hashes(side.audit, side.model.dataset_id)[user]
        return _Lists(hashes, user, found)

    def named(self, items: IntArray) -> tuple[Item, ...]:
        """Items of a list, without the empty places."""
        return tuple(self.item(int(item)) for item in items if item != lists.EMPTY)

    def joint_of_a(self, items: IntArray) -> IntArray:
        """Joint numbers of A's dense items."""
        return self._number[0][items]

    def item(self, number: int) -> Item:
        """An item as A calls it, or B where A does not know it."""
        which = 0 if self._dense[0][number] >= 0 else 1
        raw, titles = self._raw[which]
        dense = self._dense[which][number]
        return Item(str(raw[dense]), titles[dense])


def _ndcg(summary: Summary, hashes: NDArray[np.uint64]) -> FloatArray:
    """NDCG@10 per held-out target of each user; NaN without one: [users]."""
    columns, found = summary.users.columns, np.full(len(hashes), np.nan)
    if f"{ORIGINAL}/ndcg@10" not in columns:
        return found
    _, mine, theirs = np.intersect1d(hashes, summary.users.hashes, return_indices=True)
    targets = columns[f"{ORIGINAL}/targets"][theirs]
    with np.errstate(divide="ignore", invalid="ignore"):
        found[mine] = np.where(targets > 0, columns[f"{ORIGINAL}/ndcg@10"][theirs] / targets, np.nan)
    return found


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _by_chance(items_a: IntArray, items_b: IntArray, seed: int) -> float:
    if len(items_a) < 2:
        return float("nan")
    dealt = np.random.default_rng(seed).permutation(len(items_a))
    # A shift of the dealt order gives nobody their own list.
    return float(lists.overlap(items_a[dealt], items_b[np.roll(dealt, 1)]).mean())


def _bands(vocabulary: _Vocabulary, items_a: IntArray, items_b: IntArray, seed: int) -> tuple[Shift, ...]:
    present = {name: vocabulary.bands == band for band, name in BANDS.items()}
    return _moved({name: has for name, has in present.items() if has.any()}, items_a, items_b, seed)


def _concepts(
    vocabulary: _Vocabulary, a: Side, items_a: IntArray, items_b: IntArray, seed: int
) -> tuple[Shift, ...]:
    """Places of A's genres or categories."""
    concepts, item, concept = store_concepts.item_concepts(a.audit, a.model.dataset_id)
    has = {}
    for row in concepts[concepts["kind"].isin(KINDS)].itertuples():
        has[str(row.name)] = np.zeros(len(vocabulary), dtype=bool)
        has[str(row.name)][vocabulary.joint_of_a(item[concept == row.concept_id])] = True
    moved = _moved(has, items_a, items_b, seed)
    return tuple(sorted(moved, key=lambda shift: (-abs(shift.change.value), shift.name)))


def _moved(
    groups: Mapping[str, NDArray[np.bool_]], items_a: IntArray, items_b: IntArray, seed: int
) -> tuple[Shift, ...]:
    """How the places of groups of items [joint items] moved."""
    if not groups:
        return ()
    shares = [
        np.column_stack([mean_over_places(items, has) for has in groups.values()])
        for items in (items_a, items_b)
    ]
    differences = shares[1] - shares[0]
    per_user = np.column_stack([differences, np.ones(len(items_a))])
    changes = intervals.estimate(per_user, intervals.means, seed=seed)
    errors = differences.std(axis=0) / np.sqrt(len(differences))
    ps = [judging.p_two_sided(one.value, float(error)) for one, error in zip(changes, errors, strict=True)]
    qs = judging.false_discoveries(ps)
    means = [part.mean(axis=0) for part in shares]
    return tuple(
        Shift(name, int(has.sum()), float(means[0][i]), float(means[1][i]), changes[i], qs[i])
        for i, (name, has) in enumerate(groups.items())
    )


def _shifts(
    vocabulary: _Vocabulary, items_a: IntArray, items_b: IntArray, sign: int
) -> tuple[ItemShift, ...]:
    places = [
        np.bincount(items[items != lists.EMPTY], minlength=len(vocabulary)) for items in (items_a, items_b)
    ]
    shift = sign * (places[1] - places[0])
    order = np.lexsort((np.arange(len(shift)), -shift))[:SHOWN_ITEMS]
    return tuple(
        ItemShift(
            vocabulary.item(int(number)),
            int(vocabulary.counts[number]),
            int(places[0][number]),
            int(places[1][number]),
        )
        for number in order
        if shift[number] > 0
    )
