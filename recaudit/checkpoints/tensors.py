"""torch's pickled tensors: views of storages, checked against the bytes that are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recaudit.checkpoints.dtypes import (
    FLOAT8,
    LARGEST_DIMENSIONS,
    element_count,
    widen_bfloat16,
    widen_float8,
)
from recaudit.checkpoints.globals import Name
from recaudit.checkpoints.refusals import Damaged, Unsafe, short
from recaudit.checkpoints.types import Stub

if TYPE_CHECKING:
    from recaudit.checkpoints.notes import Reading
    from recaudit.checkpoints.unpickle import Unpickler

EXPANDED_ELEMENTS = 1 << 20
"""A view may repeat stored elements (stride 0), but only up to this many."""

_STORED_AS = {
    "float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "u2",
    "complex64": "c8", "complex128": "c16",
    "int64": "i8", "int32": "i4", "int16": "i2", "int8": "i1", "bool": "b1",
    "uint64": "u8", "uint32": "u4", "uint16": "u2", "uint8": "u1",
    **dict.fromkeys(FLOAT8, "u1"),
}  # fmt: skip
"""torch dtype -> NumPy type its elements are stored as."""

STORAGE_DTYPES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32",
    "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "UntypedStorage": "uint8",
    "Float8_e4m3fnStorage": "float8_e4m3fn", "Float8_e5m2Storage": "float8_e5m2",
    "Float8_e4m3fnuzStorage": "float8_e4m3fnuz", "Float8_e5m2fnuzStorage": "float8_e5m2fnuz",
}  # fmt: skip


@dataclass(eq=False)
class Storage:
    """A flat run of elements that tensors are views of."""

    dtype: str
    """torch's name, or the storage class when nobody knows it."""
    content: memoryview | None
    """None while only the layout of a legacy file is being explored."""
    count: int
    big_endian: bool = False

    @property
    def known(self) -> bool:
        return self.dtype in _STORED_AS

    def item_bytes(self) -> int:
        return np.dtype(_STORED_AS[self.dtype]).itemsize if self.known else 1

    def elements(self, dtype: str) -> np.ndarray:
        """All elements read as ``dtype``, still in their stored form."""
        stored = np.dtype(_STORED_AS[dtype]).newbyteorder(">" if self.big_endian else "<")
        content = self.content or b""
        whole = len(content) // stored.itemsize
        if not whole:
            return np.empty(0, stored)
        return np.frombuffer(content[: whole * stored.itemsize], stored)


def storage_reference(persistent_id: Any) -> tuple[str, str, int]:
    """Class, key and element count of ``("storage", class, key, location, count, …)``."""
    match persistent_id:
        case ("storage", Name() as cls, str() | int() as key, _, int() as count, *_) if count >= 0:
            return cls.dotted.rpartition(".")[2], str(key), count
    raise Damaged(f"the storage reference {short(persistent_id)} is malformed")


def view(storage: Any, offset: Any, size: Any, stride: Any, reading: Reading, dtype: str = "") -> Any:
    """The tensor ``storage[offset + Σ index·stride]`` as an array, or a stub of unknown type."""
    if not isinstance(storage, Storage):
        raise Damaged("a tensor has no storage")
    dtype = dtype or storage.dtype
    if dtype not in _STORED_AS:
        reading.warn("unreadable-tensor", f"a tensor of type {short(dtype)} was left unread")
        return Stub(f"torch.{dtype}", (tuple(size) if isinstance(size, tuple) else (),))
    if storage.content is None:
        return None
    elements = storage.elements(dtype)
    _check_view(elements.size, offset, size, stride)
    if element_count(size) == 0:
        return np.empty(size, elements.dtype.newbyteorder("="))
    steps = tuple(step * elements.itemsize for step in stride)
    window = np.lib.stride_tricks.as_strided(elements[offset:], size, steps, writeable=False)
    return _readable(window, dtype, reading)


