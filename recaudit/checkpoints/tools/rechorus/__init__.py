"""ReChorus: a bare state dict; the settings are in the file name or in shapes.

Rows are the integer ids of ReChorus' own csv files; row 0 is padding. A model is told by its keys, so each
entry of ``_READERS`` says which keys are its own; the first that fits reads the file.
"""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, arrays_of
from recaudit.checkpoints.tools.rechorus import factorization, graph, ncf, sequence
from recaudit.checkpoints.tools.rechorus.file import Reader
from recaudit.checkpoints.types import Checkpoint

_READERS: tuple[Reader, ...] = (
    *sequence.READERS,
    *graph.READERS,
    *ncf.READERS,
    *factorization.READERS,
)


def recognises_model(checkpoint: Checkpoint) -> bool:
    return _reader(arrays_of(checkpoint.tree)) is not None


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    tensors = arrays_of(checkpoint.tree)
    reader = _reader(tensors)
    assert reader is not None, "recognises_model comes first"
    return reader.read(checkpoint, tensors, hints)


def _reader(tensors: Tensors) -> Reader | None:
    return next((reader for reader in _READERS if reader.fits(tensors)), None)
