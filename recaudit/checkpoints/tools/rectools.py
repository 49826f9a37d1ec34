"""RecTools 0.19: ``model.save`` pickles the model object; transformers keep a Lightning checkpoint inside.

Wrappers of implicit and PureSVD hold two factor tables and no ids (they live in the ``Dataset``).
Transformers hold the items' raw ids, in an order of their own, after rows for padding and masking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools import raw_ids
from recaudit.checkpoints.tools.hidden import split
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.implicit import LAYOUTS
from recaudit.checkpoints.tools.names import arrays_of, renamed_blocks, required
from recaudit.checkpoints.tools.objects import PickledModel
from recaudit.checkpoints.types import Checkpoint, Stub
from recaudit.errors import InputRefused
from recaudit.text import printable

_MODULES = "rectools.models."
_FACTORS = ("user_factors", "item_factors")
_MODELS = (
    "ImplicitALSWrapperModel",
    "ImplicitBPRWrapperModel",
    "PureSVDModel",
    "SASRecModel",
    "BERT4RecModel",
)


def recognises_model(checkpoint: Checkpoint) -> bool:
    tree = checkpoint.tree
    return (isinstance(tree, Stub) and tree.name.startswith(_MODULES)) or _is_lightning(tree)


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    if _is_lightning(checkpoint.tree):
        return _transformer(checkpoint, checkpoint.tree, hints)
    model = PickledModel(checkpoint, checkpoint.tree)
    fitted = model.get("fitted_checkpoint")
    if _is_lightning(fitted):
        return _transformer(checkpoint, fitted, hints)
    if model.class_name == "PureSVDModel":
        user, item = (model.array(name, 2) for name in _FACTORS)
        return _dot(model, {"user": user, "item": item}, {})
    if model.class_name in ("ImplicitALSWrapperModel", "ImplicitBPRWrapperModel"):
        return _wrapped(model)
    raise model.not_read("RecTools", _MODELS)


def _wrapped(model: PickledModel) -> ModelSpec:
    """A model of implicit in a wrapper that adds no arithmetic."""
    inner = model.get("model")
    if not isinstance(inner, Stub):
        raise model.refused("its wrapper holds no model", "save a fitted model")
    implicit = PickledModel(model.checkpoint, inner)
    layout = LAYOUTS.get(implicit.class_name)
    if layout is None:
        raise implicit.not_read("implicit", tuple(LAYOUTS))
    tables = {kind: implicit.array(f"{kind}_factors", 2) for kind in ("user", "item")}
    factors = int(implicit.number("factors"))
    return _dot(model, *split(tables, factors, layout, model.checkpoint))


def _dot(
    model: PickledModel, tensors: Mapping[str, np.ndarray], padding: Mapping[str, tuple[int, ...]]
) -> ModelSpec:
    return ModelSpec(
        family="dot",
        tool="RecTools",
        architecture=model.class_name.removesuffix("Model"),
        tensors=tensors,
        padding=padding,
    )


# -- transformers ------------------------------------------------------------------------------------

_PREFIX = "torch_model."
_ITEM = f"{_PREFIX}item_model.item_net_blocks.0.ids_emb.weight"
_POSITION = f"{_PREFIX}pos_encoding_layer.pos_emb.weight"
_BLOCK = f"{_PREFIX}transformer_layers.transformer_blocks."
_LAST_NORM = f"{_PREFIX}transformer_layers.last_layernorm."
_SHARED_PARTS = {
    "multi_head_attn.out_proj": "out",
    "feed_forward.ff_linear_1": "linear1",
    "feed_forward.ff_linear_2": "linear2",
}
_BLOCKS = {
    "SASRec": ("sasrec", {**_SHARED_PARTS, "q_layer_norm": "norm1", "ff_layer_norm": "norm2"}),
    "BERT4Rec": ("pre_norm", {**_SHARED_PARTS, "layer_norm_1": "norm1", "layer_norm_2": "norm2"}),
}
_STANDARD = {
    "pos_encoding_type": {"LearnableInversePositionalEncoding"},
    "transformer_layers_type": {"SASRecTransformerLayers", "PreLNTransformerLayers"},
    "similarity_module_type": {"DistanceSimilarityModule"},
    "backbone_type": {"TransformerTorchBackbone"},
    "item_net_constructor_type": {"SumOfEmbeddingsConstructor"},
    "data_preparator_type": {"SASRecDataPreparator", "BERT4RecDataPreparator"},
}
"""Exchangeable parts of a model, and the ones that are re-implemented."""
_CUSTOM = tuple(name.removesuffix("_type") + "_kwargs" for name in _STANDARD)


def _is_lightning(tree: Any) -> bool:
    return (
        isinstance(tree, dict)
        and {"state_dict", "hyper_parameters"} <= tree.keys()
        and isinstance(tree["hyper_parameters"], dict)
        and isinstance(tree["hyper_parameters"].get("model_config"), dict)
        and any(str(key).startswith(_PREFIX) for key in arrays_of(tree["state_dict"]))
    )


def _transformer(checkpoint: Checkpoint, lightning: Mapping[str, Any], hints: Hints) -> ModelSpec:
    parameters = lightning["hyper_parameters"]
    config, tensors = parameters["model_config"], arrays_of(lightning["state_dict"])
    architecture = _last_name(config.get("cls")).removesuffix("Model")
    if architecture not in _BLOCKS:
        raise _refused(
            checkpoint,
            f"RecTools model {printable(config.get('cls'))} is not read yet",
            f"models read: {', '.join(_MODELS)}",
        )
    _check_standard(checkpoint, config)
    block, parts = _BLOCKS[architecture]
    item = required(tensors, _ITEM, checkpoint)
    blocks = renamed_blocks(tensors, _BLOCK, {**parts, "multi_head_attn": "attention"})
    used = {_ITEM: "item", _POSITION: "position"}
    used |= {f"{_LAST_NORM}{kind}": f"last_norm.{kind}" for kind in ("weight", "bias")}
    extra = [key for key in tensors if key.startswith(f"{_PREFIX}item_model.") and key != _ITEM]
    if extra:
        raise _refused(
            checkpoint,
            f"its items are more than an embedding each: {printable(extra[0])} is not read yet",
            "train with item_net_block_types=(IdEmbeddingsItemNet,)",
        )
    extra_tokens = [str(token) for token in parameters.get("item_extra_tokens") or ()]
    return ModelSpec(
        family="rectools_transformer",
        tool="RecTools",
        architecture=architecture,
        tensors={**{ours: tensors[key] for key, ours in used.items() if key in tensors}, **blocks},
        settings={
            "block": block,
            "heads": hints.heads or _positive(checkpoint, config, "n_heads", "--heads"),
            "session_length": _positive(checkpoint, config, "session_max_len"),
            "causal": _flag(checkpoint, config, "use_causal_attn"),
            "mask_padding": _flag(checkpoint, config, "use_key_padding_mask"),
            "mask_row": _mask_row(checkpoint, extra_tokens) if architecture == "BERT4Rec" else None,
        },
        padding={"item": tuple(range(len(extra_tokens)))},
        raw_ids={
            "item": raw_ids.in_row_order(
                parameters.get("item_external_ids") or (), "item", len(item), checkpoint
            )
        },
        unused=tuple(key for key in tensors if key not in used and not key.startswith(_BLOCK)),
    )


def _check_standard(checkpoint: Checkpoint, config: Mapping[str, Any]) -> None:
    """Parts of one's own would change the arithmetic without changing any name."""
    for name, known in _STANDARD.items():
        if name in config and _last_name(config[name]) not in known:
            raise _refused(
                checkpoint,
                f"{name} is {printable(config[name])}",
                f"read with {name} one of: {', '.join(sorted(known))}",
            )
    for name in _CUSTOM:
        if config.get(name):
            raise _refused(
                checkpoint,
                f"{name} is {printable(config[name])}; settings of one's own are not read yet",
                "see docs/formats.md for what can be read",
            )


def _mask_row(checkpoint: Checkpoint, extra_tokens: list[str]) -> int:
    if "MASK" not in extra_tokens:
        raise _refused(checkpoint, "its extra tokens lack MASK", "save the model again")
    return extra_tokens.index("MASK")


def _last_name(value: Any) -> str:
    """The class of a dotted name, given as text or as the class itself."""
    name = value.name if isinstance(value, Stub) else str(value)
    return name.rpartition(".")[2]


def _positive(checkpoint: Checkpoint, config: Mapping[str, Any], name: str, flag: str | None = None) -> int:
    value = config.get(name)
    if type(value) is int and value > 0:
        return value
    fix = f"give it with {flag} N" if flag else "save the model again"
    raise _refused(checkpoint, f"its config has no usable `{name}`", fix)


def _flag(checkpoint: Checkpoint, config: Mapping[str, Any], name: str) -> bool:
    value = config.get(name)
    if isinstance(value, bool):
        return value
    raise _refused(checkpoint, f"its config has no usable `{name}`", "save the model again")


def _refused(checkpoint: Checkpoint, what: str, fix: str) -> InputRefused:
    return InputRefused(f"{printable(checkpoint.path.name)}: {what}", fix=fix)
