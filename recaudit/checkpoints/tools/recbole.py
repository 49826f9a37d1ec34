"""RecBole: ``{config, state_dict, other_parameter, optimizer, …}``; the config is a pickled object whose
settings survive as fields of a stub. Row 0 of users and items is ``[PAD]``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, arrays_of, renamed_blocks, required
from recaudit.checkpoints.types import Checkpoint, Stub
from recaudit.errors import InputRefused
from recaudit.text import printable

_PADDING = (0,)


def recognises_model(checkpoint: Checkpoint) -> bool:
    tree = checkpoint.tree
    return isinstance(tree, dict) and {"config", "state_dict"} <= tree.keys()


def read_model(checkpoint: Checkpoint, hints: Hints) -> ModelSpec:
    settings = _settings(checkpoint.tree["config"])
    architecture = settings.get("model")
    reader = _READERS.get(architecture) if isinstance(architecture, str) else None
    if reader is None:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: RecBole model {printable(architecture)} is not read yet",
            fix=f"models read: {', '.join(_READERS)}",
        )
    return reader(checkpoint, arrays_of(checkpoint.tree["state_dict"]), settings, hints)


def _settings(config: Any) -> dict[str, Any]:
    fields = config.fields if isinstance(config, Stub) else config
    final = fields.get("final_config_dict", fields) if isinstance(fields, dict) else {}
    return final if isinstance(final, dict) else {}


def _bpr(checkpoint: Checkpoint, tensors: Tensors, settings: dict[str, Any], hints: Hints) -> ModelSpec:
    used = {"user": "user_embedding.weight", "item": "item_embedding.weight"}
    return ModelSpec(
        family="dot",
        tool="RecBole",
        architecture="BPR",
        tensors={ours: required(tensors, key, checkpoint) for ours, key in used.items()},
        padding={"user": _PADDING, "item": _PADDING},
        unused=tuple(key for key in tensors if key not in used.values()),
    )


_SASREC_BLOCK = "trm_encoder.layer."
_SASREC_PARTS = {
    "multi_head_attention.query": "query",
    "multi_head_attention.key": "key",
    "multi_head_attention.value": "value",
    "multi_head_attention.dense": "out",
    "multi_head_attention.LayerNorm": "norm1",
    "feed_forward.dense_1": "linear1",
    "feed_forward.dense_2": "linear2",
    "feed_forward.LayerNorm": "norm2",
}
_SASREC_TABLES = {
    "item": "item_embedding.weight",
    "position": "position_embedding.weight",
    "input_norm.weight": "LayerNorm.weight",
    "input_norm.bias": "LayerNorm.bias",
}


def _sasrec(checkpoint: Checkpoint, tensors: Tensors, settings: dict[str, Any], hints: Hints) -> ModelSpec:
    tables = {ours: required(tensors, key, checkpoint) for ours, key in _SASREC_TABLES.items()}
    blocks = renamed_blocks(tensors, _SASREC_BLOCK, _SASREC_PARTS)
    activation = settings.get("hidden_act", "gelu")
    if activation not in {"gelu", "relu"}:
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: hidden_act is {printable(activation)}",
            fix="SASRec is read with hidden_act gelu or relu",
        )
    used = set(_SASREC_TABLES.values())
    return ModelSpec(
        family="sasrec",
        tool="RecBole",
        architecture="SASRec",
        tensors={**tables, **blocks},
        settings={
            "heads": hints.heads or _integer(settings, "n_heads", "--heads", checkpoint),
            "history_length": hints.history_length or len(tables["position"]),
            "positions": "from_start",
            "activation": activation,
            "norm_eps": float(settings.get("layer_norm_eps", 1e-12)),
            "norm_input": True,
        },
        padding={"item": _PADDING},
        unused=tuple(k for k in tensors if k not in used and not k.startswith(_SASREC_BLOCK)),
    )


def _integer(settings: dict[str, Any], key: str, flag: str, checkpoint: Checkpoint) -> int:
    value = settings.get(key)
    if type(value) is int and value > 0:
        return value
    raise InputRefused(
        f"{printable(checkpoint.path.name)}: its config has no usable `{key}`",
        fix=f"give it with {flag} N",
    )


_READERS: dict[str, Callable[[Checkpoint, Tensors, dict[str, Any], Hints], ModelSpec]] = {
    "BPR": _bpr,
    "SASRec": _sasrec,
}
