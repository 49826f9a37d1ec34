"""The latents of two dictionaries: which is which, which have only relatives, which nothing stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from recaudit.analyses.concepts import inputs, nulls
from recaudit.analyses.concepts.inputs import AttributedScores
from recaudit.analyses.diff import matching
from recaudit.analyses.diff.matching import Chance, Matching
from recaudit.analyses.diff.sides import Shared, Side, shared_items, shared_users
from recaudit.metrics import lists
from recaudit.metrics.selection import MatrixScores, Scores
from recaudit.store import diff as store
from recaudit.store import popularity, read
from recaudit.store.read import Sae

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

COSINE, CORRELATION = "decoder cosine", "correlation of codes"
LEAST_FIRES = 10
"""Shared entities that a latent has to fire on before its correlation says anything."""
LEAST_SHARED = 50
MOST_SHARED = 10_000
"""Shared entities beyond which correlations rest on a random part of them: their error is .01 then."""
TOP = 10


@dataclass(frozen=True)
class LatentPair:
    """A latent of A and the one of B that was assigned to it.

    Attributes:
        score: what they were matched by, see ``LatentDiff.by``.
        q: of reaching that score by chance.
        kept: ``q`` is at most 5 %.
        correlation: of their codes over shared entities; None where a side is rare there.
        overlap: share of their first ten items in common; None where items have no scores.
    """

    a: int
    b: int
    score: float
    q: float
    kept: bool
    correlation: float | None
    overlap: float | None


@dataclass(frozen=True)
class Relative:
    """A latent without a partner of its own, whose best counterpart scores above chance."""

    latent: int
    other: int
    score: float
    q: float


@dataclass(frozen=True)
class LatentDiff:
    """What became of A's latents in B.

    Attributes:
        by: ``COSINE`` or ``CORRELATION``.
        about: over what, and whether the spaces agree, in words.
        compared_a, compared_b: latents that took part.
        rare_a, rare_b: latents left out for firing on too few shared entities.
        pairs: the assignment, best score first.
        merged: latents of A whose counterpart in B has a partner already.
        split: latents of B whose counterpart in A has a partner already.
        lost, new: latents of A, of B, that nothing on the other side resembles more than chance.
        chance: kind of chance to its median best score, of A's latents.
        overlap_by_chance: mean overlap of first items of latents paired at random; None without item scores.
        names_a, names_b: names of latents, by hand or verified.
    """

    by: str
    about: str
    compared_a: int
    compared_b: int
    rare_a: int
    rare_b: int
    pairs: tuple[LatentPair, ...]
    merged: tuple[Relative, ...]
    split: tuple[Relative, ...]
    lost: tuple[int, ...]
    new: tuple[int, ...]
    chance: dict[str, float]
    overlap_by_chance: float | None
    names_a: dict[int, str]
    names_b: dict[int, str]

    @property
    def kept(self) -> tuple[LatentPair, ...]:
        """Pairs that score above chance."""
        return tuple(pair for pair in self.pairs if pair.kept)


def compared(a: Side, b: Side, *, seed: int) -> LatentDiff | str:
    """Match the latents of both sides, or say why they cannot be."""
    if a.sae is None or b.sae is None:
        without = " and ".join(one.model.name for one in (a, b) if one.sae is None)
        return f"{without} has no sparse autoencoder"
    kinds = [kind for kind in a.sae.entity_kinds if kind in b.sae.entity_kinds]
    if not kinds:
        return "one dictionary encodes users, the other items"
    whole = shared_users(a, b) if kinds[0] == "case" else shared_items(a, b)
    same = same_space(a, b)
    if not same and len(whole) < LEAST_SHARED:
        return f"{whole.about}: too few to correlate latents over, and the spaces differ"
    shared = whole.drawn(MOST_SHARED, seed)
    codes = _Codes(_of_shared(a, a.sae, shared.kind, shared.a), _of_shared(b, b.sae, shared.kind, shared.b))
    scored = _by_decoder(a, b, seed) if same else _by_codes(a, b, shared, codes, seed)
    if not len(scored.a) or not len(scored.b):
        return "no latent fires on enough shared entities"
    found = matching.matched(scored.scores, scored.chances.values(), scored.fires_a, scored.fires_b)
    merged, lost = _left(scored.a, scored.b, found.a[found.kept], found.best_b, found.best_b_q, scored.scores)
    split, new = _left(scored.b, scored.a, found.b[found.kept], found.best_a, found.best_a_q, scored.scores.T)
    pairs, overlap_by_chance = _pairs(a, b, scored, found, codes, seed)
    part = "" if len(shared) == len(whole) else f"{len(shared):,} of "
    return LatentDiff(
        by=COSINE if same else CORRELATION,
        about="in one space (same checkpoint, same site)" if same else f"over {part}{whole.about}",
        compared_a=len(scored.a),
        compared_b=len(scored.b),
        rare_a=scored.rare_a,
        rare_b=scored.rare_b,
        pairs=pairs,
        merged=merged,
        split=split,
        lost=lost,
        new=new,
        chance={kind: float(np.median(chance.of_a)) for kind, chance in scored.chances.items()},
        overlap_by_chance=overlap_by_chance,
        names_a=popularity.latent_names(a.audit, a.sae),
        names_b=popularity.latent_names(b.audit, b.sae),
    )


def same_space(a: Side, b: Side) -> bool:
    """Whether decoder rows of both lie in one space: the same vectors of the same checkpoint, scaled alike."""
    assert a.sae is not None
    assert b.sae is not None
    return (
        a.model.sha256 == b.model.sha256
        and a.model.site == b.model.site
        and (a.sae.dim, a.sae.site, a.sae.norm_in) == (b.sae.dim, b.sae.site, b.sae.norm_in)
    )


@dataclass(frozen=True)
class _Codes:
    """Codes of the shared entities, in one order, on both sides: [shared, latents]."""

    a: csc_array
    b: csc_array

    @property
    def fires(self) -> tuple[IntArray, IntArray]:
        """Shared entities on which each latent fires."""
        return np.diff(self.a.indptr), np.diff(self.b.indptr)


@dataclass(frozen=True)
class _Scored:
    """Latents of both sides that take part, and how they score with each other."""

    a: IntArray
    b: IntArray
    fires_a: IntArray
    fires_b: IntArray
    scores: FloatArray
    chances: dict[str, Chance]
    rare_a: int = 0
    rare_b: int = 0


def _of_shared(side: Side, sae: Sae, kind: str, ids: IntArray) -> csc_array:
    order = np.argsort(ids, kind="stable")
    back = np.argsort(order, kind="stable")
    return inputs.codes(side.audit, sae, kind, ids[order])[back].tocsc()


def _alive(side: Side) -> IntArray:
    assert side.sae is not None
    columns = read.latent_columns(side.audit, side.sae)
    return columns["latent"][~columns["dead"].astype(bool)].astype(np.int64)


def _by_decoder(a: Side, b: Side, seed: int) -> _Scored:
    live_a, live_b = _alive(a), _alive(b)
    rows_a, rows_b = _decoder(a)[live_a], _decoder(b)[live_b]
    of_a = [matching.cosines(rows_a, rows).max(axis=1) for rows in matching.alike(rows_b, seed)]
    of_b = [matching.cosines(rows_b, rows).max(axis=1) for rows in matching.alike(rows_a, seed + 1)]
    # How often a latent fires says nothing about the cosine of its row: all are alike.
    alike = np.zeros(len(live_a), np.int64), np.zeros(len(live_b), np.int64)
    chances = {"random directions": Chance(np.array(of_a), np.array(of_b))}
    return _Scored(live_a, live_b, *alike, matching.cosines(rows_a, rows_b), chances)


def _decoder(side: Side) -> FloatArray:
    assert side.sae is not None
    _, rows = read.vectors(side.audit, side.model.model_id, side.sae.dim, "decoder", side.sae.sae_id)
    return rows.astype(np.float64)


def _by_codes(a: Side, b: Side, shared: Shared, codes: _Codes, seed: int) -> _Scored:
    live_a, live_b = (np.flatnonzero(fires >= LEAST_FIRES) for fires in codes.fires)
    own_a, own_b = codes.a[:, live_a], codes.b[:, live_b]
    fires_a, fires_b = np.diff(own_a.indptr), np.diff(own_b.indptr)
    if not len(live_a) or not len(live_b):
        return _Scored(live_a, live_b, fires_a, fires_b, np.zeros((len(live_a), len(live_b))), {})
    random_b = _random(b, shared.kind, shared.b, fires_b, seed)
    random_a = _random(a, shared.kind, shared.a, fires_a, seed + 1)
    of_a = [matching.correlations(own_a, random).max(axis=1) for random in random_b]
    of_b = [matching.correlations(own_b, random).max(axis=1) for random in random_a]
    unit = "users" if shared.kind == "case" else "items"
    chances = {
        "random directions": Chance(np.array(of_a), np.array(of_b)),
        f"{unit} dealt anew": _dealt(own_a, own_b, seed),
    }
    scores = matching.correlations(own_a, own_b)
    rare_a, rare_b = (int(((fires > 0) & (fires < LEAST_FIRES)).sum()) for fires in codes.fires)
    return _Scored(live_a, live_b, fires_a, fires_b, scores, chances, rare_a, rare_b)


def _dealt(a: csc_array, b: csc_array, seed: int) -> Chance:
    """Best scores with the other side's entities in another order."""
    n = a.shape[0]
    of_a, of_b = [], []
    for rng in np.random.default_rng([seed, n]).spawn(matching.DRAWS):
        scores = matching.correlations(a, b[rng.permutation(n)])
        of_a.append(scores.max(axis=1))
        of_b.append(scores.max(axis=0))
    return Chance(np.array(of_a), np.array(of_b))


