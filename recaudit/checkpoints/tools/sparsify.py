"""sparsify (EleutherAI): a folder with ``cfg.json`` and ``sae.safetensors``; ReLU, then top-k."""

from __future__ import annotations

import json
from typing import Any

from recaudit.checkpoints.spec import SaeSpec
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import arrays_of
from recaudit.checkpoints.tools.recsae import relu_topk
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

_LARGEST_CONFIG = 1 << 20


def recognises_sae(checkpoint: Checkpoint) -> bool:
    return (
        checkpoint.receipt.format == "safetensors"
        and {"encoder.weight", "W_dec"} <= arrays_of(checkpoint.tree).keys()
    )


def read_sae(checkpoint: Checkpoint, hints: Hints) -> SaeSpec:
    config = _config(checkpoint)
    if config.get("transcode") or config.get("activation", "topk") != "topk":
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: cfg.json asks for "
            f"activation {printable(config.get('activation'))}, transcode "
            f"{printable(config.get('transcode'))}; only top-k autoencoders are read so far",
            fix="see docs/formats.md for what can be read",
        )
    k = config.get("k") if hints.k is None else hints.k
    if type(k) is not int or k < 1:
        raise InputRefused(
            f"cfg.json beside {printable(checkpoint.path.name)}: `k` is {printable(k)}, "
            "not a positive integer",
            fix="give it with --k N",
        )
    source = "cfg.json" if hints.k is None else "--k"
    return relu_topk("sparsify", arrays_of(checkpoint.tree), "", checkpoint, k=k, k_source=source)


def _config(checkpoint: Checkpoint) -> dict[str, Any]:
    path = checkpoint.path.with_name("cfg.json")
    try:
        if path.stat().st_size > _LARGEST_CONFIG:
            raise InputRefused(f"{path}: larger than 1 MiB, no settings file", fix="restore it")
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise InputRefused(
            f"{printable(path)}: not valid JSON ({printable(error, 80)})",
            fix="restore the cfg.json that the tool saved beside the weights",
        ) from None
    if not isinstance(config, dict):
        raise InputRefused(f"{printable(path)}: not a JSON object", fix="restore the file")
    return config