def _check_view(stored: int, offset: Any, size: Any, stride: Any) -> None:
    logical = element_count(size)
    if not isinstance(stride, tuple) or len(stride) != len(size):
        raise Damaged(f"a tensor of {len(size)} dimensions has strides {short(stride)}")
    if type(offset) is not int or offset < 0 or any(type(s) is not int or s < 0 for s in stride):
        raise Damaged(f"a tensor has offset {short(offset)} and strides {short(stride)}")
    last = offset + sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    if logical and last >= stored:
        raise Damaged(f"a tensor of shape {size} reads element {last} of a storage that has {stored}")
    if logical > max(stored, EXPANDED_ELEMENTS):
        raise Unsafe(f"a tensor repeats {stored} stored elements to {logical:,}")


def _readable(window: np.ndarray, dtype: str, reading: Reading) -> np.ndarray:
    native = window.astype(window.dtype.newbyteorder("="), copy=False)
    if dtype == "bfloat16":
        return widen_bfloat16(native)
    if dtype in FLOAT8:
        reading.warn("float8", f"a tensor of {dtype} was widened to float32")
        return widen_float8(native, dtype)
    return native


def _rebuild_tensor(machine: Unpickler, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Any:
    return view(storage, offset, size, stride, machine.reading)


def _rebuild_tensor_v3(
    machine: Unpickler, storage: Any, offset: Any, size: Any, stride: Any,
    _grad: Any = None, _hooks: Any = None, dtype: Any = None, *_: Any,
) -> Any:  # fmt: skip
    name = dtype.dotted if isinstance(dtype, Name) else str(dtype)
    return view(storage, offset, size, stride, machine.reading, name.rpartition(".")[2])


def _rebuild_parameter(machine: Unpickler, tensor: Any = None, *_: Any) -> Any:
    return tensor


def _rebuild_from_type(
    machine: Unpickler, function: Any = None, cls: Any = None, arguments: Any = (), *_: Any
) -> Any:
    """A tensor subclass, or a tensor with attributes: the plain tensor inside."""
    return machine.call(function, arguments)


def _size(machine: Unpickler, sizes: Any = (), *_: Any) -> tuple[Any, ...]:
    if not isinstance(sizes, (tuple, list)) or len(sizes) > LARGEST_DIMENSIONS:
        raise Damaged("a torch.Size is malformed")
    return tuple(sizes)


def _device(machine: Unpickler, *parts: Any) -> str:
    return ":".join(str(part) for part in parts if isinstance(part, (str, int)))


def _typed_value(machine: Unpickler, value: Any = None, *_: Any) -> Any:
    return value


def _list(machine: Unpickler, values: Any = None, *_: Any) -> list[Any]:
    if not isinstance(values, (list, tuple)):
        raise Damaged("a TorchScript list is malformed")
    return list(values)


def _load_from_bytes(machine: Unpickler, content: Any = b"", *_: Any) -> Any:
    """A tensor pickled outside ``torch.save`` carries its storage as a whole file in bytes."""
    from recaudit.checkpoints.torch_legacy import LEGACY_MAGIC, read_torch_legacy

    if not isinstance(content, (bytes, bytearray)) or not bytes(content).startswith(LEGACY_MAGIC):
        raise Damaged("a pickled tensor's storage is not in the form torch writes")
    with machine.reading.one_deeper():
        return read_torch_legacy(memoryview(content), machine.reading)


def _named_constant(machine: Unpickler, *_: Any) -> Any:
    raise Damaged("the pickle calls a torch element type")


TORCH_REBUILDERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch.storage._load_from_bytes": _load_from_bytes,
    "torch.Size": _size,
    "torch.device": _device,
    "torch.jit._pickle.restore_type_tag": _typed_value,
    **{f"torch.jit._pickle.build_{kind}list": _list for kind in ("int", "bool", "double", "tensor")},
    **{f"torch.{dtype}": _named_constant for dtype in _STORED_AS},
}
