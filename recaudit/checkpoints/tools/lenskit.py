"""LensKit 2025 and 2026: it has no save function, so users pickle the scorer, or the pipeline around it.

Vocabularies (pyarrow arrays, pickled as buffers) hold the raw ids. ALS scorers solve the user from the
history, so their stored user vectors are not used, unless the setting ``user_embeddings`` is ``prefer``.
The sources of 2026.4 keep the attributes and equations of 2025.8, whose files this was held against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools import raw_ids
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.objects import PickledModel, stubs_in
from recaudit.checkpoints.types import Checkpoint, Stub

_ROOT = "lenskit."


def recognises_model(checkpoint: Checkpoint) -> bool:
    return isinstance(checkpoint.tree, Stub) and checkpoint.tree.name.startswith(_ROOT)


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    scorer = _scorer(checkpoint)
    return _READERS[scorer.class_name](scorer)


def _scorer(checkpoint: Checkpoint) -> PickledModel:
    """The scorer itself, or the one scorer of a pickled pipeline."""
    root = PickledModel(checkpoint, checkpoint.tree)
    found = {id(stub): stub for stub in stubs_in(checkpoint.tree) if _class(stub) in _READERS}
    fitted = [stub for stub in found.values() if "item_embeddings" in stub.fields]
    if not fitted:
        raise root.not_read("LensKit", tuple(_READERS))
    if len(fitted) > 1:
        names = ", ".join(sorted(_class(stub) for stub in fitted))
        raise root.refused(f"it holds several scorers: {names}", "pickle the one to audit on its own")
    return PickledModel(checkpoint, fitted[0])


def _class(stub: Stub) -> str:
    return stub.name.rpartition(".")[2] if stub.name.startswith(_ROOT) else ""


def _implicit_mf(scorer: PickledModel) -> ModelSpec:
    settings = _settings(scorer)
    if settings.get("user_embeddings") == "prefer":
        return _stored(scorer)
    return _spec(
        scorer,
        "implicit_fold_in",
        {"item": scorer.array("item_embeddings", 2), "gram": scorer.array("_OtOr", 2)},
        {
            "weight": _number(scorer, settings, "weight"),
            "use_ratings": settings.get("use_ratings") is True,
        },
        unused=("user_embeddings",),
    )


def _biased_mf(scorer: PickledModel) -> ModelSpec:
    settings = _settings(scorer)
    if settings.get("user_embeddings") == "prefer":
        return _with_stored_biases(scorer)
    bias = _bias(scorer)
    return _spec(
        scorer,
        "biased_fold_in",
        {"item": scorer.array("item_embeddings", 2), **_optional(bias, "item_bias", "item_biases")},
        {
            "constant": bias.number("global_bias"),
            "regularization": _number(scorer, settings, "regularization"),
            "damping": _number(scorer, settings, "damping"),
        },
        unused=("user_embeddings",),
    )


def _with_stored_biases(scorer: PickledModel) -> ModelSpec:
    bias = _bias(scorer)
    biases = _optional(bias, "user_bias", "user_biases") | _optional(bias, "item_bias", "item_biases")
    return _stored(scorer, biases, {"constant": bias.number("global_bias")})


def _stored(
    scorer: PickledModel,
    biases: Mapping[str, np.ndarray] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> ModelSpec:
    tables = {
        "user": scorer.array("user_embeddings", 2),
        "item": scorer.array("item_embeddings", 2),
    }
    return _spec(scorer, "dot", {**tables, **(biases or {})}, settings or {})


_READERS: Mapping[str, Callable[[PickledModel], ModelSpec]] = {
    "BiasedMFScorer": _biased_mf,
    "FunkSVDScorer": _with_stored_biases,
    "ImplicitMFScorer": _implicit_mf,
}


def _spec(
    scorer: PickledModel,
    family: str,
    tensors: Mapping[str, np.ndarray],
    settings: Mapping[str, Any],
    unused: tuple[str, ...] = (),
) -> ModelSpec:
    ids = {}
    for kind, name in (("user", "users"), ("item", "items")):
        if kind in tensors:
            ids[kind] = raw_ids.in_row_order(
                _vocabulary(scorer, name), kind, len(tensors[kind]), scorer.checkpoint
            )
    return ModelSpec(
        family=family,
        tool="LensKit",
        architecture=scorer.class_name.removesuffix("Scorer"),
        tensors=tensors,
        settings=settings,
        raw_ids=ids,
        unused=tuple(name for name in unused if name in scorer.arrays()),
    )


def _bias(scorer: PickledModel) -> PickledModel:
    bias = scorer.get("bias")
    if not isinstance(bias, Stub):
        raise scorer.refused("it holds no bias model", "pickle a trained scorer")
    return PickledModel(scorer.checkpoint, bias)


def _optional(bias: PickledModel, ours: str, theirs: str) -> dict[str, np.ndarray]:
    """A bias model may be without user or item biases."""
    return {} if bias.get(theirs) is None else {ours: bias.array(theirs, 1)}


def _settings(scorer: PickledModel) -> Mapping[str, Any]:
    """The fields of a pydantic config."""
    config = scorer.get("config")
    fields = config.fields.get("__dict__", config.fields) if isinstance(config, Stub) else None
    if not isinstance(fields, dict):
        raise scorer.refused("its config is missing", "pickle a trained scorer")
    return fields


def _number(scorer: PickledModel, settings: Mapping[str, Any], name: str) -> float:
    """A setting; where users and items have one each (``UIPair``), the users'."""
    value = settings.get(name)
    if isinstance(value, Stub):
        value = value.fields.get("user")
    elif isinstance(value, dict):
        value = value.get("user")
    if isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value):
        return float(value)
    raise scorer.refused(f"its config has no usable `{name}`", "pickle a trained scorer")


