"""RecBole's models that end in two embedding tables."""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.recbole.file import PADDING, Reader, RecBoleFile


def _bpr(file: RecBoleFile) -> ModelSpec:
    used = {"user": "user_embedding.weight", "item": "item_embedding.weight"}
    return ModelSpec(
        family="dot",
        tool="RecBole",
        architecture="BPR",
        tensors={ours: file.tensor(key) for ours, key in used.items()},
        padding={"user": PADDING, "item": PADDING},
        unused=file.unused(set(used.values())),
    )


READERS: dict[str, Reader] = {"BPR": _bpr}
