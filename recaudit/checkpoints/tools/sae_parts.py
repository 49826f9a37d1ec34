"""What the readers of sparse autoencoders share: settings beside the weights, tensors by shape, k."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from recaudit.checkpoints.sae_folder import SETTINGS_NAMES, check_sae
from recaudit.checkpoints.spec import SaeSpec
from recaudit.checkpoints.strict_json import parse_json
from recaudit.checkpoints.tools.hints import Hints
from recaudit.checkpoints.tools.names import Tensors, required
from recaudit.checkpoints.types import Checkpoint
from recaudit.errors import InputRefused
from recaudit.text import printable

_LARGEST_SETTINGS = 1 << 20
_SHOWN_UNITS = 5
_RESTORE = "restore the file that the tool saved beside the weights"

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """A JSON object that a tool saved beside its weights; nothing in it is trusted to have its type."""

    where: str
    """For refusals: the file, and the place in it."""
    values: Mapping[str, Any]

    def get(self, key: str, kind: type[T], default: T) -> T:
        """The value of a key, ``default`` where it is absent or null.

        Raises:
            InputRefused: the value is of another type.
        """
        value = self.values.get(key)
        if value is None:
            return default
        if type(value) is not kind:
            raise InputRefused(
                f"{self.where}: `{key}` is {printable(value, 60)}, not of type {kind.__name__}",
                fix=_RESTORE,
            )
        return value

    def inside(self, key: str) -> Settings:
        """The object under a key; empty where it is absent."""
        return Settings(f"{self.where}, `{key}`", self.get(key, dict, {}))


def settings_beside(checkpoint: Checkpoint) -> Settings:
    """``cfg.json`` or ``config.json`` in the folder of the weights; empty where there is neither.

    Raises:
        InputRefused: the file is larger than 1 MiB, or no JSON object.
    """
    paths = [checkpoint.path.with_name(name) for name in SETTINGS_NAMES]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        missing = f"{' or '.join(SETTINGS_NAMES)} (not found beside {printable(checkpoint.path.name)})"
        return Settings(missing, {})
    where = f"{path.name} beside {printable(checkpoint.path.name)}"
    values = _parsed(path, where)
    if not isinstance(values, dict):
        raise InputRefused(f"{where}: not a JSON object", fix=_RESTORE)
    return Settings(where, values)


def _parsed(path: Path, where: str) -> Any:
    with path.open("rb") as file:
        content = file.read(_LARGEST_SETTINGS + 1)
    if len(content) > _LARGEST_SETTINGS:
        raise InputRefused(f"{where}: larger than 1 MiB, no settings file", fix=_RESTORE)
    try:
        return parse_json(content.decode("utf-8"), where)
    except UnicodeDecodeError:
        raise InputRefused(f"{where}: not valid JSON: its text is not UTF-8", fix=_RESTORE) from None


def agreed(settings: Settings, tensors: Tensors, *, without_k: bool = False) -> tuple[str, ...]:
    """Hold settings against tensors by the rules of ``recaudit scan``; returns doubts in words.

    Args:
        without_k: leave k out, because it is not used or ``--k`` overrules it.

    Raises:
        InputRefused: they contradict each other; names both.
    """
    _check_threshold(tensors, settings)
    values = dict(settings.values)
    if without_k:
        values.pop("k", None)
        if isinstance(values.get("trainer"), dict):
            values["trainer"] = {key: value for key, value in values["trainer"].items() if key != "k"}
    try:
        found = check_sae(values, dict(tensors))
    except InputRefused as refusal:
        raise InputRefused(f"{settings.where}: {refusal.message}", fix=refusal.fix) from None
    return tuple(note.message for note in found if note.code == "sae-dead")


def _check_threshold(tensors: Tensors, settings: Settings) -> None:
    threshold, bias = tensors.get("threshold"), tensors.get("b_enc")
    if threshold is not None and bias is not None and threshold.ndim and threshold.shape != bias.shape:
        raise InputRefused(
            f"{settings.where}: the SAE tensor threshold has shape {list(threshold.shape)}, its encoder bias "
            f"{list(bias.shape)}",
            fix="save the autoencoder again; its tensors do not belong together",
        )


def matrix(tensors: Tensors, key: str, checkpoint: Checkpoint) -> np.ndarray:
    """A tensor of real numbers with two axes, or a refusal that names it."""
    return _real(tensors, key, checkpoint, 2)


def vector(tensors: Tensors, key: str, checkpoint: Checkpoint) -> np.ndarray:
    """A tensor of real numbers with one axis, or a refusal that names it."""
    return _real(tensors, key, checkpoint, 1)


def number(tensors: Tensors, key: str, checkpoint: Checkpoint) -> float:
    """A single stored number, or a refusal that names it."""
    return float(_real(tensors, key, checkpoint, 0))


def _real(tensors: Tensors, key: str, checkpoint: Checkpoint, axes: int) -> np.ndarray:
    array = required(tensors, key, checkpoint)
    if array.ndim != axes or array.dtype.kind not in "fiu":
        raise InputRefused(
            f"{printable(checkpoint.path.name)}: tensor `{key}` has shape {list(array.shape)} and type "
            f"{array.dtype}; real numbers with {axes} axes were expected",
            fix="save the autoencoder again with the tool that trained it",
        )
    return array


def resolve_k(
    hints: Hints, stated: Mapping[str, int | None], checkpoint: Checkpoint, least: int = 1
) -> tuple[int, str]:
    """k and where it came from. ``--k`` beats the file, whose own places must agree; it is never guessed.

    Args:
        stated: place to the k it states, None where it states none.

    Raises:
        InputRefused: no place states it, or two states differ.
    """
    name = printable(checkpoint.path.name)
    if hints.k is not None:
        return hints.k, "--k"
    found = {place: k for place, k in stated.items() if k is not None}
    if len(set(found.values())) > 1:
        said = " but ".join(f"{place} says k = {k}" for place, k in found.items())
        raise InputRefused(f"{name}: {said}", fix="give the one it was trained with: --k N")
    for place, k in found.items():
        if k >= least:
            return k, place
        raise InputRefused(f"{name}: {place} says k = {k}", fix="give it with --k N")
    raise InputRefused(
        f"{name}: k is in none of {', '.join(stated)}, and it is never guessed", fix="give it with --k N"
    )


def rescaled_by_decoder_norm(spec: SaeSpec) -> SaeSpec:
    """Latents in units of their decoder rows: encoder times the row's length, decoder row at length 1.

    SAELens does this while running (``rescale_acts_by_decoder_norm``) and dictionary_learning while loading.
    Done here once, the same codes and reconstructions follow without a special case later.
    """
    scale = np.linalg.norm(spec.decoder.astype(np.float64), axis=1)
    bias = spec.encoder_bias
    return replace(
        spec,
        encoder=(spec.encoder * scale[:, None]).astype(np.float32),
        encoder_bias=None if bias is None else (bias * scale).astype(np.float32),
        # A zero decoder row silences its latent in the encoder; dividing it would only make NaN.
        decoder=(spec.decoder / np.where(scale > 0, scale, 1)[:, None]).astype(np.float32),
        latent_scale=scale.astype(np.float32),
    )


def with_doubts(spec: SaeSpec) -> SaeSpec:
    """Name the latents whose parameters are not finite: they are read as silent."""
    bad = np.flatnonzero(~spec.finite)
    if not len(bad):
        return spec
    shown = ", ".join(map(str, bad[:_SHOWN_UNITS])) + (", …" if len(bad) > _SHOWN_UNITS else "")
    said = f"parameters of {len(bad)} of {len(spec.encoder)} latents are not finite (latent {shown}): they never fire"
    return replace(spec, notes=(*spec.notes, said))
