"""A pickle machine that builds containers and runs nothing.

It knows every instruction of protocols 0 to 5. Names become ``Name`` references, the few that
arrays and tensors are saved with are rebuilt by our own code, and everything else turns into inert
``Stub`` objects. The machine keeps its own stack, so nesting cannot exhaust Python's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from recaudit.checkpoints import joblib
from recaudit.checkpoints.globals import Kind, Name, resolve
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.opcodes import OpcodeReader
from recaudit.checkpoints.rebuild import REBUILDERS, ArrayDraft, Draft
from recaudit.checkpoints.refusals import Damaged, Unsafe, short
from recaudit.checkpoints.tensors import Storage
from recaudit.checkpoints.types import Stub

NEWEST_PROTOCOL = 5
LONGEST_KEY_TUPLE_DEPTH = 8

_UNHASHABLE = (list, dict, set, bytearray, np.ndarray, ArrayDraft, Storage)
_REBUILT_NAMES = frozenset(REBUILDERS)
_SIGNATURES = {name: inspect.signature(rebuild) for name, rebuild in REBUILDERS.items()}

Persistent = Callable[[Any], Any]
"""Turns a persistent id (torch's reference to a storage) into the value it stands for."""


class Unpickler:
    """Reads one pickle from ``data`` and stops after its STOP, at ``position``."""

    def __init__(
        self,
        data: memoryview,
        reading: Reading,
        *,
        start: int = 0,
        persistent: Persistent | None = None,
    ) -> None:
        self.reading = reading
        self.opcodes = OpcodeReader(data, start)
        self._persistent = persistent
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._executed = 0

    @property
    def position(self) -> int:
        return self.opcodes.position

    def load(self) -> Any:
        """The pickled value. Arrays still being built are left as ``Draft`` objects."""
        read, handlers, most = self.opcodes.read, _HANDLERS, self.reading.limits.opcodes
        while True:
            name, argument = read()
            self._executed += 1
            if name == "PUSH":
                self._stack.append(argument)
            elif name == "STOP":
                return self._pop()
            else:
                handlers[name](self, argument)
            if self._executed > most:
                raise Unsafe(f"the pickle has more than {most:,} instructions")

    def call(self, callee: Any, arguments: Any) -> Any:
        """What calling ``callee`` stands for; refuses when that would be unknown code."""
        if not isinstance(callee, Name):
            raise Unsafe(f"the pickle calls a value that is no plain name {self._where()}")
        if not isinstance(arguments, tuple):
            raise Damaged(f"the arguments of {callee.dotted} are no tuple {self._where()}")
        if callee.kind is Kind.REBUILT:
            return self._rebuild(callee.dotted, arguments)
        if callee.kind is Kind.FUNCTION:
            raise Unsafe(
                f"the pickle calls {short(callee.dotted)} {self._where()}: "
                "a checkpoint has no business calling a function nobody vetted"
            )
        return Stub(callee.dotted, arguments)

    def instance(self, cls: Any, arguments: Any) -> Any:
        """A new object of ``cls``, made without calling its constructor."""
        if not isinstance(cls, Name):
            raise Unsafe(f"the pickle makes an object of a value that is no class {self._where()}")
        if cls.kind is Kind.REBUILT:
            return self.call(cls, arguments)
        if not isinstance(arguments, tuple):
            raise Damaged(f"the arguments of {cls.dotted} are no tuple {self._where()}")
        return Stub(cls.dotted, arguments)

    def _rebuild(self, dotted: str, arguments: tuple[Any, ...]) -> Any:
        try:
            _SIGNATURES[dotted].bind(self, *arguments)
        except TypeError as error:
            raise Damaged(f"{dotted} is given {len(arguments)} arguments {self._where()}") from error
        return REBUILDERS[dotted](self, *arguments)

    def _where(self) -> str:
        return f"near byte {self.position}"

    def _push(self, value: Any) -> None:
        # Taking a group off swaps the stack, so it must be looked up after the value is made.
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack:
            raise Damaged(f"the pickle takes a value from an empty stack {self._where()}")
        return self._stack.pop()

    def _top(self) -> Any:
        if not self._stack:
            raise Damaged(f"the pickle uses a value from an empty stack {self._where()}")
        return self._stack[-1]

    def _pop_to_mark(self) -> list[Any]:
        if not self._marked:
            raise Damaged(f"the pickle closes a group that was never opened {self._where()}")
        items = self._stack
        self._stack = self._marked.pop()
        return items

    def _push_mark(self, _: Any) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def _protocol(self, version: int) -> None:
        if version > NEWEST_PROTOCOL:
            raise Damaged(f"the pickle claims protocol {version}; {NEWEST_PROTOCOL} is the newest")

    def _frame(self, length: int) -> None:
        if length > len(self.opcodes.data) - self.position:
            raise Damaged(f"a pickle frame of {length} bytes runs past the end {self._where()}")

    def _put(self, index: int) -> None:
        # Picklers number their memo in order; an index nobody could have reached is an attempt
        # to make a loader allocate a huge table.
        if not 0 <= index <= self._executed:
            raise Unsafe(f"the pickle uses memo slot {index} {self._where()}")
        self._memo[index] = self._top()

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise Damaged(f"the pickle reads the unset memo slot {index} {self._where()}")
        self._push(self._memo[index])

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._top()

    def _tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise Damaged(f"the pickle takes a value from an empty stack {self._where()}")
        values = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(values)

    def key(self, key: Any, depth: int = 0) -> Any:
        if isinstance(key, tuple):
            # Hashing nested tuples recurses in C without a guard.
            if depth > LONGEST_KEY_TUPLE_DEPTH:
                raise Unsafe(f"a dictionary key nests too deeply {self._where()}")
            for part in key:
                self.key(part, depth + 1)
        elif isinstance(key, _UNHASHABLE):
            raise Damaged(f"a {type(key).__name__} is used as a dictionary key {self._where()}")
        return key

    def pairs(self, items: list[Any]) -> list[tuple[Any, Any]]:
        if len(items) % 2:
            raise Damaged(f"a dictionary has a key without a value {self._where()}")
        return [(self.key(key), value) for key, value in zip(items[::2], items[1::2], strict=True)]

    def _set_items(self, items: list[Any]) -> None:
        target, pairs = self._top(), self.pairs(items)
        if isinstance(target, dict):
            target.update(pairs)
        elif isinstance(target, Stub):
            target.entries.extend(pairs)
        else:
            raise Damaged(f"a {_kind(target)} is filled like a dictionary {self._where()}")

    def _append(self, items: list[Any]) -> None:
        target = self._top()
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, Stub):
            target.items.extend(items)
        else:
            raise Damaged(f"a {_kind(target)} is filled like a list {self._where()}")

    def _add(self, items: list[Any]) -> None:
        target = self._top()
        if isinstance(target, set):
            target.update(map(self.key, items))
        elif isinstance(target, Stub):
            target.items.extend(items)
        else:
            raise Damaged(f"a {_kind(target)} is filled like a set {self._where()}")

    def _set_item(self, _: Any) -> None:
        value, key = self._pop(), self._pop()
        self._set_items([key, value])

    def _global(self, names: tuple[str, str]) -> None:
        self._push(resolve(*names, _REBUILT_NAMES, self._where()))

    def _stack_global(self, _: Any) -> None:
        qualified, module = self._pop(), self._pop()
        if not isinstance(module, str) or not isinstance(qualified, str):
            raise Damaged(f"a name is not text {self._where()}")
        self._global((module, qualified))

    def _reduce(self, _: Any) -> None:
        arguments, callee = self._pop(), self._pop()
        self._push(self.call(callee, arguments))

    def _inst(self, names: tuple[str, str]) -> None:
        arguments = tuple(self._pop_to_mark())
        self._push(self.call(resolve(*names, _REBUILT_NAMES, self._where()), arguments))

    def _obj(self, _: Any) -> None:
        callee, *arguments = self._pop_to_mark() or [None]
        self._push(self.call(callee, tuple(arguments)))

    def _newobj(self, _: Any) -> None:
        arguments, cls = self._pop(), self._pop()
        self._push(self.instance(cls, arguments))

    def _newobj_ex(self, _: Any) -> None:
        keywords, arguments, cls = self._pop(), self._pop(), self._pop()
        made = self.instance(cls, arguments)
        if isinstance(made, Stub) and isinstance(keywords, dict):
            made.entries.extend(keywords.items())
        self._stack.append(made)

    def _build(self, _: Any) -> None:
        state, target = self._pop(), self._top()
        if isinstance(target, Draft):
            target.build(self, state)
        elif isinstance(target, Stub):
            target.state = state
            if target.name == joblib.WRAPPER:
                self._stack[-1] = joblib.array_after(target, self)
        # Attributes on a plain container (a state dict's version metadata) hold no weights.
        elif not isinstance(target, (dict, list, set, np.ndarray)):
            raise Damaged(f"a {_kind(target)} is given a state {self._where()}")

    def _persistent_id(self, _: Any) -> None:
        if self._persistent is None:
            raise Unsafe(f"the pickle refers to something outside itself {self._where()}")
        self._push(self._persistent(self._pop()))

    def _refuse_text_id(self, _: Any) -> None:
        raise Unsafe(f"the pickle refers to something outside itself {self._where()}")

    def _refuse_extension(self, code: int) -> None:
        raise Unsafe(f"the pickle uses extension code {code} {self._where()}, which can be any code")

    def _refuse_buffer(self, _: Any) -> None:
        raise Damaged(f"the pickle keeps data outside the file {self._where()}")


