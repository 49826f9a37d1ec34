"""One file per foreign tool: recognise its checkpoint, map its names to a family. No arithmetic here."""

from __future__ import annotations

from types import ModuleType

from recaudit.checkpoints.spec import ModelSpec, SaeSpec
from recaudit.checkpoints.tools import (
    cornac,
    dictionary_learning,
    gensim,
    implicit,
    knots,
    lenskit,
    libreco,
    lightfm,
    mono4rec,
    mono4rec_sae,
    recaudit_sae,
    recbole,
    rechorus,
    recsae,
    rectools,
    rectorch,
    saelens,
    sparsify,
    surprise,
    tables,
    two_tower,
)
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.sae_parts import with_doubts
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused, UsageError
from recaudit.text import printable

__all__ = ["Hints", "holds_model", "holds_sae", "read_model", "read_sae"]

_MODEL_TOOLS = (
    recbole,
    rechorus,
    mono4rec,
    rectorch,
    implicit,
    lightfm,
    cornac,
    surprise,
    lenskit,
    rectools,
    gensim,
    two_tower,
    libreco,
    tables,
)
_SAE_TOOLS = (recaudit_sae, recsae, sparsify, saelens, dictionary_learning, mono4rec_sae, knots)


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    """The recommender in a checkpoint, whichever tool wrote it.

    Raises:
        InputRefused: no known tool writes such a file, or a fact is missing; names the flag that gives it.
    """
    for tool in _MODEL_TOOLS if hints.tool is None else (_tool_named(hints.tool),):
        if tool.recognises_model(checkpoint):
            return tool.read_model(checkpoint, hints)
    if hints.tool is not None:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: {hints.tool} writes no file like this",
            fix="leave --tool out to have the file's content decide",
        )
    raise _unknown(checkpoint, "recommender")


def _tool_named(name: str) -> ModuleType:
    by_name = {tool.__name__.rpartition(".")[2]: tool for tool in _MODEL_TOOLS}
    if name not in by_name:
        raise UsageError(f"no tool named {printable(name, 40)}", fix=f"choose one of: {', '.join(by_name)}")
    return by_name[name]


def holds_model(checkpoint: Checkpoint) -> bool:
    """Whether a known tool wrote a recommender into the file."""
    return any(tool.recognises_model(checkpoint) for tool in _MODEL_TOOLS)


def holds_sae(checkpoint: Checkpoint) -> bool:
    """Whether a sparse autoencoder lies in the file (RecSAE keeps it inside the base model's)."""
    return any(tool.recognises_sae(checkpoint) for tool in _SAE_TOOLS)


def read_sae(checkpoint: Checkpoint, hints: Hints) -> SaeSpec:
    """The sparse autoencoder in a checkpoint, whichever tool wrote it. Raises as ``read_model``."""
    for tool in _SAE_TOOLS:
        if tool.recognises_sae(checkpoint):
            spec = tool.read_sae(checkpoint, hints)
            _refuse_needless_k(spec, hints, checkpoint)
            return with_doubts(spec)
    raise _unknown(checkpoint, "sparse autoencoder")


def _refuse_needless_k(spec: SaeSpec, hints: Hints, checkpoint: Checkpoint) -> None:
    if hints.k is not None and spec.k is None:
        raise UsageError(
            f"--k {hints.k} was given, but {printable(checkpoint.path.name)} is a {spec.activation} autoencoder, "
            "which keeps no fixed number of latents",
            fix="leave --k out",
        )


def _unknown(checkpoint: Checkpoint, what: str) -> InputRefused:
    arrays = list(checkpoint.tensors().items())
    shown = ", ".join(f"{printable(key, 60)} {list(array.shape)}" for key, array in arrays[:6])
    more = f" and {len(arrays) - 6} more" if len(arrays) > 6 else ""
    found = f"its tensors are {shown}{more}" if arrays else "it holds no tensors"
    return InputRefused(
        f"{printable(checkpoint.path.name)}: no known tool writes a {what} like this; {found}",
        fix="see docs/formats.md for what can be read",
    )
