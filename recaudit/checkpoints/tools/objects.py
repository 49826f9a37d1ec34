"""Pickled objects of a tool: which class, and which of its attributes are arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from recaudit.checkpoints.types import Checkpoint, Stub
from recaudit.errors import InputRefused
from recaudit.text import printable


@dataclass(frozen=True)
class PickledModel:
    """A stub that is a tool's model. ``checkpoint`` is only named in errors."""

    checkpoint: Checkpoint
    stub: Stub

    @property
    def class_name(self) -> str:
        return self.stub.name.rpartition(".")[2]

    def get(self, name: str) -> Any:
        return self.stub.fields.get(name)

    def array(self, name: str, ndim: int) -> np.ndarray:
        """An attribute that must be an array of floats with ``ndim`` axes."""
        value = self.get(name)
        if isinstance(value, np.ndarray) and value.ndim == ndim and value.dtype.kind == "f":
            return value
        found = f"{value.dtype}{list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__
        raise self.refused(
            f"`{name}` of its {printable(self.class_name)} is {printable(found)}, not an array of floats "
            f"with {ndim} axes",
            "save a fitted model",
        )

    def number(self, name: str) -> float:
        value = self.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value):
            return float(value)
        raise self.refused(
            f"`{name}` of its {printable(self.class_name)} is {printable(value, 40)}, not a number",
            "save a fitted model",
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Attributes that are arrays."""
        return {name: value for name, value in self.stub.fields.items() if isinstance(value, np.ndarray)}

    def unused(self, *used: str) -> tuple[str, ...]:
        """Arrays that a reading did not need."""
        return tuple(name for name in self.arrays() if name not in used)

    def not_read(self, tool: str, known: tuple[str, ...]) -> InputRefused:
        """The refusal of a class no reader exists for."""
        return self.refused(
            f"{tool} model {printable(self.class_name)} is not read yet", f"models read: {', '.join(known)}"
        )

    def refused(self, what: str, fix: str) -> InputRefused:
        return InputRefused(f"{printable(self.checkpoint.path.name)}: {what}", fix=fix)


def stubs_in(tree: Any) -> Iterator[Stub]:
    """Every stub of a tree, outermost first, walked without recursion."""
    pending, seen = [tree], set()
    while pending:
        node = pending.pop()
        if isinstance(node, (Stub, dict, list, tuple)):
            if id(node) in seen:
                continue
            seen.add(id(node))
        if isinstance(node, Stub):
            yield node
            pending += [node.state, node.args, node.items, [value for _, value in node.entries]]
        elif isinstance(node, dict):
            pending += node.values()
        elif isinstance(node, (list, tuple)):
            pending += node
