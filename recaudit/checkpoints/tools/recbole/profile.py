"""RecBole's models of a user's items as a set."""

from __future__ import annotations

from recaudit.checkpoints.spec import ModelSpec
from recaudit.checkpoints.tools.recbole.file import PADDING, Reader, RecBoleFile
from recaudit.checkpoints.tools.stacks import stacked

_LINKS = {"sigmoid": "sigmoid", "relu": "clip:0:inf"}


def _multivae(file: RecBoleFile) -> ModelSpec:
    return _autoencoder(file, "MultiVAE", "encoder.")


def _multidae(file: RecBoleFile) -> ModelSpec:
    return _autoencoder(file, "MultiDAE", "encoder.mlp_layers.")


def _autoencoder(file: RecBoleFile, architecture: str, encoder: str) -> ModelSpec:
    layers = {**stacked(file.tensors, encoder, "encoder"), **stacked(file.tensors, "decoder.", "decoder")}
    for part in ("encoder", "decoder"):
        if f"{part}.0.weight" not in layers:
            raise file.refused(f"it has no layers of the {part}", "save the model's whole state dict")
    return ModelSpec(
        family="autoencoder",
        tool="RecBole",
        architecture=architecture,
        tensors=layers,
        padding={"item": PADDING},
        unused=file.unused(set(), encoder, "decoder."),
    )


_CDAE = {
    "user": "h_user.weight",
    "hidden.weight": "h_item.weight",
    "hidden.bias": "h_item.bias",
    "out.weight": "out_layer.weight",
    "out.bias": "out_layer.bias",
}


def _cdae(file: RecBoleFile) -> ModelSpec:
    return ModelSpec(
        family="cdae",
        tool="RecBole",
        architecture="CDAE",
        tensors={ours: file.tensor(key) for ours, key in _CDAE.items()},
        settings={"activation": file.choice("hid_activation", "relu", {"sigmoid", "relu", "tanh"})},
        padding={"user": PADDING, "item": PADDING},
        link=_LINKS[file.choice("out_activation", "sigmoid", set(_LINKS))],
        unused=file.unused(set(_CDAE.values())),
    )


def _dmf(file: RecBoleFile) -> ModelSpec:
    """Two towers over the interaction matrix. The last evaluation leaves the items' side finished."""
    layers = {
        "user_input": file.tensor("user_linear.weight"),
        **stacked(file.tensors, "user_fc_layers.mlp_layers.", "user"),
    }
    finished = {"item": file.other["i_embedding"]} if "i_embedding" in file.other else {}
    if not finished:
        layers |= {
            "item_input": file.tensor("item_linear.weight"),
            **stacked(file.tensors, "item_fc_layers.mlp_layers.", "item_tower"),
        }
    values = file.choice("inter_matrix_type", "01", {"01", "rating"})
    if values == "rating" and not finished:
        raise file.refused(
            "its items are built from all ratings, and no evaluation left them in other_parameter",
            "evaluate the model once before saving it",
        )
    return ModelSpec(
        family="dmf",
        tool="RecBole",
        architecture="DMF",
        tensors={**layers, **finished},
        settings={"values": values},
        padding={"user": PADDING, "item": PADDING},
        link="sigmoid",
        unused=file.unused(
            {"user_linear.weight", "item_linear.weight"}, "user_fc_layers.", "item_fc_layers."
        ),
    )


def _simplex(file: RecBoleFile) -> ModelSpec:
    keys = {"user": "user_emb.weight", "item": "item_emb.weight", "map": "UI_map.weight"}
    aggregator = file.choice("aggregator", "mean", {"mean", "user_attention", "self_attention"})
    if aggregator != "mean":
        keys |= {"key.weight": "W_k.0.weight", "key.bias": "W_k.0.bias"}
    if aggregator == "self_attention":
        keys["query"] = "W_q.weight"
    return ModelSpec(
        family="simplex",
        tool="RecBole",
        architecture="SimpleX",
        tensors={ours: file.tensor(key) for ours, key in keys.items()},
        settings={
            "own_share": file.number("gamma"),
            "aggregator": aggregator,
            "longest_history": file.hints.history_length or file.integer("history_len", "--history-length"),
        },
        padding={"user": PADDING, "item": PADDING},
        unused=file.unused(set(keys.values())),
    )


READERS: dict[str, Reader] = {
    "CDAE": _cdae,
    "DMF": _dmf,
    "MultiDAE": _multidae,
    "MultiVAE": _multivae,
    "SimpleX": _simplex,
}
