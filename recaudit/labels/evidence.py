"""Which entities name a latent, and which verify the name: drawn once, the same for every labeller.

By default both are strong entities of *distinct* owners, and nobody is on both sides: a name cannot be
confirmed by the users it was made from. ``published`` draws as RecSAE's code does, with its leak.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from recaudit.labels.levels import STRONG, decile_edges, deciles, own_levels
from recaudit.labels.profiles import Profiles
from recaudit.labels.settings import Settings
from recaudit.labels.types import Evidence
from recaudit.metrics.enrichment import log_enrichment_p

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

INSUFFICIENT, WEAK = "insufficient evidence", "weak"

_CONTRASTS = ("genre", "category", "tag")
_NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class Drawer:
    """Draws evidence on the latents of one dictionary."""

    codes: csc_array
    """[entities, latents]."""
    owner: IntArray
    """[entities]"""
    profiles: Profiles
    settings: Settings
    seed: int

    def all(self, latents: Iterable[int]) -> list[Evidence]:
        """Evidence on each latent; a latent's draw does not depend on which others are asked for."""
        edges = decile_edges(self.codes)
        return [self._one(int(latent), edges) for latent in latents]

    def _one(self, latent: int, edges: FloatArray) -> Evidence:
        rng = np.random.default_rng([self.seed, latent])
        column = slice(self.codes.indptr[latent], self.codes.indptr[latent + 1])
        active, values = self.codes.indices[column].astype(np.int64), self.codes.data[column]
        order = np.lexsort((active, -values))
        active, values = active[order], values[order]
        n_owners = len(np.unique(self.owner[active]))
        if not len(values) or deciles(values[:1], edges)[0] < STRONG:
            return _refusal(latent, n_owners, WEAK if len(values) else INSUFFICIENT)
        draw = self._published if self.settings.published else self._disjoint
        return draw(latent, n_owners, active, values, edges, rng)

    def _disjoint(
        self,
        latent: int,
        n_owners: int,
        active: IntArray,
        values: FloatArray,
        edges: FloatArray,
        rng: np.random.Generator,
    ) -> Evidence:
        least = self.settings.least
        if n_owners < 2 * least:
            return _refusal(latent, n_owners, INSUFFICIENT)
        _, first = np.unique(self.owner[active], return_index=True)
        strongest = np.sort(first)[: self.settings.construct + self.settings.trials]
        half = min(self.settings.construct, len(strongest) // 2)
        shuffled = rng.permutation(len(strongest))
        construct = strongest[np.sort(shuffled[:half])]
        verify = strongest[np.sort(shuffled[half : half + self.settings.trials])]
        taken = self.owner[active[np.concatenate([construct, verify])]]
        idle = self._idle(active, taken, rng)
        if len(idle) < least:
            return _refusal(latent, n_owners, INSUFFICIENT)
        random = idle[: len(verify)]
        contrast = self._contrast(active[construct])
        hard = _NONE
        if contrast is not None and self.settings.hard:
            hard = self._standing_out(idle[len(random) :], contrast)[: len(verify)]
        return Evidence(
            latent,
            n_owners,
            active[construct],
            own_levels(values[construct], float(values[0])),
            active[verify],
            np.sort(random),
            np.sort(hard),
            None if contrast is None else self.profiles.terms[contrast][1],
        )

    def _idle(self, active: IntArray, taken: IntArray, rng: np.random.Generator) -> IntArray:
        """Entities without activation, one an owner, none of an owner that is taken, in random order."""
        free = np.ones(len(self.owner), bool)
        free[active] = False
        idle = rng.permutation(np.flatnonzero(free & ~np.isin(self.owner, taken)))
        _, first = np.unique(self.owner[idle], return_index=True)
        return idle[np.sort(first)]

    def _contrast(self, construct: IntArray) -> int | None:
        """The genre that the construction entities stand out in most, by enrichment; None without genres."""
        columns, marks = self._genres
        if not len(columns):
            return None
        both = np.asarray(marks[construct].sum(axis=0), dtype=np.int64).ravel()
        p = log_enrichment_p(both, np.full(len(both), len(construct)), self._genre_sizes, marks.shape[0])
        return int(columns[np.argmin(p)])

    @cached_property
    def _genres(self) -> tuple[IntArray, csr_array]:
        """Terms that contrasts are drawn from, and who stands out in them: [entities, terms]."""
        kinds = [kind for kind, _ in self.profiles.terms]
        kind = next((kind for kind in _CONTRASTS if kind in kinds), None)
        columns = np.array([place for place, own in enumerate(kinds) if own == kind], np.int64)
        return columns, csr_array(self.profiles.marks[:, columns])

    @cached_property
    def _genre_sizes(self) -> IntArray:
        return np.asarray(self._genres[1].sum(axis=0), dtype=np.int64).ravel()

    def _standing_out(self, entities: IntArray, term: int) -> IntArray:
        marks = self.profiles.marks
        out = marks.indices[marks.indptr[term] : marks.indptr[term + 1]]
        return entities[np.isin(entities, out)]

    def _published(
        self,
        latent: int,
        n_owners: int,
        active: IntArray,
        values: FloatArray,
        edges: FloatArray,
        rng: np.random.Generator,
    ) -> Evidence:
        """RecSAE's code: rows, not users; with few rows the same ones build and verify."""
        n = self.settings.construct
        levels = deciles(values, edges)
        cases = np.flatnonzero(levels >= STRONG)[: 2 * n]
        shuffled = rng.permutation(len(cases))
        construct, verify = cases[np.sort(shuffled[:n])], cases[np.sort(shuffled[n:])]
        if len(verify) < n:
            verify = np.concatenate([verify, construct[: n - len(verify)]])
        free = np.ones(len(self.owner), bool)
        free[active] = False
        random = rng.permutation(np.flatnonzero(free))[:n]
        if not len(random):
            return _refusal(latent, n_owners, INSUFFICIENT)
        return Evidence(
            latent,
            n_owners,
            active[construct],
            levels[construct],
            active[verify],
            np.sort(random),
            _NONE,
        )


def _refusal(latent: int, n_owners: int, why: str) -> Evidence:
    return Evidence(latent, n_owners, _NONE, _NONE, _NONE, _NONE, _NONE, refused=why)
