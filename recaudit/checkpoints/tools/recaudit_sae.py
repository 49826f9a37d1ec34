"""recaudit's own file of a sparse autoencoder: ``SaeSpec`` as safetensors, every field by its name.

Arrays are tensors; everything else is JSON under the metadata key ``recaudit.sae``.
"""

from __future__ import annotations

import json
import struct
from dataclasses import fields
from typing import Any

import numpy as np

from recaudit.checkpoints.spec import ACTIVATIONS, NORMS_IN, SaeSpec
from recaudit.checkpoints.strict_json import parse_json
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import arrays_of
from recaudit.checkpoints.tools.sae_parts import Settings, matrix, vector
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

METADATA_KEY = "recaudit.sae"
_VERSION = 1
_MATRICES = ("encoder", "decoder", "skip")
_VECTORS = (
    *("encoder_bias", "pre_bias", "threshold", "magnitude_log_scale", "magnitude_bias", "latent_scale"),
)
_SETTINGS = tuple(field.name for field in fields(SaeSpec) if field.name not in (*_MATRICES, *_VECTORS))
_LONGEST_HEADER = 1 << 24


def packed(spec: SaeSpec) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of the file that says everything ``spec`` does."""
    arrays = {name: getattr(spec, name) for name in (*_MATRICES, *_VECTORS)}
    tensors = {
        name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items() if array is not None
    }
    settings = {"version": _VERSION} | {name: getattr(spec, name) for name in _SETTINGS}
    return tensors, {METADATA_KEY: json.dumps(settings, sort_keys=True)}


def recognises_sae(checkpoint: Checkpoint) -> bool:
    if checkpoint.receipt.format != "safetensors" or not {"encoder", "decoder"} <= checkpoint.tree.keys():
        return False
    return METADATA_KEY in _metadata(checkpoint)


def read_sae(checkpoint: Checkpoint, hints: Hints) -> SaeSpec:
    tensors = arrays_of(checkpoint.tree)
    where = f"metadata of {printable(checkpoint.path.name)}"
    settings = Settings(where, _object(parse_json(_metadata(checkpoint)[METADATA_KEY], where)))
    version = settings.get("version", int, 0)
    if version != _VERSION:
        raise InputRefused(
            f"{where}: version {version} of the format is unknown; this recaudit reads {_VERSION}",
            fix="read it with the recaudit that wrote it, or a newer one",
        )
    k, source = settings.get("k", int, 0) or None, settings.get("k_source", str, "")
    if hints.k is not None and k is not None:
        k, source = hints.k, "--k"
    arrays: dict[str, Any] = {
        name: shaped(tensors, name, checkpoint) if name in tensors else None
        for names, shaped in ((_MATRICES, matrix), (_VECTORS, vector))
        for name in names
    }
    return SaeSpec(
        **arrays,
        tool=settings.get("tool", str, "recaudit"),
        activation=_one_of(ACTIVATIONS, settings, "activation"),
        norm_in=_one_of(NORMS_IN, settings, "norm_in"),
        k=k,
        k_source=source,
        tied=settings.get("tied", bool, False),
        centred=settings.get("centred", bool, True),
        groups=_all(int, settings, "groups"),
        notes=_all(str, settings, "notes"),
    )


def _metadata(checkpoint: Checkpoint) -> dict[str, Any]:
    """The header's free text. The isolated reader has already walked this header and kept only tensors."""
    with checkpoint.path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = parse_json(file.read(min(length, _LONGEST_HEADER)).decode("utf-8"), "the safetensors header")
    return _object(header.get("__metadata__"))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _one_of(known: dict[str, str], settings: Settings, key: str) -> str:
    value = settings.get(key, str, "")
    if value not in known:
        raise InputRefused(
            f"{settings.where}: `{key}` is {printable(value, 60)}; known are {', '.join(known)}",
            fix="export the autoencoder again",
        )
    return value


def _all(kind: type, settings: Settings, key: str) -> tuple[Any, ...]:
    values = settings.get(key, list, [])
    if not all(type(value) is kind for value in values):
        raise InputRefused(
            f"{settings.where}: `{key}` holds other things than {kind.__name__}",
            fix="export the autoencoder again",
        )
    return tuple(values)
