"""Cornac 2.3: ``<Model>/<timestamp>.pkl``, the pickled model object with its id maps inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools import raw_ids
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.objects import PickledModel
from recaudit.checkpoints.types import Checkpoint, Stub

_MODULES = "cornac.models."


@dataclass(frozen=True)
class _Names:
    """A class's attributes; what it has no name for is not part of its score."""

    user: str
    item: str
    user_bias: str | None = None
    item_bias: str | None = None
    global_mean: bool = False


_FACTORS = _Names("u_factors", "i_factors", "u_biases", "i_biases", global_mean=True)
_RANKED = _Names("u_factors", "i_factors", item_bias="i_biases")
_UV = _Names("U", "V")
# Scores of all items as ``model.score(user)`` gives them. PMF's non-linear variant bends single scores
# only; its lists are ranked by the plain product too.
_CLASSES: Mapping[str, _Names] = {
    "BPR": _RANKED,
    "HPF": _Names("Theta", "Beta"),
    "IBPR": _UV,
    "MF": _FACTORS,
    "MMMF": _RANKED,
    "NMF": _FACTORS,
    "PMF": _UV,
    "SVD": _FACTORS,
    "WBPR": _RANKED,
    "WMF": _UV,
}


def recognises_model(checkpoint: Checkpoint) -> bool:
    return isinstance(checkpoint.tree, Stub) and checkpoint.tree.name.startswith(_MODULES)


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    model = PickledModel(checkpoint, checkpoint.tree)
    names = _CLASSES.get(model.class_name)
    if names is None:
        raise model.not_read("Cornac", tuple(_CLASSES))
    tensors = {"user": model.array(names.user, 2), "item": model.array(names.item, 2)}
    used = [names.user, names.item]
    for ours, theirs in (("user_bias", names.user_bias), ("item_bias", names.item_bias)):
        if theirs is not None:
            tensors[ours] = model.array(theirs, 1)
            used.append(theirs)
    maps = {"user": model.get("uid_map"), "item": model.get("iid_map")}
    return ModelSpec(
        family="dot",
        tool="Cornac",
        architecture=model.class_name,
        tensors=tensors,
        settings={"constant": model.number("global_mean")} if names.global_mean else {},
        raw_ids={
            kind: raw_ids.by_raw_id(rows, kind, len(tensors[kind]), checkpoint)
            for kind, rows in maps.items()
            if rows is not None
        },
        unused=model.unused(*used),
    )
