"""The two doors into this room."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from recaudit.checkpoints.isolation import read_in_process, read_isolated
from recaudit.checkpoints.limits import DEFAULT_LIMITS, Limits
from recaudit.checkpoints.sae_folder import check_sae, settings_beside, weights_in
from recaudit.checkpoints.types import Checkpoint, Receipt
from recaudit.errors import InputRefused
from recaudit.text import printable


def read_checkpoint(path: Path | str, *, limits: Limits = DEFAULT_LIMITS, isolate: bool = True) -> Checkpoint:
    """Everything in the file at ``path``, without running anything in it.

    Args:
        path: a file, or the folder of a saved SAE, which stands for its weights.
        limits: how much of the machine the file may use.
        isolate: read in a process of its own; off only for tests and debugging.

    Raises:
        InputRefused: the file is unsafe, damaged or of no known format.
    """
    path = _file_of(Path(path))
    with _naming(path.name), _opened(path) as file:
        return read_isolated(file, path, limits) if isolate else read_in_process(file, path, limits)


def scan_file(
    path: Path | str,
    *,
    widths: Sequence[int] = (),
    limits: Limits = DEFAULT_LIMITS,
    isolate: bool = True,
) -> Receipt:
    """The receipt of the file at ``path``: a checkpoint, table, id map or saved SAE.

    Args:
        widths: widths of the recommender's tables, to hold an SAE against.
    """
    path = _file_of(Path(path))
    checkpoint = read_checkpoint(path, limits=limits, isolate=isolate)
    settings = settings_beside(path)
    if settings is None:
        return checkpoint.receipt
    declared = read_checkpoint(settings, limits=limits, isolate=isolate)
    with _naming(path.name):
        notes = check_sae(declared.tree, checkpoint.tensors(), widths)
    receipt = checkpoint.receipt
    return replace(receipt, notes=(*receipt.notes, *declared.receipt.notes, *notes))


def _file_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    weights = weights_in(path)
    if weights is None:
        raise InputRefused(
            f"{printable(path.name)} is a folder, and not one an SAE was saved to",
            fix="Give the checkpoint file inside it.",
        )
    return weights


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        # A named pipe would block here until someone writes to it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise InputRefused(
            f"the file cannot be opened: {error.strerror}", fix="Check the path and its permissions."
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InputRefused("this is a device or a pipe, not a file", fix="Give a regular file.")
        yield file


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Puts the file's name in front of a refusal and makes the whole fit for a terminal."""
    try:
        yield
    except InputRefused as refusal:
        message = printable(f"{name}: {refusal.message}")
        raise InputRefused(message, fix=printable(refusal.fix)) from refusal
