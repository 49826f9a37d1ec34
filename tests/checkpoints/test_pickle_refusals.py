"""Pickles that would run code, eat memory or mislead: all refused, none executed."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path

import pytest

from recaudit.errors import ExitCode, InputRefused
from tests.checkpoints.forging import Calls, Write, call_pickle, read, torch_zip


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("wrap", [bytes, torch_zip], ids=["bare", "torch"])
def test_a_call_of_the_shell_is_refused_in_every_protocol(
    protocol: int, wrap: type, write: Write, tmp_path: Path
) -> None:
    marker = tmp_path / "ran"
    content = pickle.dumps({"state_dict": Calls(os.system, f"touch {marker}")}, protocol)
    with pytest.raises(InputRefused, match=r"(posix|os)\.system") as refusal:
        read(write(wrap(content)))
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert not marker.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"), ("builtins", "getattr"), ("builtins", "__import__"),
        ("__builtin__", "exec"), ("os", "popen"), ("subprocess", "Popen"), ("nt", "system"),
        ("importlib", "import_module"), ("runpy", "run_path"), ("pickle", "loads"),
        ("webbrowser", "open"), ("ctypes", "CDLL"), ("socket", "socket"), ("types", "CodeType"),
        ("types", "FunctionType"), ("operator", "methodcaller"), ("functools", "reduce"),
        ("numpy", "load"), ("numpy", "memmap"), ("numpy", "DataSource"),
        ("numpy.testing._private.utils", "runstring"), ("numpy.f2py.crackfortran", "myeval"),
        ("numpy.ctypeslib", "load_library"), ("numpy.ndarray", "tofile"),
        ("torch", "load"), ("torch.hub", "load"), ("torch.jit", "load"),
        ("torch.package", "PackageImporter"), ("torch.utils.bottleneck.__main__", "run_prof"),
        ("torch", "os.system"), ("torch.nn", "Module.os.system"), ("torch.nn", "sys.Modules"),
        ("pandas", "read_pickle"), ("pandas.core.computation.eval", "eval"),
        ("pandas.io.common", "Handle"), ("joblib", "load"), ("joblib.memory", "Memory"),
        ("cloudpickle.cloudpickle", "CloudPickler"), ("dill._dill", "Unpickler"),
        ("IPython.core.interactiveshell", "InteractiveShell"), ("pip._internal", "Main"),
        ("sklearn.externals.Anything", "Thing"), ("six.moves.builtins", "Exec"),
        ("somelib.helpers", "rebuild"), ("__main__", "lower_case_function"),
    ],
)  # fmt: skip
def test_names_that_run_code_or_open_files_are_refused(module: str, name: str, write: Write) -> None:
    with pytest.raises(InputRefused):
        read(write(call_pickle(module, name, "x")))


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02\x82\x01)R.",  # extension code
        b"Pexternal\n.",  # persistent id as text
        b"\x80\x02K\x01Q.",  # persistent id outside torch
        b"(S'x'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'x'\no.",  # OBJ
        b"\x80\x05\x97.",  # out-of-band buffer
        b"\x80\x02}K\x01R.",  # calling a value
        b"\x80\x04\x8c\x06system\x94\x8c\x02os\x94h\x01h\x00\x93.",  # a name from the memo
    ],
)
def test_instructions_that_reach_outside_are_refused(content: bytes, write: Write) -> None:
    with pytest.raises(InputRefused):
        read(write(content))


def test_a_second_pickle_behind_the_first_is_refused(write: Write) -> None:
    content = pickle.dumps({"a": 1}) + call_pickle("os", "system", "true")
    with pytest.raises(InputRefused, match="follow the end of the pickle"):
        read(write(content))


def test_code_in_a_checkpoint_inside_bytes_is_refused(write: Write) -> None:
    inner = torch_zip(call_pickle("os", "system", "true"))
    for _ in range(2):
        with pytest.raises(InputRefused, match=r"os\.system"):
            read(write(pickle.dumps({"fitted": inner})))
        inner = pickle.dumps([inner])


def test_checkpoints_inside_checkpoints_end_somewhere(write: Write) -> None:
    content = pickle.dumps([1])
    for _ in range(5):
        content = pickle.dumps([content])
    with pytest.raises(InputRefused, match="nest too deeply"):
        read(write(content))


def test_shared_lists_that_unfold_to_billions_are_refused(write: Write) -> None:
    level: list[object] = [0] * 10
    for _ in range(9):
        level = [level] * 10
    with pytest.raises(InputRefused, match="unfolds"):
        read(write(pickle.dumps(level)))


@pytest.mark.parametrize("opening", [b"]", b")", b"}"])
def test_deep_nesting_is_refused(opening: bytes, write: Write) -> None:
    closing = {b"]": b"a", b")": b"\x85", b"}": b"K\x01s"}[opening]
    if opening == b"}":
        content = b"\x80\x02" + b"}K\x01" * 50_000 + b"}" + b"s" * 50_000 + b"."
    elif opening == b")":
        content = b"\x80\x02)" + closing * 100_000 + b"."
    else:
        content = b"\x80\x02" + opening * 100_000 + closing * 99_999 + b"."
    with pytest.raises(InputRefused, match="nested"):
        read(write(content))


def test_a_nested_tuple_as_a_key_is_refused_before_it_is_hashed(write: Write) -> None:
    content = b"\x80\x02})" + b"\x85" * 200_000 + b"K\x01s."
    with pytest.raises(InputRefused, match="key nests"):
        read(write(content))


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b"x.",
        b"\x80\x04\x8d" + struct.pack("<Q", 1 << 40) + b"x.",
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"x.",
        b"\x80\x02X\xff\xff\xff\xffx.",
        b"\x80\x02T\xff\xff\xff\x7fx.",
        b"\x80\x02T\xff\xff\xff\xffx.",
        b"\x80\x02\x8b\xff\xff\xff\x7fx.",
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + b"N.",
        b"\x80\x02Nr\xff\xff\xff\x7f.",
        b"\x80\x02Np99999999999\n.",
    ],
)
def test_declared_sizes_are_held_against_the_file(content: bytes, write: Write) -> None:
    with pytest.raises(InputRefused):
        read(write(content))


@pytest.mark.parametrize(
    "content",
    [b"\x80\x02}", b"\x80\x02\xfe.", b"\x80\xff}.", b"\x80\x020.", b"\x80\x02X\x01\0\0\0\xff.",
     b"\x80\x02hc.", b"\x80\x02a.", b"\x80\x02u.", b"\x80\x02(K\x01d.", b"\x80\x02}]K\x01s.",
     b"\x80\x02}(]K\x01u.", b"\x80\x02Ix\n.", b"\x80\x02S'x\n.", b"\x80\x02K\x01}b.",
     b"\x80\x04K\x01K\x02\x93.", b"\x80\x02\x85.", b"\x80\x04\x8f(]\x90."],
)  # fmt: skip
def test_broken_pickles_are_refused(content: bytes, write: Write) -> None:
    with pytest.raises(InputRefused):
        read(write(content))
