"""NumPy's pickled arrays, types and scalars, rebuilt from the bytes beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from recaudit.checkpoints.dtypes import array_from_bytes, element_count, plain_dtype
from recaudit.checkpoints.refusals import Damaged, Unsafe, short

if TYPE_CHECKING:
    from recaudit.checkpoints.unpickle import Unpickler

LARGEST_UNIT_STEP = 10_000


class Draft:
    """A value whose bytes follow later: the pickle names it first and fills it with BUILD."""

    value: Any = None

    def build(self, machine: Unpickler, state: Any) -> None:
        raise NotImplementedError


class DtypeDraft(Draft):
    """``numpy.dtype(code)``, whose byte order and time unit arrive with its state."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._order = "<"
        self._unit = ""
        self.value = code

    @property
    def is_object(self) -> bool:
        return self._code.lstrip("<>|=") in ("O", "O8", "object")

    def dtype(self) -> np.dtype:
        return plain_dtype(f"{self._order}{self._code.lstrip('<>|=')}{self._unit}")

    def build(self, machine: Unpickler, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 3:
            raise Damaged(f"the state of the array type {short(self._code)} is malformed")
        if any(part is not None for part in state[2:5]):
            raise Damaged(
                "a pickled array has a structured type",
                fix="Save each column as an array of its own.",
            )
        if state[1] not in ("<", ">", "|", "="):
            raise Damaged(f"{short(state[1])} is no byte order")
        self._order = state[1]
        if len(state) == 9:
            self._unit = self._time_unit(state[8])

    def _time_unit(self, metadata: Any) -> str:
        match metadata:
            case (_, (str() | bytes() as unit, int() as step, *_)) if 0 < step < LARGEST_UNIT_STEP:
                text = unit.decode("latin-1") if isinstance(unit, bytes) else unit
                return "" if text == "generic" else f"[{step if step > 1 else ''}{text}]"
        raise Damaged(f"the time unit {short(metadata)} is malformed")


class ArrayDraft(Draft):
    """``_reconstruct(ndarray, …)``, filled by ``(version, shape, dtype, column_major, data)``."""

    def build(self, machine: Unpickler, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise Damaged("the state of a pickled array is malformed")
        shape, dtype, column_major, data = state[-4:]
        if not isinstance(dtype, DtypeDraft):
            raise Damaged("a pickled array has no element type")
        if dtype.is_object:
            self.value = nested_list(data, shape, column_major=bool(column_major))
        else:
            self.value = array_from_bytes(
                _as_bytes(data), dtype.dtype(), shape, column_major=bool(column_major)
            )


def nested_list(data: Any, shape: tuple[int, ...], *, column_major: bool) -> Any:
    """An object array as lists: its elements are arbitrary values, and a 0-d one is its value."""
    if not isinstance(data, list) or len(data) != element_count(shape):
        raise Damaged(f"an object array of shape {short(shape)} does not hold that many values")
    if not shape:
        return data[0]
    if not data:
        return []
    holder = np.empty(len(data), dtype=object)
    for index, value in enumerate(data):
        holder[index] = value
    return holder.reshape(shape, order="F" if column_major else "C").tolist()


def _as_bytes(data: Any) -> bytes | bytearray:
    if isinstance(data, str):
        # Python 2 pickles: raw bytes written as text, read back as latin-1.
        try:
            return data.encode("latin-1")
        except UnicodeEncodeError as error:
            raise Damaged("the bytes of a pickled array are text") from error
    if not isinstance(data, (bytes, bytearray)):
        raise Damaged("a pickled array has no bytes")
    return data


def _dtype(machine: Unpickler, code: Any, *_: Any) -> DtypeDraft:
    if isinstance(code, bytes):
        code = code.decode("latin-1")
    if not isinstance(code, str) or len(code) > 40:
        raise Damaged(f"the array type {short(code)} is not one arrays of numbers have")
    return DtypeDraft(code)


def _reconstruct(machine: Unpickler, *_: Any) -> ArrayDraft:
    return ArrayDraft()


def _from_buffer(
    machine: Unpickler, buffer: Any, dtype: Any, shape: Any, order: Any = "C", *_: Any
) -> np.ndarray:
    if not isinstance(dtype, DtypeDraft):
        raise Damaged("a pickled array has no element type")
    return array_from_bytes(_as_bytes(buffer), dtype.dtype(), shape, column_major=order == "F")


def _scalar(machine: Unpickler, dtype: Any, data: Any = None, *_: Any) -> Any:
    if not isinstance(dtype, DtypeDraft):
        raise Damaged("a pickled number has no type")
    if dtype.is_object:
        return data
    number = array_from_bytes(_as_bytes(data), dtype.dtype(), ())
    return str(number) if number.dtype.kind in "mM" else number.item()


def _array(machine: Unpickler, values: Any = (), *_: Any) -> Any:
    raise Unsafe("the pickle calls numpy.ndarray with a buffer of its own")


NUMPY_REBUILDERS: dict[str, Callable[..., Any]] = {
    "numpy.dtype": _dtype,
    "numpy.ndarray": _array,
}
for _package in ("numpy.core", "numpy._core"):
    NUMPY_REBUILDERS |= {
        f"{_package}.multiarray._reconstruct": _reconstruct,
        f"{_package}.multiarray.scalar": _scalar,
        f"{_package}.numeric._frombuffer": _from_buffer,
    }