def _random(side: Side, kind: str, ids: IntArray, fires: IntArray, seed: int) -> Iterator[csc_array]:
    """Codes of the entities in random directions of the side's vectors that fire as often as its latents."""
    assert side.sae is not None
    entity, vectors = read.vectors(side.audit, side.model.model_id, side.sae.dim, kind)
    rows = vectors[np.searchsorted(entity, ids)]
    for draw in range(matching.DRAWS):
        # One at a time: all of them at once would fill memory where latents are many.
        (random,) = nulls.random_dictionaries(rows, fires, seed=seed + 1000 * draw, draws=1)
        yield random.codes


def _pairs(
    a: Side, b: Side, scored: _Scored, found: Matching, codes: _Codes, seed: int
) -> tuple[tuple[LatentPair, ...], float | None]:
    """The assignment with its second witnesses, and what latents paired at random share of their first items."""
    of_a, of_b = scored.a[found.a], scored.b[found.b]
    overlap, by_chance = _overlaps(a, b, of_a, of_b, found.kept, seed)
    correlation = matching.pairwise(codes.a[:, of_a], codes.b[:, of_b])
    fires_a, fires_b = codes.fires
    enough = (fires_a[of_a] >= LEAST_FIRES) & (fires_b[of_b] >= LEAST_FIRES)
    pairs = tuple(
        LatentPair(
            int(of_a[i]),
            int(of_b[i]),
            float(found.score[i]),
            float(found.q[i]),
            bool(found.kept[i]),
            float(correlation[i]) if enough[i] else None,
            None if overlap is None or np.isnan(overlap[i]) else float(overlap[i]),
        )
        for i in range(len(of_a))
    )
    return pairs, by_chance


