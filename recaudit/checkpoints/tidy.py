"""From what a reader built to what leaves the room: a finite tree of plain values.

References to names become stubs, array drafts become arrays, cycles are cut, checkpoints hidden in
bytes are opened, and the size of the tree is bounded counting shared parts wherever they appear,
because that is what anyone who walks or prints it will meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recaudit.checkpoints.globals import Name
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.rebuild import Draft
from recaudit.checkpoints.refusals import Unsafe
from recaudit.checkpoints.tensors import Storage
from recaudit.checkpoints.types import Stub

CYCLE = "<cycle>"
"""Name of the stub that stands where an object contains itself."""

_SCALARS = (str, int, float, bool, complex, type(None), np.ndarray)


@dataclass
class _Frame:
    """A container whose parts are being tidied."""

    source: Any
    parts: Iterator[Any]
    done: list[Any] = field(default_factory=list)
    size: int = 1
    nesting: int = 0
    """How many files inside files this container is in."""


def tidy(tree: Any, reading: Reading) -> Any:
    """A copy of ``tree`` in plain values; shared parts stay shared."""
    return _Tidier(reading).run(tree)


class _Tidier:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._finished: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()
        self._nested: dict[int, Any] = {}
        # Ids are only unique among living objects.
        self._alive: list[Any] = []

    def run(self, tree: Any) -> Any:
        outer = _Frame(None, iter((tree,)))
        stack = [outer]
        while stack:
            frame = stack[-1]
            for part in frame.parts:
                if isinstance(part, _SCALARS):
                    frame.done.append(part)
                    frame.size += 1
                elif (opened := self._visit(part, frame)) is not None:
                    stack.append(opened)
                    self._check_depth(len(stack))
                    break
            else:
                stack.pop()
                if stack:
                    self._finish(frame, stack[-1])
        return outer.done[0]

    def _visit(self, part: Any, frame: _Frame) -> _Frame | None:
        """Tidies a small value on the spot; gives a frame for a container yet to be walked."""
        while isinstance(part, Draft):
            part = part.value
        if id(part) in self._finished:
            value, size = self._finished[id(part)]
            self._give(frame, value, size)
            return None
        if id(part) in self._open:
            self._reading.info("cycle", "an object contains itself; the inner reference was cut")
            self._give(frame, Stub(CYCLE), 1)
            return None
        nesting = frame.nesting
        if isinstance(part, (bytes, bytearray)):
            content, part = part, self._opened(part)
            nesting += part is not content
        if not isinstance(part, (list, tuple, dict, Stub)):
            self._give(frame, self._leaf(part), 1)
            return None
        if nesting > self._reading.limits.nested_files:
            raise Unsafe("files inside files nest too deeply")
        self._open.add(id(part))
        self._alive.append(part)
        return _Frame(part, _parts(part), nesting=nesting)

    def _opened(self, content: bytes | bytearray) -> Any:
        if self._reading.open_nested is None:
            return content
        if id(content) not in self._nested:
            self._alive.append(content)
            self._nested[id(content)] = self._reading.open_nested(content, self._reading)
        return self._nested[id(content)]

    def _leaf(self, value: Any) -> Any:
        if isinstance(value, (set, frozenset)):
            return type(value)(map(_key, value))
        if isinstance(value, Name):
            return value.dotted if value.dotted.startswith("torch.") else Stub(value.dotted)
        if isinstance(value, Storage):
            return value.elements(value.dtype) if value.known else Stub(f"torch.{value.dtype}")
        return value

    def _finish(self, frame: _Frame, parent: _Frame) -> None:
        self._open.discard(id(frame.source))
        value = _assembled(frame.source, frame.done)
        if isinstance(value, Stub):
            self._reading.stubs[value.name] += 1
        self._finished[id(frame.source)] = value, frame.size
        self._give(parent, value, frame.size)

    def _give(self, frame: _Frame, value: Any, size: int) -> None:
        frame.done.append(value)
        frame.size += size
        most = self._reading.limits.values
        if frame.size > most:
            raise Unsafe(f"the content unfolds to more than {most:,} values")

    def _check_depth(self, depth: int) -> None:
        if depth > self._reading.limits.depth:
            raise Unsafe(f"the content is nested more than {self._reading.limits.depth} levels")


def _parts(container: Any) -> Iterator[Any]:
    if isinstance(container, dict):
        yield from container.values()
    elif isinstance(container, Stub):
        yield container.args
        yield container.state
        yield container.items
        yield from (value for _, value in container.entries)
    else:
        yield from container


def _assembled(container: Any, parts: list[Any]) -> Any:
    if isinstance(container, dict):
        return dict(zip(map(_key, container), parts, strict=True))
    if isinstance(container, Stub):
        args, state, items, *values = parts
        keys = (_key(key) for key, _ in container.entries)
        return Stub(container.name, args, state, items, list(zip(keys, values, strict=True)))
    return type(container)(parts)


def _key(key: Any) -> Any:
    """A dictionary key or set member: hashable, so never a container that could nest deeply."""
    if isinstance(key, tuple):
        return tuple(map(_key, key))
    if isinstance(key, Name):
        return key.dotted
    if isinstance(key, Stub):
        return Stub(key.name, tuple(part for part in key.args if isinstance(part, _SCALARS)))
    return key.value if isinstance(key, Draft) else key
