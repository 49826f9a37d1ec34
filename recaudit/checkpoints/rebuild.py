"""Every dotted name that is replaced by code of our own: containers, arrays, tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from recaudit.checkpoints.arrays import NUMPY_REBUILDERS, ArrayDraft, Draft, DtypeDraft
from recaudit.checkpoints.globals import Kind, Name
from recaudit.checkpoints.refusals import Damaged, Unsafe
from recaudit.checkpoints.tensors import TORCH_REBUILDERS
from recaudit.checkpoints.types import Stub

if TYPE_CHECKING:
    from recaudit.checkpoints.unpickle import Unpickler

__all__ = ["REBUILDERS", "ArrayDraft", "Draft", "DtypeDraft"]


def _dictionary(machine: Unpickler, content: Any = (), *_: Any) -> dict[Any, Any]:
    if isinstance(content, dict):
        return dict(content)
    if not isinstance(content, (list, tuple)):
        raise Damaged("a dictionary is built from something that holds no pairs")
    if any(not isinstance(pair, (list, tuple)) or len(pair) != 2 for pair in content):
        raise Damaged("a dictionary is built from something that holds no pairs")
    return dict(machine.pairs([part for pair in content for part in pair]))


def _default_dictionary(machine: Unpickler, factory: Any = None, *rest: Any) -> dict[Any, Any]:
    return _dictionary(machine, *rest)


def _members(machine: Unpickler, content: Any) -> list[Any]:
    if not isinstance(content, (list, tuple, set, frozenset)):
        raise Damaged("a collection is built from something that is none")
    return [machine.key(member) for member in content]


def _set(machine: Unpickler, content: Any = ()) -> set[Any]:
    return set(_members(machine, content))


def _frozenset(machine: Unpickler, content: Any = ()) -> frozenset[Any]:
    return frozenset(_members(machine, content))


def _list(machine: Unpickler, content: Any = ()) -> list[Any]:
    return _sequence(content)


def _tuple(machine: Unpickler, content: Any = ()) -> tuple[Any, ...]:
    return tuple(_sequence(content))


def _sequence(content: Any) -> list[Any]:
    if not isinstance(content, (list, tuple, set, frozenset)):
        raise Damaged("a list is built from something that is none")
    return list(content)


def _bytes(machine: Unpickler, content: Any = b"", encoding: Any = "") -> bytes:
    if isinstance(content, str) and encoding in ("latin-1", "latin1"):
        return _encode(machine, content, encoding)
    if isinstance(content, (bytes, bytearray)):
        return bytes(content)
    if isinstance(content, list) and all(type(byte) is int and 0 <= byte < 256 for byte in content):
        return bytes(content)
    raise Damaged("a bytes value is built from something that holds no bytes")


def _encode(machine: Unpickler, text: Any, encoding: Any = "utf-8", *_: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "utf8"):
        raise Damaged("a bytes value is written in an unusual encoding")
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise Damaged("a bytes value has characters that are no bytes") from error


def _complex(machine: Unpickler, real: Any = 0.0, imaginary: Any = 0.0) -> complex:
    if not isinstance(real, (int, float)) or not isinstance(imaginary, (int, float)):
        raise Damaged("a complex number is malformed")
    return complex(float(real), float(imaginary))


def _integer(machine: Unpickler, value: Any = 0) -> int:
    if not isinstance(value, int):
        raise Damaged("an integer is built from something that is none")
    return int(value)


def _slice(machine: Unpickler, *bounds: Any) -> tuple[Any, ...]:
    if not 1 <= len(bounds) <= 3:
        raise Damaged("a slice is malformed")
    return bounds


def _reconstructor(machine: Unpickler, cls: Any = None, base: Any = None, *state: Any) -> Any:
    """Protocols 0 and 1 make every plain object through this."""
    plain = isinstance(base, Name) and base.dotted == "builtins.object"
    return machine.instance(cls, () if plain else state)


def _new_object(machine: Unpickler, cls: Any = None, *arguments: Any) -> Any:
    return machine.instance(cls, arguments)


def _new_object_with_keywords(
    machine: Unpickler, cls: Any = None, arguments: Any = (), keywords: Any = None
) -> Any:
    return machine.instance(cls, arguments)


def _enum_member(machine: Unpickler, cls: Any = None, member: Any = None) -> Stub:
    """Some Python versions save an enum member as ``getattr(class, name)``.

    The result is a stub, so a chain that goes on to call it is refused like any other call.
    """
    plain = isinstance(member, str) and member.isidentifier() and not member.startswith("_")
    if not isinstance(cls, Name) or cls.kind is not Kind.CLASS or not plain:
        raise Unsafe("the pickle looks up an attribute of something other than a class")
    return Stub(cls.dotted, (member,))


REBUILDERS: dict[str, Callable[..., Any]] = {
    "builtins.bytearray": _bytes,
    "builtins.bytes": _bytes,
    "builtins.complex": _complex,
    "builtins.dict": _dictionary,
    "builtins.frozenset": _frozenset,
    "builtins.getattr": _enum_member,
    "builtins.int": _integer,
    "builtins.list": _list,
    "builtins.set": _set,
    "builtins.slice": _slice,
    "builtins.tuple": _tuple,
    "_codecs.encode": _encode,
    "collections.OrderedDict": _dictionary,
    "collections.defaultdict": _default_dictionary,
    "copyreg._reconstructor": _reconstructor,
    "copyreg.__newobj__": _new_object,
    "copyreg.__newobj_ex__": _new_object_with_keywords,
    **NUMPY_REBUILDERS,
    **TORCH_REBUILDERS,
}
