"""dictionary_learning: ``ae.pt`` (a state dict) and ``config.json``, whose ``trainer.dict_class`` names the kind.

``encoder.weight`` is [latents, dim] and ``decoder.weight`` [dim, latents]; the two kinds that say ``W_enc``
and ``W_dec`` store them the other way round. Source: dictionary_learning 0.1.0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from recaudit.checkpoints.spec import SaeSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, arrays_of
from recaudit.checkpoints.tools.sae_parts import (
    Settings,
    agreed,
    matrix,
    number,
    rescaled_by_decoder_norm,
    resolve_k,
    settings_beside,
    vector,
)
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable


@dataclass(frozen=True)
class _File:
    checkpoint: Checkpoint
    tensors: Tensors
    config: Settings
    hints: Hints

    def matrix(self, key: str) -> np.ndarray:
        return matrix(self.tensors, key, self.checkpoint)

    def vector(self, key: str) -> np.ndarray:
        return vector(self.tensors, key, self.checkpoint)

    def number(self, key: str) -> float:
        return number(self.tensors, key, self.checkpoint)


def _auto_encoder(file: _File) -> SaeSpec:
    spec = _linear_layers(file, pre_bias="bias")
    norms = np.linalg.norm(spec.decoder, axis=1)
    # The tool's loader scales decoder columns to length 1, unless they already are.
    return spec if np.allclose(norms, 1) else rescaled_by_decoder_norm(spec)


def _auto_encoder_new(file: _File) -> SaeSpec:
    return replace(_linear_layers(file, pre_bias="decoder.bias"), centred=False)


def _top_k(file: _File) -> SaeSpec:
    in_tensor = int(file.number("k")) if "k" in file.tensors else None
    in_config = file.config.inside("trainer").get("k", int, 0) or None
    k, source = resolve_k(
        file.hints, {"tensor `k`": in_tensor, file.config.where: in_config}, file.checkpoint
    )
    return replace(_linear_layers(file, pre_bias="b_dec"), activation="relu_topk", k=k, k_source=source)


def _batch_top_k(file: _File) -> SaeSpec:
    return _above_one_threshold(_linear_layers(file, pre_bias="b_dec"), file)


def _matryoshka(file: _File) -> SaeSpec:
    sizes = np.atleast_1d(file.tensors.get("group_sizes", np.empty(0, np.int64)))
    spec = _above_one_threshold(_input_first(file), file)
    return replace(spec, groups=tuple(int(width) for width in np.cumsum(sizes)))


def _jump_relu(file: _File) -> SaeSpec:
    # The class has a flag to centre the input; it is off, and no file says otherwise.
    return replace(
        _input_first(file), activation="jumprelu", threshold=file.vector("threshold"), centred=False
    )


def _gated(file: _File) -> SaeSpec:
    return SaeSpec(
        tool="dictionary_learning",
        encoder=file.matrix("encoder.weight"),
        decoder=file.matrix("decoder.weight").T,
        encoder_bias=file.vector("gate_bias"),
        pre_bias=file.vector("decoder_bias"),
        activation="gated",
        k=None,
        magnitude_log_scale=file.vector("r_mag"),
        magnitude_bias=file.vector("mag_bias"),
    )


def _linear_layers(file: _File, *, pre_bias: str) -> SaeSpec:
    return SaeSpec(
        tool="dictionary_learning",
        encoder=file.matrix("encoder.weight"),
        decoder=file.matrix("decoder.weight").T,
        encoder_bias=file.vector("encoder.bias"),
        pre_bias=file.vector(pre_bias),
        activation="relu",
        k=None,
    )


def _input_first(file: _File) -> SaeSpec:
    return SaeSpec(
        tool="dictionary_learning",
        encoder=file.matrix("W_enc").T,
        decoder=file.matrix("W_dec"),
        encoder_bias=file.vector("b_enc"),
        pre_bias=file.vector("b_dec"),
        activation="relu",
        k=None,
    )


def _above_one_threshold(spec: SaeSpec, file: _File) -> SaeSpec:
    threshold = file.number("threshold")
    notes: tuple[str, ...] = ()
    if threshold < 0:
        notes = ("training never set the threshold, so every positive pre-activation fires",)
    return replace(
        spec,
        activation="batch_topk",
        threshold=np.full(len(spec.encoder), threshold, np.float32),
        notes=notes,
    )


_LAYERS = {"encoder.weight", "encoder.bias", "decoder.weight"}
_INPUT_FIRST = {"W_enc", "b_enc", "W_dec", "b_dec"}
_KINDS: dict[str, tuple[set[str], Callable[[_File], SaeSpec]]] = {
    "MatryoshkaBatchTopKSAE": (_INPUT_FIRST | {"group_sizes"}, _matryoshka),
    "JumpReluAutoEncoder": (_INPUT_FIRST, _jump_relu),
    "GatedAutoEncoder": ({"encoder.weight", "decoder.weight", "decoder_bias", "r_mag"}, _gated),
    "AutoEncoderTopK": (_LAYERS | {"b_dec"}, _top_k),
    "BatchTopKSAE": (_LAYERS | {"b_dec"}, _batch_top_k),
    "AutoEncoder": (_LAYERS | {"bias"}, _auto_encoder),
    "AutoEncoderNew": (_LAYERS | {"decoder.bias"}, _auto_encoder_new),
}
"""``dict_class`` to the tensors it is told by and its reader."""
_TOLD_BY_CONFIG_ALONE = ("AutoEncoderTopK", "BatchTopKSAE", "AutoEncoderNew")
"""Kinds that share their keys with another kind, or with a recommender that is an autoencoder."""


def recognises_sae(checkpoint: Checkpoint) -> bool:
    keys = arrays_of(checkpoint.tree).keys()
    if checkpoint.receipt.format == "safetensors":
        return False
    fitting = [name for name, (told_by, _) in _KINDS.items() if told_by <= keys]
    if fitting == ["AutoEncoderNew"]:
        return settings_beside(checkpoint).inside("trainer").values.get("dict_class") == "AutoEncoderNew"
    return bool(fitting)


def read_sae(checkpoint: Checkpoint, hints: Hints) -> SaeSpec:
    tensors, config = arrays_of(checkpoint.tree), settings_beside(checkpoint)
    name = _kind(tensors, config, checkpoint)
    doubts = agreed(config, tensors, without_k=hints.k is not None or name != "AutoEncoderTopK")
    spec = _KINDS[name][1](_File(checkpoint, tensors, config, hints))
    return replace(spec, notes=(*doubts, *spec.notes))


def _kind(tensors: Tensors, config: Settings, checkpoint: Checkpoint) -> str:
    """The dictionary class the config names, if the tensors are its own; without a config, by the tensors."""
    stated = config.inside("trainer").get("dict_class", str, "")
    fitting = [name for name, (told_by, _) in _KINDS.items() if told_by <= tensors.keys()]
    # Newer trainers write the class as `AutoEncoder`, older ones as `dictionary.AutoEncoder`.
    stated = stated.rpartition(".")[2]
    if stated in fitting:
        return stated
    if stated:
        raise InputRefused(
            f"{config.where} says dict_class {printable(stated, 60)}, but the tensors of "
            f"{printable(checkpoint.path.name)} are those of {' or '.join(fitting)}",
            fix="use the config.json that was saved with these weights",
        )
    if fitting[0] in _TOLD_BY_CONFIG_ALONE:
        raise InputRefused(
            f"{config.where}: {printable(checkpoint.path.name)} may hold {' or '.join(fitting)}, and only "
            "`trainer.dict_class` of config.json tells which",
            fix="put the config.json that dictionary_learning saved beside the weights",
        )
    return fitting[0]
