"""Runs the reader in a process of its own and takes over only what the codec can express."""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

import recaudit
from recaudit.checkpoints.codec import decode, read_message
from recaudit.checkpoints.limits import Limits
from recaudit.checkpoints.mapped import map_file
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.refusals import Damaged, Unsafe
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import EnvironmentProblem, InputRefused
from recaudit.text import printable

# Standard library and site-packages come first on the path: nothing that happens to lie beside
# recaudit's source, the checkpoint or the current directory can be imported in their place.
_BOOT = "import sys; sys.path.append(sys.argv[1]); from recaudit.checkpoints.child import main; main()"
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_KEPT_VARIABLES = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def read_isolated(file: BinaryIO, path: Path, limits: Limits) -> Checkpoint:
    """What the child made of ``file``; its death is a refusal that names the limit it hit."""
    with tempfile.TemporaryFile(prefix="recaudit-") as spool:
        _run(file, path.name, limits, spool)
        size = spool.seek(0, os.SEEK_END)
        if not size:
            raise Damaged("the reading process ended without a result")
        # Copy-on-write: callers may change the arrays, nobody else sees it.
        content = memoryview(mmap.mmap(spool.fileno(), size, access=mmap.ACCESS_COPY))
    header, start = read_message(content)
    _raise_refusal(header)
    tree, receipt = decode(header, content, start)
    return Checkpoint(path, tree, receipt)


def read_in_process(file: BinaryIO, path: Path, limits: Limits) -> Checkpoint:
    """The same without a process between: for tests and debuggers."""
    from recaudit.checkpoints.read import read

    size = os.fstat(file.fileno()).st_size
    reading = Reading(size, limits, source=file.fileno())
    checkpoint = read(map_file(file.fileno(), size), path.name, reading)
    return replace(checkpoint, path=path)


def _run(file: BinaryIO, name: str, limits: Limits, spool: BinaryIO) -> None:
    request = json.dumps({"name": name, "limits": asdict(limits)})
    source = str(Path(recaudit.__file__).resolve().parents[1])
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and code, no shell
            [sys.executable, "-I", "-c", _BOOT, source, request],
            stdin=file,
            stdout=spool,
            stderr=subprocess.PIPE,
            env=_environment(),
            cwd=os.path.abspath(os.sep),
            timeout=limits.seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _over_limit(f"{limits.seconds} seconds") from error
    if done.returncode:
        _raise_death(done.returncode, done.stderr, limits)


def _environment() -> dict[str, str]:
    kept = {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
    return kept | _ENVIRONMENT


def _raise_death(code: int, errors: bytes, limits: Limits) -> None:
    if -code == getattr(signal, "SIGXCPU", None):
        raise _over_limit(f"{limits.seconds} seconds of processor time")
    # Python turns the signal for this limit into an error.
    if b"File too large" in errors:
        raise _over_limit("its room for decoded values")
    if b"No space left on device" in errors:
        raise EnvironmentProblem("the disk for temporary files is full", fix="Free some room or set TMPDIR.")
    if b"MemoryError" in errors or b"Cannot allocate memory" in errors:
        raise _over_limit("its memory")
    lines = errors.decode("utf-8", "replace").strip().splitlines() or ["no message"]
    ending = f"signal {-code}" if code < 0 else f"status {code}"
    raise Damaged(
        f"the reading process ended with {ending} ({printable(lines[-1], 120)})",
        fix="If the tool that made the file can still load it there, report this as a bug.",
    )


def _over_limit(what: str) -> Unsafe:
    return Unsafe(
        f"reading it took more than {what}",
        fix="If you trust the file, save only its weights as safetensors.",
    )


def _raise_refusal(header: dict[str, Any]) -> None:
    if "limit" in header:
        raise _over_limit(header["limit"])
    if "refused" in header:
        raise InputRefused(header["refused"], fix=header["fix"])
