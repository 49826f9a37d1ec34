"""One array exchanged inside a file: the tool that wrote it reads the new numbers, and no other byte changed."""

import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from recaudit.checkpoints import read_checkpoint
from recaudit.checkpoints.patch import NotInPlace, with_array

RNG = np.random.default_rng(0)
OTHER, TABLE = (RNG.standard_normal((rows, 4)).astype(np.float32) for rows in (5, 30))
NEW = TABLE + np.float32(1)


def torch_file(new_form):
    file = io.BytesIO()
    state = {"a": torch.from_numpy(OTHER), "b": torch.from_numpy(TABLE), "n": 3}
    torch.save(state, file, _use_new_zipfile_serialization=new_form)
    return file.getvalue()


def npz(write=np.savez):
    file = io.BytesIO()
    write(file, a=OTHER, b=TABLE)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def from_torch(data):
    return {name: value.numpy() for name, value in torch.load(io.BytesIO(data)).items() if name != "n"}


CONTAINERS = {
    "torch": (torch_file(True), from_torch),
    "torch before 1.6": (torch_file(False), from_torch),
    "npz": (npz(), lambda data: dict(np.load(io.BytesIO(data)))),
    "npz, compressed": (npz(np.savez_compressed), lambda data: dict(np.load(io.BytesIO(data)))),
    "npy": (npy(TABLE), lambda data: {"b": np.load(io.BytesIO(data))}),
    "npy by column": (npy(np.asfortranarray(TABLE)), lambda data: {"b": np.load(io.BytesIO(data))}),
    "npy of another machine": (npy(TABLE.astype(">f4")), lambda data: {"b": np.load(io.BytesIO(data))}),
    "safetensors": (save({"a": OTHER, "b": TABLE}), load),
    "pickle": (pickle.dumps({"a": OTHER, "b": TABLE}), pickle.loads),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_the_tool_itself_reads_the_new_numbers(name, tmp_path):
    data, load_it = CONTAINERS[name]
    (tmp_path / "file").write_bytes(data)
    held = read_checkpoint(tmp_path / "file", isolate=False).tensors()
    before = next(array for array in held.values() if array.shape == TABLE.shape)
    after = with_array(data, before, NEW.astype(before.dtype))
    found = load_it(after)
    assert np.array_equal(found.pop("b"), NEW)
    assert all(np.array_equal(array, OTHER) for array in found.values())
    if name != "npz, compressed":
        assert len(after) == len(data)
        changed = np.frombuffer(after, np.uint8) != np.frombuffer(data, np.uint8)
        checksums = 12 if data.startswith(b"PK") else 0
        assert changed.sum() <= TABLE.nbytes + checksums
    if data.startswith(b"PK"):
        assert zipfile.ZipFile(io.BytesIO(after)).testzip() is None
    (tmp_path / "file").write_bytes(after)
    again = read_checkpoint(tmp_path / "file", isolate=False).tensors()
    assert any(np.array_equal(array, NEW) for array in again.values())


def test_numbers_that_are_not_there_as_they_are_are_not_guessed():
    with pytest.raises(NotInPlace, match="text, or of another type"):
        with_array(npz(), TABLE.astype(np.float64), NEW.astype(np.float64))
    with pytest.raises(NotInPlace, match="text, or of another type"):
        with_array(b"user_id,0\n1,0.25\n", TABLE, NEW)


def test_numbers_that_are_there_twice_are_not_guessed():
    with pytest.raises(NotInPlace, match="twice"):
        with_array(npy(TABLE) + TABLE.tobytes(), TABLE, NEW)
