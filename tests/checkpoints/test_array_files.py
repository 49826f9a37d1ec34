"""npy, npz, safetensors, ONNX, word2vec and Parquet: round trips, and headers that lie."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recaudit.errors import InputRefused
from tests.checkpoints.forging import (
    Write,
    call_pickle,
    npy_file,
    read,
    safetensors_file,
    table,
)

ARRAYS = [
    table(), np.asfortranarray(table()), table().astype(">f8"), table().astype(np.float16),
    np.arange(6, dtype=np.int16), np.array(["a", "bcd"]), np.zeros((0, 3)), np.array(3.5),
]  # fmt: skip


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype.str}{array.shape}")
def test_npy_round_trip(array: np.ndarray, write: Write) -> None:
    found = read(write(_npy(array))).tree
    np.testing.assert_array_equal(found, array)
    assert found.dtype.isnative


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_round_trip(save: Any, write: Write) -> None:
    buffer = io.BytesIO()
    save(buffer, user_factors=table(), regularization=0.01)
    found = read(write(buffer.getvalue())).tree
    np.testing.assert_array_equal(found["user_factors"], table())
    assert found["regularization"] == 0.01


def test_object_members_give_their_values(write: Write) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, factors=table(), ids=np.array(["u1", "u2"], dtype=object))
    assert read(write(buffer.getvalue())).tree["ids"] == ["u1", "u2"]
    content = _npy(np.array({"model": table()}, dtype=object))
    np.testing.assert_array_equal(read(write(content)).tree["model"], table())


def test_code_in_an_object_array_is_refused(write: Write) -> None:
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
    with pytest.raises(InputRefused, match=r"os\.system"):
        read(write(npy_file(header, call_pickle("os", "system", "true"))))


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (10**12,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -2), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 2, }",
        "{'descr': '<f4', 'shape': (2,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<U999999999', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<V8', 'fortran_order': False, 'shape': (1,), }",
        "__import__('os').system('true')",
        "(" * 5000,
    ],
)
def test_npy_headers_that_lie_or_compute_are_refused(header: str, write: Write) -> None:
    with pytest.raises(InputRefused):
        read(write(npy_file(header, bytes(8))))


def test_a_zip_that_unpacks_to_far_more_is_refused(write: Write) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, factors=np.zeros((20_000, 1_000), np.float32))
    with pytest.raises(InputRefused, match="unpacks"):
        read(write(buffer.getvalue()))


def test_safetensors_round_trip(write: Write) -> None:
    library = pytest.importorskip("safetensors.numpy")
    tensors = {"W_enc": table(), "half": table().astype(np.float16), "n": np.arange(3), "e": np.zeros((0, 2))}
    found = read(write(library.save(tensors, {"format": "np"}))).tree
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)


def test_bfloat16_in_safetensors(write: Write) -> None:
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    tensor = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    found = read(write(library.save({"w": tensor}))).tree["w"]
    np.testing.assert_array_equal(found, tensor.float().numpy())


def _entry(**changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]} | changes


@pytest.mark.parametrize(
    "header",
    [
        {"a": _entry(data_offsets=[0, 6400])},
        {"a": _entry(data_offsets=[16, 0])},
        {"a": _entry(data_offsets=[-16, 0])},
        {"a": _entry(data_offsets=[0.0, 16])},
        {"a": _entry(data_offsets=[True, 16])},
        {"a": _entry(shape=[-2, -2])},
        {"a": _entry(shape=[2.0, 2])},
        {"a": _entry(shape=[2**32, 2**32])},
        {"a": _entry(dtype="Q9")},
        {"a": _entry(dtype=32)},
        {"a": _entry(extra=1)},
        {"a": _entry(), "b": _entry()},
        {"a": _entry(data_offsets=[4, 20], shape=[2, 2])},
        {"a": _entry(shape=[2], data_offsets=[0, 8])},
        {"__metadata__": {"k": 1}, "a": _entry()},
        [],
        {"a": None},
    ],
)
def test_safetensors_headers_that_lie_are_refused(header: Any, write: Write) -> None:
    with pytest.raises(InputRefused):
        read(write(safetensors_file(json.dumps(header).encode(), bytes(16))))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xff\xff\xff\xff\xff\xff\x7f{}",
        b"\x00\x00\x00\x80\x00\x00\x00\x00{}",
        safetensors_file(b'{"a":' * 60_000),
        safetensors_file(b'{"a": {}, "a": {}}'),
        safetensors_file(b'{"a": NaN}'),
        safetensors_file(b"{\xff}"),
        safetensors_file(b"{'a': 1}"),
    ],
)
def test_broken_safetensors_headers_are_refused(content: bytes, write: Write) -> None:
    with pytest.raises(InputRefused, match="safetensors"):
        read(write(content))


def _field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return bytes([number << 3, content])
    return bytes([number << 3 | 2, len(content)]) + content


def _onnx(tensor: bytes) -> bytes:
    return _field(1, 8) + _field(7, _field(5, tensor))


def test_onnx_initializers_in_every_spelling(write: Write) -> None:
    values = np.array([[1, 2], [3, 4]], np.float32)
    head = _field(1, 2) + _field(1, 2) + _field(2, 1) + _field(8, b"item_embedding")
    packed = _field(1, b"\x02\x02") + _field(2, 1) + _field(8, b"item_embedding")
    for tensor in (head + _field(9, values.tobytes()), packed + _field(4, values.tobytes())):
        np.testing.assert_array_equal(read(write(_onnx(tensor))).tree["item_embedding"], values)
    whole = _field(1, 2) + _field(2, 7) + _field(8, b"n") + _field(7, b"\x05\x07")
    assert read(write(_onnx(whole))).tree["n"].tolist() == [5, 7]


@pytest.mark.parametrize(
    "tensor",
    [
        _field(1, 4) + _field(2, 1) + _field(13, _field(1, b"location") + _field(2, b"/etc/passwd")),
        _field(1, 4) + _field(2, 1) + _field(14, 1),
        _field(1, 4) + _field(2, 1) + _field(9, bytes(3)),
        _field(1, 4) + _field(2, 99) + _field(9, bytes(16)),
    ],
)
def test_onnx_weights_that_are_elsewhere_or_short_are_refused(tensor: bytes, write: Write) -> None:
    with pytest.raises(InputRefused):
        read(write(_onnx(tensor)))


def test_word2vec_text_and_binary(write: Write) -> None:
    vectors = table(2, 3)
    text = "2 3\n" + "".join(
        f"{word} {' '.join(str(float(x)) for x in row)}\n"
        for word, row in zip(("a", "ü"), vectors, strict=True)
    )
    binary = b"2 3\n" + b"a " + vectors[0].tobytes() + b"\n" + "ü ".encode() + vectors[1].tobytes()
    for content in (text.encode(), binary):
        tree = read(write(content)).tree
        assert tree["words"] == ["a", "ü"]
        np.testing.assert_array_equal(tree["vectors"], vectors)


@pytest.mark.parametrize("content", [b"999999999999 3\na 1 2 3\n", b"2 3\na 1 2 3\nb 1 2\n", b"1 2\na x y\n"])
def test_word2vec_that_lies_is_refused(content: bytes, write: Write) -> None:
    with pytest.raises(InputRefused):
        read(write(content))


@pytest.mark.parametrize("column", ["[x, x + 1.5]::float[]", None])
def test_parquet_vectors_become_one_matrix(column: str | None, tmp_path: Path) -> None:
    import duckdb

    path = tmp_path / "it's [a]*; drop.parquet"
    columns = f"{column} as embedding" if column else "x::float as f0, (x + 1.5)::float as f1"
    relation = duckdb.sql(f"select 'i' || x as item_id, {columns} from range(3) t(x)")
    relation.write_parquet(str(path).replace("*", "+"))
    found = read(Path(str(path).replace("*", "+"))).tree
    assert found["item_id"] == ["i0", "i1", "i2"]
    expected = np.stack([np.arange(3), np.arange(3) + 1.5], axis=1)
    np.testing.assert_array_equal(found["embedding" if column else "vectors"], expected)


@pytest.mark.parametrize("content", [b"PAR1PAR1", b"PAR1" + bytes(40), b"PAR1" + b"\x7f" * 40 + b"PAR1"])
def test_broken_parquet_is_refused(content: bytes, write: Write) -> None:
    with pytest.raises(InputRefused, match="Parquet"):
        read(write(content))


def test_joblib_arrays_between_instructions(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    value = {"factors": table(), "fortran": np.asfortranarray(table()), "ids": np.array(["a", 1], object)}
    path = tmp_path / "model"
    joblib.dump(value, path)
    checkpoint = read(path)
    assert checkpoint.receipt.format == "joblib"
    np.testing.assert_array_equal(checkpoint.tree["factors"], table())
    np.testing.assert_array_equal(checkpoint.tree["fortran"], table())
    assert checkpoint.tree["ids"] == ["a", 1]


def test_compressed_joblib_is_refused_with_the_way_out(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib")
    path = tmp_path / "model"
    joblib.dump({"factors": table()}, path, compress=3)
    with pytest.raises(InputRefused, match="zlib") as refusal:
        read(path)
    assert "compress=0" in refusal.value.fix


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"), (b"<!DOCTYPE html><html>", "HTML"), (b"GGUF\x03" + bytes(20), "GGUF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "LFS"), (b"\x1f\x8b\x08" + bytes(9), "gzip"),
        (b"\x89HDF\r\n\x1a\n" + bytes(9), "HDF5"), (b"\x89PNG\r\n" + bytes(9), "PNG"),
        (bytes(4096), "zero bytes"), (b"just a sentence", "plain text"), (b"a: !!python/name:os.system\n", "YAML"),
        (bytes(range(256)) * 4, "no format"),
    ],
)  # fmt: skip
def test_other_files_are_told_by_name(content: bytes, what: str, write: Write) -> None:
    with pytest.raises(InputRefused, match=what):
        read(write(content))


def test_a_pickle_with_a_zip_behind_it_is_judged_by_its_first_bytes(write: Write) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, a=table())
    with pytest.raises(InputRefused, match=r"os\.system"):
        read(write(call_pickle("os", "system", "true") + buffer.getvalue()))
    with pytest.raises(InputRefused, match="follow the end"):
        read(write(pickle.dumps({"a": 1}) + buffer.getvalue()))
