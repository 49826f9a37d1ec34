"""joblib's files: a pickle with raw array bytes between its instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recaudit.checkpoints.arrays import DtypeDraft, nested_list
from recaudit.checkpoints.dtypes import array_from_bytes, element_count
from recaudit.checkpoints.refusals import Damaged
from recaudit.checkpoints.types import Stub

if TYPE_CHECKING:
    from recaudit.checkpoints.unpickle import Unpickler

WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"


def array_after(wrapper: Stub, machine: Unpickler) -> Any:
    """The array whose bytes follow the instruction that described it."""
    machine.reading.format = "joblib"
    dtype, shape = wrapper.fields.get("dtype"), wrapper.fields.get("shape")
    if not isinstance(dtype, DtypeDraft) or not isinstance(shape, tuple):
        raise Damaged("a joblib array has no type or no shape")
    if dtype.is_object:
        return _object_array(machine, shape)
    if wrapper.fields.get("numpy_array_alignment_bytes") is not None:
        machine.opcodes.take(machine.opcodes.take(1)[0])
    plain = dtype.dtype()
    content = machine.opcodes.take(element_count(shape) * plain.itemsize)
    return array_from_bytes(content, plain, shape, column_major=wrapper.fields.get("order") == "F")


def _object_array(machine: Unpickler, shape: tuple[int, ...]) -> Any:
    inner = type(machine)(machine.opcodes.data, machine.reading, start=machine.position)
    value = inner.load()
    machine.opcodes.position = inner.position
    return nested_list(value, shape, column_major=False) if isinstance(value, list) else value
