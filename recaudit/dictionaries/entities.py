"""What a dictionary can take apart: a model's cases and items with their vectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.store import Audit, read
from recaudit.store.read import Catalogue, Model

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

TRAINING_KINDS = (("train", "valid"), ("user",), ("profile",), ("latest",))
"""Kinds of case to train on: the first of these sets that the model has. Test histories stay unseen."""

ENCODED_KINDS = ("user", "profile", "test", "valid", "latest", "conditioned")
"""Kinds of case whose codes are stored; ``train`` cases are there to train on."""


@dataclass(frozen=True)
class Entities:
    """Cases and items of one model.

    ``cases`` [n, dim] are parallel to ``case_id, user, kind``; ``items`` [candidates, width] to ``item_id``.
    """

    case_id: IntArray
    user: IntArray
    kind: NDArray[Any]
    cases: FloatArray
    item_id: IntArray
    items: FloatArray

    @classmethod
    def load(cls, audit: Audit, model: Model, kinds: tuple[str, ...]) -> Entities:
        """Those of a stored model, cases of some kinds only."""
        found, catalogue = read.cases(audit, model, kinds), read.catalogue(audit, model)
        return cls.of(found.case_id, found.user, found.kind, found.vectors, catalogue)

    @classmethod
    def of(
        cls, case_id: IntArray, user: IntArray, kind: NDArray[Any], cases: FloatArray, catalogue: Catalogue
    ) -> Entities:
        """From the parts an audit is read in."""
        return cls(case_id, user, kind, cases, catalogue.item_id, catalogue.vectors)

    @property
    def encoded(self) -> NDArray[np.bool_]:
        """[cases] whose codes are stored."""
        return np.isin(self.kind, ENCODED_KINDS)

    @property
    def newest(self) -> NDArray[np.bool_]:
        """[cases] one a user: what concept work and latent statistics are over."""
        return np.isin(self.kind, read.NEWEST_KINDS)

    @property
    def judged(self) -> NDArray[np.bool_]:
        """[cases] that figures are made on; every encoded one where nothing is held out."""
        found = np.isin(self.kind, ("user", "profile", "test"))
        return found if found.any() else self.encoded

    @property
    def training(self) -> NDArray[np.bool_]:
        """[cases] an autoencoder learns from."""
        present = set(np.unique(self.kind))
        chosen = next((kinds for kinds in TRAINING_KINDS if kinds[0] in present), ())
        return np.isin(self.kind, chosen)

    def parts(self, site: str) -> Iterator[str]:
        """``case``, ``item`` or both."""
        if site in ("user", "both"):
            yield "case"
        if site in ("item", "both"):
            yield "item"
