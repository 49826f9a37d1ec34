"""RecBole's models of a user's history in order."""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.names import renamed_blocks
from recaudit.checkpoints.tools.recbole.file import PADDING, Reader, RecBoleFile
from recaudit.checkpoints.tools.stacks import renamed

_BLOCK = "trm_encoder.layer."
_BLOCK_PARTS = {
    "multi_head_attention.query": "query",
    "multi_head_attention.key": "key",
    "multi_head_attention.value": "value",
    "multi_head_attention.dense": "out",
    "multi_head_attention.LayerNorm": "norm1",
    "feed_forward.dense_1": "linear1",
    "feed_forward.dense_2": "linear2",
    "feed_forward.LayerNorm": "norm2",
}
_TABLES = {
    "item": "item_embedding.weight",
    "position": "position_embedding.weight",
    "input_norm.weight": "LayerNorm.weight",
    "input_norm.bias": "LayerNorm.bias",
}


def _sasrec(file: RecBoleFile) -> ModelSpec:
    tables = {ours: file.tensor(key) for ours, key in _TABLES.items()}
    return ModelSpec(
        family="sasrec",
        tool="RecBole",
        architecture="SASRec",
        tensors={**tables, **renamed_blocks(file.tensors, _BLOCK, _BLOCK_PARTS)},
        settings={
            "heads": file.hints.heads or file.integer("n_heads", "--heads"),
            "history_length": file.hints.history_length or len(tables["position"]),
            "positions": "from_start",
            "activation": file.choice("hidden_act", "gelu", {"gelu", "relu"}),
            "norm_eps": float(file.settings.get("layer_norm_eps", 1e-12)),
            "norm_input": True,
        },
        padding={"item": PADDING},
        unused=file.unused(set(_TABLES.values()), _BLOCK),
    )


def _bert4rec(file: RecBoleFile) -> ModelSpec:
    tables = {ours: file.tensor(key) for ours, key in (_TABLES | _OUTPUT).items()}
    return ModelSpec(
        family="bert4rec",
        tool="RecBole",
        architecture="BERT4Rec",
        tensors={**tables, **renamed_blocks(file.tensors, _BLOCK, _BLOCK_PARTS)},
        settings={
            "heads": file.hints.heads or file.integer("n_heads", "--heads"),
            "history_length": file.hints.history_length or len(tables["position"]),
            "activation": file.choice("hidden_act", "gelu", {"gelu", "relu"}),
            "norm_eps": float(file.settings.get("layer_norm_eps", 1e-12)),
        },
        padding={"item": PADDING},
        unused=file.unused({*_TABLES.values(), *_OUTPUT.values()}, _BLOCK),
    )


_OUTPUT = {
    "dense.weight": "output_ffn.weight",
    "dense.bias": "output_ffn.bias",
    "output_norm.weight": "output_ln.weight",
    "output_norm.bias": "output_ln.bias",
    "item_bias": "output_bias",
}


def _gru4rec(file: RecBoleFile) -> ModelSpec:
    tables = {"item": "item_embedding.weight", "dense.weight": "dense.weight", "dense.bias": "dense.bias"}
    return ModelSpec(
        family="gru4rec",
        tool="RecBole",
        architecture="GRU4Rec",
        tensors={
            **{ours: file.tensor(key) for ours, key in tables.items()},
            **renamed(file.tensors, "gru_layers.", "gru."),
        },
        settings={
            "history_length": file.hints.history_length
            or file.integer("MAX_ITEM_LIST_LENGTH", "--history-length")
        },
        padding={"item": PADDING},
        unused=file.unused(set(tables.values()), "gru_layers."),
    )


READERS: dict[str, Reader] = {"BERT4Rec": _bert4rec, "GRU4Rec": _gru4rec, "SASRec": _sasrec}
