"""Models that only their own code can run: a class of the user's, imported on the user's word alone.

The class is called with the checkpoint's path and has two methods::

    class MyModel:
        def __init__(self, checkpoint: str): ...
        def item_vectors(self): ...                     # [item rows, d]
        def represent(self, users, histories): ...      # [n, d]; rows of users, list of item-row arrays

Optional attributes: ``reads`` (``user``, ``sequence`` or ``set``; default ``user``), ``n_users``,
``history_length``, ``item_bias`` [item rows], ``link``. A score is the inner product of the two vectors.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from recaudit.errors import InputRefused, UsageError
from recaudit.models.base import Cases, FloatArray, Recommender
from recaudit.models.heads import DotHead
from recaudit.text import printable

_READS = ("user", "sequence", "set")


class Adapter(Recommender):
    """A user's object behind the cut."""

    def __init__(self, name: str, checkpoint: Path) -> None:
        self._model = _loaded(name, checkpoint)
        self.site = f"represent() of {name}"
        self.reads = str(getattr(self._model, "reads", "user"))
        if self.reads not in _READS:
            raise UsageError(
                f"{printable(name)}: reads is {printable(self.reads)}", fix=f"one of: {', '.join(_READS)}"
            )
        self.n_users = getattr(self._model, "n_users", None)
        if self.reads == "user" and self.n_users is None:
            raise UsageError(
                f"{printable(name)}: a model that reads users must say how many rows it has",
                fix="set the attribute n_users, or reads = 'sequence'",
            )
        self.history_length = getattr(self._model, "history_length", None)
        self.link = str(getattr(self._model, "link", "identity"))
        vectors = _matrix(name, "item_vectors()", self._model.item_vectors())
        bias = getattr(self._model, "item_bias", None)
        self.head = DotHead(vectors, None if bias is None else np.asarray(bias, np.float32).reshape(-1))
        self.n_items, self.dim = vectors.shape
        self._name = name

    def represent(self, cases: Cases) -> FloatArray:
        histories = np.split(cases.history, cases.offsets[1:-1]) if len(cases) else []
        given = self._model.represent(cases.users, histories)
        vectors = _matrix(self._name, "represent()", given)
        if vectors.shape != (len(cases), self.dim):
            raise InputRefused(
                f"{printable(self._name)}: represent() gave {list(vectors.shape)} for {len(cases)} cases and items "
                f"{self.dim} wide",
                fix=f"return [{len(cases)}, {self.dim}]",
            )
        return vectors


def _loaded(name: str, checkpoint: Path) -> Any:
    module, colon, attribute = name.partition(":")
    if not colon:
        raise UsageError(
            f"--adapter {printable(name)} has no module:Class form", fix="for example my_models:MyModel"
        )
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"--adapter {printable(name)} cannot be imported: {printable(error, 160)}",
            fix="run recaudit where `python -c 'import MODULE'` works",
        ) from None
    return found(str(checkpoint))


def _matrix(name: str, what: str, given: Any) -> FloatArray:
    if hasattr(given, "detach"):
        given = given.detach().cpu().numpy()
    matrix = np.asarray(given, dtype=np.float32)
    if matrix.ndim != 2:
        raise InputRefused(
            f"{printable(name)}: {what} gave shape {list(matrix.shape)}", fix="return a matrix"
        )
    return np.ascontiguousarray(matrix)
