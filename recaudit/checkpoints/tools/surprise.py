"""scikit-surprise 1.1: ``dump.dump`` pickles ``{predictions, algo}``; the training set is inside."""

from __future__ import annotations

from typing import Any

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools import raw_ids
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.objects import PickledModel
from recaudit.checkpoints.types import Checkpoint, Stub

_MODULES = "surprise.prediction_algorithms."
_CLASSES = ("NMF", "SVD", "SVDpp")


def recognises_model(checkpoint: Checkpoint) -> bool:
    algorithm = _algorithm(checkpoint.tree)
    return algorithm is not None and algorithm.name.startswith(_MODULES)


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    algorithm = _algorithm(checkpoint.tree)
    assert algorithm is not None, "recognises_model comes first"
    model = PickledModel(checkpoint, algorithm)
    if model.class_name not in _CLASSES:
        raise model.not_read("Surprise", _CLASSES)
    trained_on = model.get("trainset")
    if not isinstance(trained_on, Stub):
        raise model.refused("it holds no training set, so it was never fitted", "dump a fitted algorithm")
    training = PickledModel(checkpoint, trained_on)
    tensors = {"user": model.array("pu", 2), "item": model.array("qi", 2)}
    constant = 0.0
    # SVD++ always has biases; SVD and NMF (which is unbiased by default) keep a flag.
    if model.class_name == "SVDpp" or model.get("biased") is True:
        tensors |= {"user_bias": model.array("bu", 1), "item_bias": model.array("bi", 1)}
        constant = training.number("_global_mean")
    if model.class_name == "SVDpp":
        tensors |= {"implicit": model.array("yj", 2), **_rated(training, len(tensors["user"]))}
    maps = {"user": "_raw2inner_id_users", "item": "_raw2inner_id_items"}
    return ModelSpec(
        family="svdpp" if model.class_name == "SVDpp" else "dot",
        tool="Surprise",
        architecture=model.class_name,
        tensors=tensors,
        settings={"constant": constant},
        raw_ids={
            kind: raw_ids.by_raw_id(training.get(name), kind, len(tensors[kind]), checkpoint)
            for kind, name in maps.items()
        },
        link=_clip(training),
        unused=model.unused("pu", "qi", "bu", "bi", "yj"),
    )


def _algorithm(tree: Any) -> Stub | None:
    if not isinstance(tree, dict) or not {"predictions", "algo"} <= tree.keys():
        return None
    return tree["algo"] if isinstance(tree["algo"], Stub) else None


def _clip(training: PickledModel) -> str:
    """``predict`` clips what it estimates to the rating scale."""
    match training.get("rating_scale"):
        case (int() | float() as low, int() | float() as high) if low < high:
            return f"clip:{low}:{high}"
    raise training.refused("its training set has no usable `rating_scale`", "dump a fitted algorithm")


def _rated(training: PickledModel, n_users: int) -> dict[str, np.ndarray]:
    """Item rows each user rated, end to end, with offsets [users + 1]."""
    ratings = training.get("ur")
    try:
        rows = [[int(item) for item, _ in ratings.get(user, ())] for user in range(n_users)]
    except (AttributeError, TypeError, ValueError):
        raise training.refused(
            "the ratings `ur` of its training set are damaged", "dump a fitted algorithm"
        ) from None
    return {
        "rated": np.array([item for own in rows for item in own], dtype=np.int64),
        "rated_offsets": np.cumsum([0, *(len(own) for own in rows)], dtype=np.int64),
    }