def _kind(value: Any) -> str:
    return value.name if isinstance(value, Stub) else type(value).__name__


_HANDLERS: dict[str, Callable[[Unpickler, Any], Any]] = {
    "MARK": Unpickler._push_mark,
    "POP": lambda machine, _: machine._pop() if machine._stack else machine._pop_to_mark(),
    "POP_MARK": lambda machine, _: machine._pop_to_mark(),
    "DUP": lambda machine, _: machine._push(machine._top()),
    "PERSID": Unpickler._refuse_text_id,
    "BINPERSID": Unpickler._persistent_id,
    "REDUCE": Unpickler._reduce,
    "APPEND": lambda machine, _: machine._append([machine._pop()]),
    "APPENDS": lambda machine, _: machine._append(machine._pop_to_mark()),
    "BUILD": Unpickler._build,
    "GLOBAL": Unpickler._global,
    "STACK_GLOBAL": Unpickler._stack_global,
    "INST": Unpickler._inst,
    "OBJ": Unpickler._obj,
    "NEWOBJ": Unpickler._newobj,
    "NEWOBJ_EX": Unpickler._newobj_ex,
    "DICT": lambda machine, _: machine._push(dict(machine.pairs(machine._pop_to_mark()))),
    "EMPTY_DICT": lambda machine, _: machine._push({}),
    "SETITEM": Unpickler._set_item,
    "SETITEMS": lambda machine, _: machine._set_items(machine._pop_to_mark()),
    "LIST": lambda machine, _: machine._push(machine._pop_to_mark()),
    "EMPTY_LIST": lambda machine, _: machine._push([]),
    "TUPLE": lambda machine, _: machine._push(tuple(machine._pop_to_mark())),
    "EMPTY_TUPLE": lambda machine, _: machine._push(()),
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "EMPTY_SET": lambda machine, _: machine._push(set()),
    "ADDITEMS": lambda machine, _: machine._add(machine._pop_to_mark()),
    "FROZENSET": lambda machine, _: machine._push(frozenset(map(machine.key, machine._pop_to_mark()))),
    "NEWTRUE": lambda machine, _: machine._push(True),
    "NEWFALSE": lambda machine, _: machine._push(False),
    "GET": Unpickler._get,
    "PUT": Unpickler._put,
    "MEMOIZE": Unpickler._memoize,
    "PROTO": Unpickler._protocol,
    "FRAME": Unpickler._frame,
    "EXT": Unpickler._refuse_extension,
    "NEXT_BUFFER": Unpickler._refuse_buffer,
    "READONLY_BUFFER": Unpickler._refuse_buffer,
}