_OFFSETS = {"string": np.int32, "utf8": np.int32, "large_string": np.int64, "large_utf8": np.int64}
_NUMBERS = {f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def _vocabulary(scorer: PickledModel, name: str) -> list[str]:
    """Raw ids in row order from a pickled pyarrow array of text or whole numbers.

    Layout (Arrow columnar format): ``(type, length, nulls, offset, buffers, …)``; the buffers of text are
    validity, offsets and bytes, those of numbers validity and values.
    """
    vocabulary = scorer.get(name)
    array = vocabulary.fields.get("array") if isinstance(vocabulary, Stub) else None
    match array:
        case Stub(
            args=(
                (Stub(args=(str() as kind,)), int() as length, nulls, int() as offset, list() as buffers, *_),
            )
        ):
            contents = [_buffer(buffer) for buffer in buffers]
        case _:
            raise _unreadable(scorer, name)
    if nulls != 0 and contents[:1] != [b""]:  # without a validity buffer there are none
        raise _unreadable(scorer, name)
    try:
        if kind in _OFFSETS:
            bounds = np.frombuffer(contents[1], _OFFSETS[kind])[offset : offset + length + 1].tolist()
            if len(bounds) != length + 1:
                raise ValueError("too few offsets")
            return [contents[2][start:stop].decode() for start, stop in pairwise(bounds)]
        values = np.frombuffer(contents[1], _NUMBERS[kind])[offset : offset + length]
    except (IndexError, KeyError, ValueError) as error:
        raise _unreadable(scorer, name) from error
    return [str(value) for value in values.tolist()]


def _buffer(buffer: Any) -> bytes:
    match buffer:
        case Stub(args=(bytes() | bytearray() as content,)):
            return bytes(content)
    return b""


def _unreadable(scorer: PickledModel, name: str) -> Exception:
    return scorer.refused(
        f"its vocabulary `{name}` is no array of text or whole numbers without gaps",
        "pickle the scorer with the LensKit release that trained it",
    )
