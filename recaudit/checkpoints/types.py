"""What reading a checkpoint gives: plain containers, arrays, inert stubs, and a receipt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(eq=False)
class Stub:
    """An object of a class that was neither imported nor run; it only keeps what the file said.

    ``fields`` is the state when it was a dict (a RecBole ``Config`` keeps its settings there, a
    torch module its ``_parameters`` and ``_modules``).
    """

    name: str
    """Dotted name in the file, e.g. ``recbole.config.configurator.Config``."""
    args: tuple[Any, ...] = ()
    """Constructor arguments."""
    state: Any = None
    """The BUILD state as found."""
    items: list[Any] = field(default_factory=list)
    """Values appended to it (a list or set subclass)."""
    entries: list[tuple[Any, Any]] = field(default_factory=list)
    """Pairs set on it (a dict subclass)."""

    @property
    def fields(self) -> dict[str, Any]:
        return self.state if isinstance(self.state, dict) else {}


@dataclass(frozen=True)
class Note:
    """One thing a reader noticed. ``level`` is ``info`` or ``warning``."""

    level: str
    code: str
    """Stable id, e.g. ``non-finite``, ``stubbed-class``, ``trailing-bytes``."""
    message: str
    where: str = ""
    """Tensor key, archive member or line."""


@dataclass(frozen=True)
class Receipt:
    """What the safety scan found in one input file; stored in the audit file's ``receipts``."""

    file: str
    """File name only: a directory of the machine that made the audit is nobody's business."""
    sha256: str
    bytes: int
    format: str
    """Container: ``torch-zip``, ``torch-legacy``, ``torchscript``, ``pickle``, ``joblib``, ``npz``,
    ``npy``, ``safetensors``, ``onnx``, ``parquet``, ``csv``, ``json``, ``word2vec``, …"""
    tensors: int
    stubs: dict[str, int]
    """Dotted class name -> how many objects of it were replaced by inert stubs."""
    skipped: tuple[str, ...]
    """Subtrees left unread (optimiser state)."""
    notes: tuple[Note, ...]

    @property
    def verdict(self) -> str:
        """``clean``, or ``warnings`` when a note of that level is present."""
        return "warnings" if any(note.level == "warning" for note in self.notes) else "clean"


@dataclass(frozen=True)
class Checkpoint:
    """One file, read without running anything in it.

    ``tree`` holds dicts, lists, tuples, sets, numbers, text, bytes, ``numpy`` arrays and ``Stub``s.
    """

    path: Path
    tree: Any
    receipt: Receipt

    def tensors(self) -> dict[str, np.ndarray]:
        """Every array with its path, joined by ``/`` (a state dict's own keys contain dots)."""
        return dict(arrays(self.tree))


def arrays(node: Any, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Every array in a tree with its path, walked without recursion."""
    pending = [(node, path)]
    while pending:
        value, where = pending.pop()
        if isinstance(value, np.ndarray):
            yield where, value
            continue
        if isinstance(value, Stub):
            children = [("state", value.state), ("args", value.args), ("items", value.items)]
            children += [(str(key), entry) for key, entry in value.entries]
        elif isinstance(value, dict):
            children = [(str(key), entry) for key, entry in value.items()]
        elif isinstance(value, (list, tuple)):
            children = [(str(index), entry) for index, entry in enumerate(value)]
        else:
            continue
        prefix = f"{where}/" if where else ""
        pending += [(entry, prefix + key) for key, entry in reversed(children)]