def _left(
    own: IntArray, other: IntArray, partnered: IntArray, best: IntArray, q: FloatArray, scores: FloatArray
) -> tuple[tuple[Relative, ...], tuple[int, ...]]:
    """Of the latents without a partner, those with a relative, and the rest."""
    left = np.setdiff1d(np.arange(len(own)), partnered)
    related = left[q[left] <= matching.Q]
    related = related[np.argsort(-scores[related, best[related]], kind="stable")]
    relatives = tuple(
        Relative(int(own[i]), int(other[best[i]]), float(scores[i, best[i]]), float(q[i])) for i in related
    )
    return relatives, tuple(int(own[i]) for i in left if q[i] > matching.Q)


def _overlaps(
    a: Side, b: Side, pair_a: IntArray, pair_b: IntArray, kept: NDArray[np.bool_], seed: int
) -> tuple[FloatArray | None, float | None]:
    """Share of first items in common, pair by pair, and its mean over latents paired at random."""
    first_a, first_b = _first_items(a, pair_a), _first_items(b, pair_b)
    if first_a is None or first_b is None:
        return None, None
    known = (first_a[:, 0] != lists.EMPTY) & (first_b[:, 0] != lists.EMPTY)
    found = np.where(known, lists.overlap(first_a, first_b), np.nan)
    inside = np.flatnonzero(kept & known)
    if len(inside) < 2:
        return found, None
    dealt = np.random.default_rng(seed).permutation(len(inside))
    # A shift of the dealt order gives nobody its own partner.
    order, other = inside[dealt], inside[np.roll(dealt, 1)]
    return found, float(lists.overlap(first_a[order], first_b[other]).mean())


def _first_items(side: Side, latents: IntArray) -> IntArray | None:
    """First ``TOP`` items of each latent by the default attribution rule, as hashes: [latents, TOP]."""
    scores, items = _item_scores(side)
    if scores is None or scores.shape[0] < TOP:
        return None
    hashes = store.item_hashes(side.audit, side.model.dataset_id)[items].astype(np.int64)
    found = np.full((len(latents), TOP), lists.EMPTY, dtype=np.int64)
    step = max(1, (1 << 20) // scores.shape[0])
    for start in range(0, len(latents), step):
        block = scores.columns(latents[start : start + step])
        # Equal scores go by item, whatever the sort of the machine does.
        first = np.argsort(-block, axis=0, kind="stable")[:TOP].T
        differs = np.ptp(block, axis=0) > 0
        found[start : start + step][differs] = hashes[first[differs]]
    return found


def _item_scores(side: Side) -> tuple[Scores | None, IntArray]:
    assert side.sae is not None
    rule = inputs.default_rule(side.sae)
    catalogue = read.catalogue(side.audit, side.model)
    if rule == "item":
        codes = inputs.codes(side.audit, side.sae, "item", catalogue.item_id)
        return MatrixScores(codes), catalogue.item_id
    everyone = inputs.items(side.audit, side.model, catalogue)
    entities, case_ids, pairs = inputs.attribution(side.audit, side.model, rule, everyone)
    if not len(case_ids):
        return None, entities.ids
    return AttributedScores(pairs, inputs.codes(side.audit, side.sae, "case", case_ids)), entities.ids
