"""From the bytes of one file to its tree and its receipt. Runs inside the isolated process."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from recaudit.checkpoints.json_file import read_json
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.npy import NPY_MAGIC, read_npy, read_npz
from recaudit.checkpoints.numeric import check_numbers
from recaudit.checkpoints.onnx import read_onnx
from recaudit.checkpoints.opcodes import walks_to_stop
from recaudit.checkpoints.parquet import read_parquet
from recaudit.checkpoints.refusals import Damaged, Unsafe, short
from recaudit.checkpoints.safetensors import read_safetensors
from recaudit.checkpoints.sniff import Container, sniff
from recaudit.checkpoints.tabular import read_table
from recaudit.checkpoints.tidy import tidy
from recaudit.checkpoints.torch_legacy import LEGACY_MAGIC, read_torch_legacy
from recaudit.checkpoints.torch_zip import is_torch_zip, read_torch_zip
from recaudit.checkpoints.training_state import without_training_state
from recaudit.checkpoints.types import Checkpoint, Receipt, arrays
from recaudit.checkpoints.unpickle import Unpickler
from recaudit.checkpoints.word2vec import read_word2vec
from recaudit.checkpoints.zipfiles import Zip

_TORCH_FORMATS = ("torch-zip", "torch-legacy", "torchscript")
_PICKLE_HEADERS = tuple(bytes((0x80, protocol)) for protocol in range(2, 6))


def read(data: memoryview, name: str, reading: Reading) -> Checkpoint:
    """Everything in ``data``: a tree of plain values and what was noticed on the way."""
    reading.open_nested = _open_nested
    tree = tidy(without_training_state(_read_container(data, reading), reading), reading)
    tensors = dict(arrays(tree))
    if not tensors and (reading.skipped or reading.format in _TORCH_FORMATS):
        raise Damaged(
            f"the checkpoint holds no weights; its entries are {_keys(tree, reading)}",
            fix="Save the model's state_dict, not only the state of its training.",
        )
    check_numbers(tensors, reading)
    if reading.stubs:
        reading.info(
            "stubbed-class",
            f"{reading.stubs.total():,} objects of {len(reading.stubs):,} unknown classes were kept as "
            "inert stubs",
        )
    receipt = Receipt(
        file=name,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        format=reading.format,
        tensors=len(tensors),
        stubs=dict(reading.stubs.most_common()),
        skipped=tuple(reading.skipped),
        notes=tuple(reading.notes),
    )
    return Checkpoint(Path(name), tree, receipt)


def _read_container(data: memoryview, reading: Reading) -> Any:
    container = sniff(data)
    reading.format = container.value
    if container is Container.ZIP:
        return _read_zip(data, reading)
    return _READERS[container](data, reading)


def _read_zip(data: memoryview, reading: Reading) -> Any:
    archive = Zip(data, reading)
    if is_torch_zip(archive):
        return read_torch_zip(archive, reading)
    if archive.members and all(name.endswith(".npy") for name in archive.members):
        return read_npz(archive, reading)
    names = ", ".join(short(name) for name in list(archive.members)[:6])
    raise Damaged(
        f"the zip is neither a torch checkpoint nor an npz; its members are {names or 'none'}",
        fix="Unpack it and give the checkpoint inside.",
    )


def _read_pickle(data: memoryview, reading: Reading) -> Any:
    machine = Unpickler(data, reading)
    tree = machine.load()
    rest = len(data) - machine.position
    if rest and bytes(data[machine.position :]).strip(b"\r\n\0"):
        raise Unsafe(
            f"{rest:,} bytes follow the end of the pickle at byte {machine.position:,}: "
            "a second pickle or another file is hidden there"
        )
    if rest:
        reading.warn("trailing-bytes", f"{rest:,} blank bytes follow the end of the pickle")
    return tree


def _read_lone_array(data: memoryview, reading: Reading) -> Any:
    return read_npy(data, reading)


_READERS = {
    Container.TORCH_LEGACY: read_torch_legacy,
    Container.PICKLE: _read_pickle,
    Container.NPY: _read_lone_array,
    Container.SAFETENSORS: read_safetensors,
    Container.PARQUET: read_parquet,
    Container.ONNX: read_onnx,
    Container.WORD2VEC: read_word2vec,
    Container.JSON: read_json,
    Container.TABLE: read_table,
}


def _open_nested(content: bytes | bytearray, reading: Reading) -> Any:
    """A checkpoint kept in a bytes value, or the bytes themselves when they are none."""
    data = memoryview(content).toreadonly()
    zipped = content.startswith(b"PK\x03\x04")
    pickled = content.startswith((LEGACY_MAGIC, *_PICKLE_HEADERS)) and walks_to_stop(data)
    if not (zipped or pickled or content.startswith(NPY_MAGIC)):
        return content
    outer = reading.format
    tree = without_training_state(_read_container(data, reading), reading)
    inner, reading.format = reading.format, outer
    reading.info("nested-file", f"a bytes value is itself a {inner} file and was read too")
    return tree


def _keys(tree: Any, reading: Reading) -> str:
    found = [*reading.skipped, *(tree if isinstance(tree, dict) else ())]
    return ", ".join(short(key) for key in found[:8]) or "none"
