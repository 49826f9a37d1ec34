"""ReChorus' models that end in two embedding tables."""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors
from recaudit.checkpoints.tools.rechorus.file import ITEM, PADDING, USER, Reader, unused
from recaudit.checkpoints.types import Checkpoint


def _two_tables(checkpoint: Checkpoint, tensors: Tensors, hints: Hints) -> ModelSpec:
    # BPRMF and DirectAU differ in their loss alone; only the file name tells them apart.
    directau = checkpoint.path.name.startswith("DirectAU")
    return ModelSpec(
        family="dot",
        tool="ReChorus",
        architecture="DirectAU" if directau else "BPRMF",
        tensors={"user": tensors[USER], "item": tensors[ITEM]},
        padding={"user": PADDING, "item": PADDING},
        rows_are_ids=True,
        unused=unused(tensors, {USER, ITEM}),
    )


READERS = (Reader(lambda tensors: {USER, ITEM} <= tensors.keys(), _two_tables),)
