"""ReChorus' models that end in two embedding tables."""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors
from recaudit.checkpoints.tools.rechorus.file import ITEM, PADDING, USER, Reader, unused
from recaudit.checkpoints.types import Checkpoint


def _bprmf(checkpoint: Checkpoint, tensors: Tensors, hints: Hints) -> ModelSpec:
    return ModelSpec(
        family="dot",
        tool="ReChorus",
        architecture="BPRMF",
        tensors={"user": tensors[USER], "item": tensors[ITEM]},
        padding={"user": PADDING, "item": PADDING},
        rows_are_ids=True,
        unused=unused(tensors, {USER, ITEM}),
    )


READERS = (Reader(lambda tensors: {USER, ITEM} <= tensors.keys(), _bprmf),)
