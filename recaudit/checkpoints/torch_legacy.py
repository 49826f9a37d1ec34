"""``torch.save`` before 1.6: five pickles in a row, then the raw storages."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

from recaudit.checkpoints.globals import Name
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, Unsafe, short
from recaudit.checkpoints.tensors import STORAGE_DTYPES, Storage, storage_reference
from recaudit.checkpoints.unpickle import Unpickler

LEGACY_MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_PROTOCOL = 1001


def read_torch_legacy(data: memoryview, reading: Reading) -> Any:
    """The saved object. Its pickle is walked twice: the element types that say where each storage
    lies stand in the pickle, and the storages come after it."""
    protocol, position = _pickle(data, reading, len(LEGACY_MAGIC))
    system, start = _pickle(data, reading, position)
    if protocol != _PROTOCOL or not isinstance(system, dict):
        raise Damaged("the header of the torch file is damaged")
    layout = _Layout()
    scratch = Reading(reading.file_bytes, reading.limits, nesting=reading.nesting)
    explorer = Unpickler(data, scratch, start=start, persistent=layout)
    explorer.load()
    keys, position = _pickle(data, reading, explorer.position)
    big_endian = system.get("little_endian") is False
    loader = _StorageLoader(_storages(data, position, keys, layout.declared, big_endian, reading))
    return Unpickler(data, reading, start=start, persistent=loader).load()


def _pickle(data: memoryview, reading: Reading, start: int) -> tuple[Any, int]:
    machine = Unpickler(data, reading, start=start)
    return machine.load(), machine.position


def _module_class(persistent_id: Any) -> Name | None:
    """Old files refer to a module's class together with a copy of its source, which stays unread."""
    match persistent_id:
        case ("module", Name() as cls, *_):
            return cls
    return None


class _Layout:
    """First walk: which storages there are, of which type and size."""

    def __init__(self) -> None:
        self.declared: dict[str, Storage] = {}

    def __call__(self, persistent_id: Any) -> Any:
        if (module := _module_class(persistent_id)) is not None:
            return module
        cls, key, count = storage_reference(persistent_id)
        storage = Storage(STORAGE_DTYPES.get(cls, cls), None, count)
        return self.declared.setdefault(key, storage)


class _StorageLoader:
    """Second walk: persistent ids -> storages, or the part of one that an old view names."""

    def __init__(self, storages: dict[str, Storage]) -> None:
        self._storages = storages

    def __call__(self, persistent_id: Any) -> Any:
        if (module := _module_class(persistent_id)) is not None:
            return module
        _, key, _ = storage_reference(persistent_id)
        storage = self._storages[key]
        match persistent_id[5:]:
            case () | (None,):
                return storage
            case ((_, int() as offset, int() as count),) if offset >= 0 and count >= 0:
                size = storage.item_bytes()
                content = storage.content or memoryview(b"")
                return replace(storage, content=content[offset * size : (offset + count) * size], count=count)
        raise Damaged(f"the view of the storage {short(key)} is malformed")


def _storages(
    data: memoryview,
    position: int,
    keys: Any,
    declared: dict[str, Storage],
    big_endian: bool,
    reading: Reading,
) -> dict[str, Storage]:
    if not isinstance(keys, list) or set(map(str, keys)) != set(declared):
        raise Damaged("the list of storages does not fit the tensors")
    storages: dict[str, Storage] = {}
    for key in map(str, keys):
        storage = declared[key]
        if not storage.known:
            raise Damaged(f"the storage type {short(storage.dtype)} has no known size")
        content, position = _content(data, position, key, storage, big_endian)
        storages[key] = replace(storage, content=content, big_endian=big_endian)
    if position != len(data):
        raise Unsafe(f"{len(data) - position} bytes follow the last storage")
    return storages


def _content(
    data: memoryview, position: int, key: str, storage: Storage, big_endian: bool
) -> tuple[memoryview, int]:
    start = position + 8
    if start > len(data):
        raise Damaged(f"the storage {short(key)} is missing: the file is cut off")
    (count,) = struct.unpack_from(">q" if big_endian else "<q", data, position)
    end = start + count * storage.item_bytes()
    if count != storage.count or end > len(data):
        raise Damaged(f"the storage {short(key)} is shorter than declared: the file is cut off")
    return data[start:end], end
