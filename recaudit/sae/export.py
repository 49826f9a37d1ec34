"""Write a sparse autoencoder to a folder that other tools, or recaudit itself, can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from recaudit import __version__
from recaudit.checkpoints.sae_folder import SETTINGS_NAMES, WEIGHT_NAMES
from recaudit.checkpoints.spec import SaeSpec
from recaudit.checkpoints.tools import recaudit_sae
from recaudit.errors import UsageError
from recaudit.text import printable

_SAELENS_ARCHITECTURES = {
    "relu": "standard",
    "relu_topk": "topk",
    "topk": "topk",
    "jumprelu": "jumprelu",
    "batch_topk": "jumprelu",
    "gated": "gated",
}
_PICKLE_BYTE = 0x80
"""A file that begins with it looks like a pickle to many a scanner; a header of 128 more than a multiple of 256
bytes does, so such a header is padded."""
_SAELENS_NORMS = ("none", "layer_norm", "constant_norm_rescale")


def write_sae(spec: SaeSpec, folder: Path, to: str) -> list[Path]:
    """Write ``spec`` in the layout ``to``, one of ``LAYOUTS``; returns the files written.

    Raises:
        UsageError: the folder holds an autoencoder already, or the layout cannot say what ``spec`` does.
    """
    held = [folder / name for name in (*SETTINGS_NAMES, *WEIGHT_NAMES) if (folder / name).exists()]
    if held:
        raise UsageError(
            f"{printable(folder)} already holds {held[0].name}",
            fix="give an empty or new folder with -o",
        )
    return LAYOUTS[to](spec, folder)


def write_recaudit(spec: SaeSpec, folder: Path) -> list[Path]:
    """One safetensors file with every field of ``spec``, metadata included."""
    tensors, metadata = recaudit_sae.packed(spec)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "sae.safetensors"
    _save(tensors, metadata, weights)
    return [weights]


def write_saelens(spec: SaeSpec, folder: Path) -> list[Path]:
    """``cfg.json`` and ``sae_weights.safetensors`` as SAELens 6 saves an SAE for inference.

    Codes and reconstructions are the same there. What has no place in SAELens is refused: group-max, a skip
    connection, Knots' standardisation.
    """
    _refuse_what_saelens_cannot_say(spec)
    weights, settings = folder / "sae_weights.safetensors", folder / "cfg.json"
    folder.mkdir(parents=True, exist_ok=True)
    _save(_saelens_tensors(_silenced(spec)), {}, weights)
    settings.write_text(json.dumps(_saelens_settings(spec), indent=2) + "\n", encoding="utf-8")
    return [settings, weights]


LAYOUTS: dict[str, Callable[[SaeSpec, Path], list[Path]]] = {
    "saelens": write_saelens,
    "recaudit": write_recaudit,
}


def _save(tensors: dict[str, np.ndarray], metadata: dict[str, str], path: Path) -> None:
    content = save(tensors, metadata or None)
    if content[0] == _PICKLE_BYTE:
        content = save(tensors, metadata | {"padding": "." * 8})
    path.write_bytes(content)


def _refuse_what_saelens_cannot_say(spec: SaeSpec) -> None:
    lacking = []
    if spec.activation not in _SAELENS_ARCHITECTURES:
        lacking.append(f"a {spec.activation} activation")
    if spec.norm_in not in _SAELENS_NORMS:
        lacking.append(f"{spec.norm_in} of its input")
    if spec.skip is not None:
        lacking.append("a skip connection")
    if lacking:
        raise UsageError(
            f"SAELens has no architecture with {' and '.join(lacking)}",
            fix="export with --to recaudit, which keeps everything",
        )


def _saelens_tensors(spec: SaeSpec) -> dict[str, np.ndarray]:
    n_latents, dim = spec.encoder.shape
    bias = np.zeros(n_latents) if spec.encoder_bias is None else spec.encoder_bias
    tensors: dict[str, Any] = {
        "W_enc": spec.encoder.T,
        "W_dec": spec.decoder,
        "b_dec": np.zeros(dim) if spec.pre_bias is None else spec.pre_bias,
    }
    if spec.activation == "gated":
        tensors |= {"b_gate": bias, "r_mag": spec.magnitude_log_scale, "b_mag": spec.magnitude_bias}
    else:
        tensors["b_enc"] = bias
    if spec.threshold is not None:
        tensors["threshold"] = spec.threshold
    return {name: np.ascontiguousarray(array, np.float32) for name, array in tensors.items()}


def _saelens_settings(spec: SaeSpec) -> dict[str, Any]:
    n_latents, dim = spec.encoder.shape
    settings: dict[str, Any] = {
        "architecture": _SAELENS_ARCHITECTURES[spec.activation],
        "d_in": dim,
        "d_sae": n_latents,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": spec.centred,
        "normalize_activations": spec.norm_in,
        "reshape_activations": "none",
        "metadata": {"exported_by": f"recaudit {__version__}", "trained_with": spec.tool},
    }
    if settings["architecture"] == "topk":
        # Row lengths are folded into the weights already, so they must not be applied again.
        settings |= {"k": spec.k, "rescale_acts_by_decoder_norm": False}
    if spec.activation == "batch_topk":
        settings["metadata"] |= {
            "training_architecture": "matryoshka_batchtopk" if spec.groups else "batchtopk",
            "training_architecture_details": {"matryoshka_widths": list(spec.groups)} if spec.groups else {},
        }
    return settings


def _silenced(spec: SaeSpec) -> SaeSpec:
    """Latents that are not finite as latents of zeros: silent in any tool, where NaN would spread to all."""
    finite = spec.finite
    if finite.all():
        return spec
    per_latent = ("encoder_bias", "threshold", "magnitude_log_scale", "magnitude_bias")
    held = {name: getattr(spec, name) for name in per_latent}
    zeroed: dict[str, Any] = {
        name: np.where(finite, values, 0) for name, values in held.items() if values is not None
    }
    return replace(
        spec,
        encoder=np.where(finite[:, None], spec.encoder, 0),
        decoder=np.where(finite[:, None], spec.decoder, 0),
        **zeroed,
    )
