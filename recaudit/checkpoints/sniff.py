"""Which container a file is, from its bytes alone; a name can say anything."""

from __future__ import annotations

import re
from enum import Enum

from recaudit.checkpoints.npy import NPY_MAGIC
from recaudit.checkpoints.onnx import looks_like_onnx
from recaudit.checkpoints.opcodes import walks_to_stop
from recaudit.checkpoints.parquet import PARQUET_MAGIC
from recaudit.checkpoints.refusals import Damaged, Unsafe
from recaudit.checkpoints.safetensors import is_safetensors
from recaudit.checkpoints.torch_legacy import LEGACY_MAGIC
from recaudit.checkpoints.word2vec import is_word2vec


class Container(Enum):
    ZIP = "zip"
    TORCH_LEGACY = "torch-legacy"
    PICKLE = "pickle"
    NPY = "npy"
    SAFETENSORS = "safetensors"
    PARQUET = "parquet"
    ONNX = "onnx"
    WORD2VEC = "word2vec"
    JSON = "json"
    TABLE = "csv"


_READABLE = (
    "Give a file that recaudit reads: torch.save, TorchScript, pickle, joblib, npz, npy, "
    "safetensors, ONNX, word2vec, or a Parquet, CSV or JSON table."
)
_UNPACK = "Unpack it first and give the file inside."

_KNOWN_BUT_UNREAD: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself", "Run: git lfs pull"),
    (b"<!doctype", "an HTML page", "The download failed; fetch the file again."),
    (b"<html", "an HTML page", "The download failed; fetch the file again."),
    (b"<?xml", "an XML document", "The download failed; fetch the file again."),
    (b"gguf", "a GGUF language model", _READABLE),
    (b"\x89hdf", "an HDF5 file (Keras, PyTables)", "Export its weights as npz or safetensors."),
    (b"\x89png", "a PNG image", _READABLE),
    (b"\xff\xd8\xff", "a JPEG image", _READABLE),
    (b"gif8", "a GIF image", _READABLE),
    (b"%pdf", "a PDF document", _READABLE),
    (b"\x7felf", "a program", _READABLE),
    (b"sqlite format 3", "an SQLite database", "Export the table as Parquet or CSV."),
    (b"\x1f\x8b", "gzip-compressed data", _UNPACK),
    (b"bzh", "bzip2-compressed data", _UNPACK),
    (b"\xfd7zxz", "xz-compressed data", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data", _UNPACK),
    (b"\x04\x22\x4d\x18", "lz4-compressed data", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"rar!", "a RAR archive", _UNPACK),
    (b"pk\x05\x06", "an empty zip archive", _READABLE),
)
_ZLIB_HEADERS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_TAR_MAGIC = slice(257, 262)
_OPENS_TEXT_PICKLE = b"(])}lditcIJKLMNFGPSTUVX2"
_YAML_LINE = re.compile(rb"^\s*(- )?[\w.-]+:(\s|$)", re.MULTILINE)
_YAML_TAG = re.compile(rb"!!?(python|[\w/]+[:/])")
_TEXT_SAMPLE = 1 << 16


def sniff(data: memoryview) -> Container:
    """The container of ``data``; refuses with what the file looks like when none is readable."""
    if not len(data):
        raise Damaged("the file is empty", fix="Copy or download it again.")
    head = bytes(data[:_TEXT_SAMPLE])
    if found := _by_magic(head, data):
        return found
    _refuse_known(head)
    if head[0] in _OPENS_TEXT_PICKLE and walks_to_stop(data):
        return Container.PICKLE
    if is_word2vec(data):
        return Container.WORD2VEC
    return _by_text(head)


def _by_magic(head: bytes, data: memoryview) -> Container | None:
    if head.startswith(b"PK\x03\x04"):
        return Container.ZIP
    if head.startswith(LEGACY_MAGIC):
        return Container.TORCH_LEGACY
    # Before pickle: a header of 128 mod 256 bytes makes a safetensors file start with pickle's first byte.
    # The zero bytes of its length are no pickle instruction, so no file is both.
    if is_safetensors(data):
        return Container.SAFETENSORS
    if head[0] == 0x80:
        return Container.PICKLE
    if head.startswith(NPY_MAGIC):
        return Container.NPY
    if head.startswith(PARQUET_MAGIC):
        return Container.PARQUET
    return Container.ONNX if looks_like_onnx(data) else None


def _refuse_known(head: bytes) -> None:
    lowered = head.lstrip().lower()
    for magic, what, fix in _KNOWN_BUT_UNREAD:
        if lowered.startswith(magic):
            raise Damaged(f"this is {what}", fix=fix)
    if head[_TAR_MAGIC] == b"ustar" or head.startswith(b"sys_info\0"):
        raise Damaged(
            "this is a tar archive, as torch wrote before 2018",
            fix="Load it with a torch of that time and save it again with torch.save.",
        )
    if head.startswith(_ZLIB_HEADERS):
        raise Damaged("this is zlib-compressed data, as joblib writes", fix="Use compress=0.")
    if not any(head):
        raise Damaged("the file holds nothing but zero bytes", fix="Copy or download it again.")


def _by_text(head: bytes) -> Container:
    if not _is_text(head):
        raise Damaged("the bytes are of no format recaudit knows", fix=_READABLE)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"["):
        return Container.JSON
    if _YAML_TAG.search(text):
        raise Unsafe(
            "this is YAML with a tag that makes loaders build Python objects",
            fix="Never load it with an unsafe YAML loader; ask its author for plain settings.",
        )
    first_line = text.partition(b"\n")[0]
    if _YAML_LINE.match(text):
        raise Damaged("this is YAML, which recaudit does not read", fix=_READABLE)
    if b"\n" not in head and not any(mark in first_line for mark in b",;\t|"):
        raise Damaged("this is plain text, neither a table nor a checkpoint", fix=_READABLE)
    return Container.TABLE


def _is_text(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    odd = sum(byte < 0x20 and byte not in b"\t\n\r\x1b\x07" for byte in head)
    high = sum(byte >= 0x80 for byte in head)
    if len(head) < 2 or odd * 10 > len(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # Cut in the middle of the sample's last character, or Latin-1 with some accents.
        return error.start >= len(head) - 4 or high * 4 < len(head)
    return True
