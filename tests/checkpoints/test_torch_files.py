"""Files written by torch read back equal to torch's own tensors; forged ones are refused."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recaudit.errors import InputRefused
from tests.checkpoints.forging import Write, read, tensor_pickle, torch_zip

torch = pytest.importorskip("torch")

FORMS = {
    "zip": {},
    "zip-protocol-4": {"pickle_protocol": 4},
    "legacy": {"_use_new_zipfile_serialization": False},
}


def _saved(value: Any, **form: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **form)
    return buffer.getvalue()


def _state() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(1)
    base = torch.randn(7, 6, generator=generator)
    return {
        "plain": base,
        "tied": base,
        "transposed": base.T,
        "slice": base[2:5, 1::2],
        "expanded": torch.ones(1, 3).expand(4, 3),
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 4),
        "half": base.half(),
        "bfloat": base.bfloat16(),
        "double": base.double(),
        "long": torch.arange(5),
        "bool": torch.tensor([True, False]),
        "byte": torch.arange(3, dtype=torch.uint8),
        "complex": torch.complex(base, base),
        "parameter": torch.nn.Parameter(base.clone()),
    }


@pytest.mark.parametrize("form", FORMS)
def test_state_dicts_equal_what_torch_reads(form: str, write: Write) -> None:
    state = _state()
    found = read(write(_saved(state, **FORMS[form]))).tree
    assert list(found) == list(state)
    for key, tensor in state.items():
        widened = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        np.testing.assert_array_equal(found[key], widened.detach().numpy(), err_msg=key)


def test_eight_bit_floats_are_widened_with_a_warning(write: Write) -> None:
    tensor = torch.linspace(-3, 3, 16).to(torch.float8_e4m3fn)
    checkpoint = read(write(_saved({"w": tensor})))
    np.testing.assert_array_equal(checkpoint.tree["w"], tensor.float().numpy())
    assert [note.code for note in checkpoint.receipt.notes] == ["float8"]


@pytest.mark.parametrize("form", FORMS)
def test_whole_modules_give_their_parameters(form: str, write: Write) -> None:
    module = torch.nn.Sequential(torch.nn.Embedding(5, 3), torch.nn.Linear(3, 2), torch.nn.ReLU())
    checkpoint = read(write(_saved(module, **FORMS[form])))
    found = checkpoint.tensors()
    for name, parameter in module.named_parameters():
        child, attribute = name.split(".")
        path = f"state/_modules/{child}/state/_parameters/{attribute}"
        np.testing.assert_array_equal(found[path], parameter.detach().numpy())
    assert checkpoint.receipt.stubs["torch.nn.modules.linear.Linear"] == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_gives_its_weights_and_leaves_its_code(write: Write, tmp_path: Path) -> None:
    module = torch.nn.Linear(3, 2)
    path = tmp_path / "scripted"
    torch.jit.save(torch.jit.trace(module, torch.ones(1, 3)), str(path))
    checkpoint = read(path)
    assert checkpoint.receipt.format == "torchscript"
    np.testing.assert_array_equal(checkpoint.tensors()["state/weight"], module.weight.detach().numpy())


def test_tensors_pickled_without_torch_save(write: Write) -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    found = read(write(pickle.dumps({"P": tensor}))).tree["P"]
    np.testing.assert_array_equal(found, tensor.numpy())


def test_big_endian_storages_are_swapped(write: Write) -> None:
    values = np.arange(8, dtype=">f4")
    content = torch_zip(tensor_pickle(), {"0": values.tobytes()}, byteorder=b"big")
    np.testing.assert_array_equal(read(write(content)).tree["item_embedding.weight"], values.reshape(4, 2))


def test_a_checkpoint_of_storages_nobody_knows_has_no_weights(write: Write) -> None:
    content = torch_zip(tensor_pickle(storage="Float3Storage"), {"0": bytes(32)})
    with pytest.raises(InputRefused, match="no weights"):
        read(write(content))


@pytest.mark.parametrize(
    ("forged", "storage"),
    [
        (tensor_pickle(count=10**12), bytes(32)),
        (tensor_pickle((10**6, 10**6), (0, 0), count=1), bytes(4)),
        (tensor_pickle((4, 2), (-2, 1)), bytes(32)),
        (tensor_pickle(offset=-1), bytes(32)),
        (tensor_pickle(offset=1), bytes(32)),
        (tensor_pickle((4, 2), (2,)), bytes(32)),
        (tensor_pickle((-4, -2)), bytes(32)),
        (tensor_pickle((2**33, 2**33), (1, 1)), bytes(32)),
        (tensor_pickle((1,) * 70, (1,) * 70), bytes(32)),
        (tensor_pickle(), bytes(31)),
    ],
)
def test_tensors_that_lie_about_their_storage_are_refused(
    forged: bytes, storage: bytes, write: Write
) -> None:
    with pytest.raises(InputRefused):
        read(write(torch_zip(forged, {"0": storage})))


def test_a_missing_storage_is_named(write: Write) -> None:
    with pytest.raises(InputRefused, match="archive/data/0"):
        read(write(torch_zip(tensor_pickle())))


def test_a_damaged_storage_is_named(write: Write) -> None:
    content = bytearray(torch_zip(tensor_pickle(), {"0": b"\x11" * 32}))
    content[content.index(b"\x11" * 32)] ^= 1
    with pytest.raises(InputRefused, match=r"archive/data/0.*checksum"):
        read(write(bytes(content)))


def test_compressed_storages_are_refused(write: Write) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", tensor_pickle(count=8))
    with pytest.raises(InputRefused, match="compressed"):
        read(write(buffer.getvalue()))


@pytest.mark.parametrize("second", ["archive/data.pkl", "evil/data.pkl"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_repeated_and_rival_members_are_refused(second: str, write: Write) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", tensor_pickle())
        archive.writestr(second, b"\x80\x02N.")
    with pytest.raises(InputRefused, match=r"(two|2) members"):
        read(write(buffer.getvalue()))


def test_members_that_overlap_are_refused(write: Write) -> None:
    content = bytearray(torch_zip(tensor_pickle(), {"0": bytes(32)}))
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 4)
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    with pytest.raises(InputRefused):
        read(write(bytes(content)))


def test_a_checkpoint_without_weights_is_refused_with_its_keys(write: Write) -> None:
    with pytest.raises(InputRefused, match=r"optimizer.*epoch"):
        read(write(torch_zip(pickle.dumps({"optimizer": {}, "epoch": 3}, 2))))
