"""What the readers of ReChorus' models share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors
from recaudit.checkpoints.types import Checkpoint

PADDING = (0,)
USER, ITEM, POSITION = "u_embeddings.weight", "i_embeddings.weight", "p_embeddings.weight"


@dataclass(frozen=True)
class Reader:
    """``fits`` looks at the keys; ``read`` maps them."""

    fits: Callable[[Tensors], bool]
    read: Callable[[Checkpoint, Tensors, Hints], ModelSpec]


def unused(tensors: Tensors, used: set[str], *prefixes: str) -> tuple[str, ...]:
    """Keys that a reading did not need; an SAE beside the model (RecSAE) is read on its own."""
    known = ("sae_module.", *prefixes)
    return tuple(key for key in tensors if key not in used and not key.startswith(known))
