"""From options by name, as a command line or an audit's TOML gives them, to the settings of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from recaudit.errors import UsageError
from recaudit.sae.training.settings import Settings, preset_named, with_loss
from recaudit.text import printable


def settings_from(options: Mapping[str, Any]) -> Settings:
    """The preset with what was given changed.

    Args:
        options: those of ``recaudit train``, under the names click knows them by.

    Raises:
        UsageError: a preset, term or normalisation that is none.
    """
    named = {"learning_rate": "learning_rate", "steps": "max_steps"}
    plain = ("kind", "scale", "latents", "k", "site", "batch", "patience", "augment", *named)
    changed = {named.get(key, key): options[key] for key in plain if options[key] is not None}
    if options["scale"] is not None and options["latents"] is not None:
        raise UsageError("--scale and --latents exclude each other", fix="give one of them")
    if options["matryoshka"] is not None and options["scale"] is not None:
        raise UsageError(
            "--matryoshka and --scale exclude each other",
            fix="the last of the Matryoshka widths is the dictionary's",
        )
    if options["matryoshka"] is not None:
        changed["prefixes"] = _widths(options["matryoshka"])
    if options["norm"] is not None:
        changed["norm_in"] = _norm(options["norm"])
    settings = replace(preset_named(options["preset"]), seed=options["seed"], **changed)
    return with_loss(settings, dict(_weight(text) for text in options["loss"]))


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"--matryoshka {printable(text)} is no list of widths", fix="for example 64,256,1024"
        ) from None


_NORMS = {"none": "none", "layernorm": "layer_norm", "standardise": "standardise"}


def _norm(name: str) -> str:
    if name not in _NORMS:
        raise UsageError(f"--norm cannot be {printable(name)}", fix=f"choose one of: {', '.join(_NORMS)}")
    return _NORMS[name]


def _weight(text: str) -> tuple[str, float]:
    term, _, number = text.partition("=")
    try:
        return term, float(number)
    except ValueError:
        raise UsageError(
            f"--loss {printable(text)} has no TERM=WEIGHT form", fix="for example --loss prediction=1"
        ) from None
