"""``torch.save`` since 1.6, and TorchScript: a zip of one pickle and one member per storage."""

from __future__ import annotations

from typing import Any

from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, Unsafe, short
from recaudit.checkpoints.tensors import STORAGE_DTYPES, Storage, storage_reference
from recaudit.checkpoints.unpickle import Unpickler
from recaudit.checkpoints.zipfiles import STORED, Zip


def is_torch_zip(archive: Zip) -> bool:
    return any(name == "data.pkl" or name.endswith("/data.pkl") for name in archive.members)


def read_torch_zip(archive: Zip, reading: Reading) -> Any:
    prefix = _prefix(archive)
    reading.format = "torch-zip"
    if f"{prefix}constants.pkl" in archive.members:
        reading.format = "torchscript"
        reading.info("ignored-member", "TorchScript code in the archive was not read", "code/")
    big_endian = _is_big_endian(archive, prefix)
    machine = Unpickler(
        _stored(archive, f"{prefix}data.pkl"),
        reading,
        persistent=_StorageLoader(archive, prefix, big_endian),
    )
    tree = machine.load()
    if machine.position != archive.members[f"{prefix}data.pkl"].bytes:
        raise Unsafe(f"the member {short(prefix + 'data.pkl')} goes on after its end")
    return tree


def _prefix(archive: Zip) -> str:
    pickles = [name for name in archive.members if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(pickles) > 1:
        raise Unsafe(
            f"the archive has {len(pickles)} members that could be the checkpoint: "
            + ", ".join(map(short, pickles[:4]))
        )
    return pickles[0].removesuffix("data.pkl")


def _is_big_endian(archive: Zip, prefix: str) -> bool:
    name = f"{prefix}byteorder"
    if name not in archive.members:
        return False
    order = bytes(_stored(archive, name)[:16])
    if order not in (b"little", b"big"):
        raise Damaged(f"the member {short(name)} names no byte order")
    return order == b"big"


def _stored(archive: Zip, name: str) -> memoryview:
    if archive.members[name].method != STORED:
        raise Unsafe(
            f"the archive member {short(name)} is compressed, which torch never does: "
            "it may unpack to far more than the file's size",
            fix="Save the checkpoint again with torch.save.",
        )
    return archive.read(name)


class _StorageLoader:
    """Persistent ids -> storages, each read and checked once."""

    def __init__(self, archive: Zip, prefix: str, big_endian: bool) -> None:
        self._archive = archive
        self._prefix = prefix
        self._big_endian = big_endian
        self._loaded: dict[tuple[str, str], Storage] = {}

    def __call__(self, persistent_id: Any) -> Storage:
        cls, key, count = storage_reference(persistent_id)
        storage = self._loaded.get((cls, key)) or self._load(cls, key)
        if storage.known and count * storage.item_bytes() != len(storage.content or b""):
            raise Damaged(
                f"the storage {short(self._prefix + 'data/' + key)} has "
                f"{len(storage.content or b''):,} bytes, but {count:,} elements are declared"
            )
        self._loaded[cls, key] = storage
        return storage

    def _load(self, cls: str, key: str) -> Storage:
        name = f"{self._prefix}data/{key}"
        if name not in self._archive.members:
            raise Damaged(f"the storage {short(name)} is not in the archive")
        content = _stored(self._archive, name)
        dtype = STORAGE_DTYPES.get(cls, cls)
        return Storage(dtype, content, len(content), self._big_endian)
