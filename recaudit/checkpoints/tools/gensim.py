"""gensim 4 item2vec: ``.model`` and ``.kv`` pickles, and the C formats of word2vec. Items only.

Words are the raw ids. Arrays too large for the pickle lie beside it as ``<file>.vectors.npy``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from recaudit.checkpoints.scan import read_checkpoint
from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools import raw_ids
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.objects import PickledModel
from recaudit.checkpoints.types import Checkpoint, Stub

_MODULES = "gensim.models."
_CLASSES = ("KeyedVectors", "Word2Vec", "Word2VecKeyedVectors")


def recognises_model(checkpoint: Checkpoint) -> bool:
    tree = checkpoint.tree
    return checkpoint.receipt.format == "word2vec" or (
        isinstance(tree, Stub) and tree.name.startswith(_MODULES)
    )


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    if checkpoint.receipt.format == "word2vec":
        words, vectors = checkpoint.tree["words"], checkpoint.tree["vectors"]
        return _items(checkpoint, "word2vec", words, vectors)
    model = PickledModel(checkpoint, checkpoint.tree)
    if model.class_name not in _CLASSES:
        raise model.not_read("gensim", _CLASSES)
    inner = model.get("wv")
    keyed = PickledModel(checkpoint, inner) if isinstance(inner, Stub) else model
    words = keyed.get("index_to_key")
    if not isinstance(words, list):
        raise keyed.refused("it has no `index_to_key`", "save it again with gensim 4")
    unused = () if keyed is model else model.unused()
    return _items(checkpoint, model.class_name, words, _vectors(keyed), unused)


def _vectors(keyed: PickledModel) -> np.ndarray:
    apart = keyed.get("__numpys")
    if keyed.get("vectors") is not None or not isinstance(apart, list) or "vectors" not in apart:
        return keyed.array("vectors", 2)
    path = keyed.checkpoint.path
    nested = ".wv" if keyed.stub is not keyed.checkpoint.tree else ""
    beside = path.with_name(f"{path.name}{nested}.vectors.npy")
    if not beside.is_file():
        raise keyed.refused(f"its vectors are in {beside.name}", "put that file beside it")
    vectors = read_checkpoint(beside).tree
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2:
        raise keyed.refused(f"{beside.name} holds no table of vectors", "save the model again")
    return vectors


def _items(
    checkpoint: Checkpoint,
    architecture: str,
    words: list[Any],
    vectors: np.ndarray,
    unused: tuple[str, ...] = (),
) -> ModelSpec:
    return ModelSpec(
        family="items",
        tool="gensim",
        architecture=architecture,
        tensors={"item": vectors},
        raw_ids={"item": raw_ids.in_row_order(words, "item", len(vectors), checkpoint)},
        unused=unused,
    )
