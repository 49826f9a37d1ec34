"""A saved sparse autoencoder: weights and the settings beside them, checked against each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recaudit.checkpoints.refusals import Damaged, short
from recaudit.checkpoints.types import Note

SETTINGS_NAMES = ("cfg.json", "config.json")
WEIGHT_NAMES = ("sae_weights.safetensors", "sae.safetensors", "ae.pt")
ARCHITECTURES = (
    "standard", "topk", "batchtopk", "jumprelu", "gated", "matryoshka_batchtopk",
)  # fmt: skip
LARGEST_INPUT_NORM = 1e3
"""No recommender vector is longer: a unit that stays silent for one this long never fires."""

_SAELENS_TENSORS = {
    "gated": ("W_enc", "W_dec", "b_gate", "b_mag", "r_mag", "b_dec"),
    "jumprelu": ("W_enc", "W_dec", "b_enc", "b_dec", "threshold"),
}
_SAELENS_TYPES = {"apply_b_dec_to_input": bool, "normalize_activations": str, "dtype": str}
_SAELENS_DEFAULT = ("W_enc", "W_dec", "b_enc", "b_dec")
_MISFIT = "Use the settings and weights that one training run saved together."


def settings_beside(weights: Path) -> Path | None:
    """The settings file an SAE's weights need, when ``weights`` is named as SAE tools do."""
    if weights.name not in WEIGHT_NAMES:
        return None
    candidates = (weights.parent / name for name in SETTINGS_NAMES)
    return next((path for path in candidates if path.is_file()), None)


def weights_in(folder: Path) -> Path | None:
    """The weights of an SAE folder, None for any other folder."""
    return next((folder / name for name in WEIGHT_NAMES if (folder / name).is_file()), None)


def check_sae(settings: Any, tensors: dict[str, np.ndarray], widths: Sequence[int] = ()) -> list[Note]:
    """Refuses settings that contradict the weights; notes what is merely doubtful.

    Args:
        widths: widths of the recommender's tables, when one is at hand.
    """
    if not isinstance(settings, dict):
        raise Damaged("the SAE's settings are not a JSON object", fix=_MISFIT)
    if "architecture" in settings:
        inputs, units = _check_saelens(settings, tensors)
    else:
        inputs, units = _check_declared(_declared_sizes(settings), tensors)
    notes = [note for note in (_width_note(inputs, units, widths),) if note]
    return notes + _dead_notes(tensors, units) + _non_finite_notes(tensors, units)


def _check_saelens(settings: dict[str, Any], tensors: dict[str, np.ndarray]) -> tuple[int, int]:
    architecture = settings["architecture"]
    if architecture not in ARCHITECTURES:
        raise Damaged(
            f"the SAE architecture {short(architecture)} is unknown; known are {', '.join(ARCHITECTURES)}",
            fix="Convert the SAE to one of these with the tool that trained it.",
        )
    needed = _SAELENS_TENSORS.get(architecture, _SAELENS_DEFAULT)
    missing = [name for name in needed if name not in tensors]
    if missing:
        raise Damaged(
            f"the SAE of architecture {architecture} lacks {', '.join(missing)}; "
            f"it has {', '.join(map(short, list(tensors)[:8]))}",
            fix="Save the SAE again; the file is incomplete.",
        )
    for name, kind in _SAELENS_TYPES.items():
        if not isinstance(settings.get(name, kind()), kind):
            raise Damaged(f"the SAE setting {name} is {short(settings[name])}", fix=_MISFIT)
    return _check_declared({name: settings.get(name) for name in ("d_in", "d_sae", "k")}, tensors)


def _declared_sizes(settings: dict[str, Any]) -> dict[str, Any]:
    """sparsify and dictionary_learning write the same three sizes under other names."""
    trainer = settings.get("trainer")
    if isinstance(trainer, dict):
        return {
            "d_in": trainer.get("activation_dim"),
            "d_sae": trainer.get("dict_size"),
            "k": trainer.get("k"),
        }
    return {"d_in": settings.get("d_in"), "d_sae": settings.get("num_latents") or None,
            "k": settings.get("k")}  # fmt: skip


def _check_declared(declared: dict[str, Any], tensors: dict[str, np.ndarray]) -> tuple[int, int]:
    for name, value in declared.items():
        if value is not None and type(value) is not int:
            raise Damaged(f"the SAE setting {name} is {short(value)}, not a whole number",
                          fix=_MISFIT)  # fmt: skip
    inputs, units = _sizes(tensors)
    for name, found in (("d_in", inputs), ("d_sae", units)):
        if declared[name] not in (None, found):
            raise Damaged(
                f"the SAE settings say {name} = {declared[name]}, but the weights have {found}",
                fix=_MISFIT,
            )
    k = declared["k"]
    if k is not None and not 0 < k <= units:
        raise Damaged(f"the SAE keeps k = {k} units of {units}", fix=_MISFIT)
    return inputs, units


def _sizes(tensors: dict[str, np.ndarray]) -> tuple[int, int]:
    """Input width and number of units, agreed on by every tensor."""
    shapes = {name: array.shape for name, array in tensors.items()}
    if len(shapes.get("W_enc", ())) == 2:
        inputs, units = shapes["W_enc"]
    elif len(shapes.get("encoder.weight", ())) == 2:
        units, inputs = shapes["encoder.weight"]
    else:
        raise Damaged("the SAE has no encoder matrix", fix="Save the SAE again.")
    expected = {
        "W_dec": (units, inputs), "decoder.weight": (inputs, units), "b_enc": (units,),
        "encoder.bias": (units,), "b_dec": (inputs,), "bias": (inputs,), "b_gate": (units,),
        "b_mag": (units,), "r_mag": (units,),
    }  # fmt: skip
    if shapes.get("threshold", ()) != ():  # batch top-k keeps one number for all units
        expected["threshold"] = (units,)
    for name, shape in expected.items():
        if name in shapes and shapes[name] != shape:
            raise Damaged(
                f"the SAE tensor {name} has shape {shapes[name]}; its encoder needs {shape}",
                fix="Save the SAE again; its tensors do not belong together.",
            )
    if "W_dec" not in shapes and "decoder.weight" not in shapes:
        raise Damaged("the SAE has no decoder matrix", fix="Save the SAE again.")
    return inputs, units


def _width_note(inputs: int, units: int, widths: Sequence[int]) -> Note | None:
    if widths and inputs not in widths:
        known = ", ".join(map(str, sorted(set(widths))))
        return Note(
            "warning", "sae-width",
            f"the SAE reads vectors of width {inputs}, but the recommender's tables have {known}",
        )  # fmt: skip
    if not widths and units % inputs:
        return Note(
            "warning", "sae-width",
            f"{units} units are no multiple of the input width {inputs}, which SAEs are trained "
            f"with; no recommender table of width {inputs} was given to match",
        )  # fmt: skip
    return None


def _dead_notes(tensors: dict[str, np.ndarray], units: int) -> list[Note]:
    dead = int(_never_fires(tensors).sum())
    if not dead:
        return []
    return [
        Note("warning", "sae-dead", f"{dead} of {units} units ({dead / units:.0%}) are dead: no "
             f"input up to length {LARGEST_INPUT_NORM:g} makes them fire")
    ]  # fmt: skip


def _never_fires(tensors: dict[str, np.ndarray]) -> np.ndarray:
    """Units whose pre-activation stays at or below their threshold for every plausible input."""
    by_unit = tensors["W_enc"].T if "W_enc" in tensors else tensors["encoder.weight"]
    with np.errstate(all="ignore"):
        reach = np.linalg.norm(by_unit.astype(np.float64), axis=1)
        centre = tensors.get("b_dec", tensors.get("bias", np.zeros(by_unit.shape[1])))
        highest = reach * (LARGEST_INPUT_NORM + np.linalg.norm(centre.astype(np.float64)))
        for name in ("b_enc", "encoder.bias", "b_gate"):
            if name in tensors:
                highest = highest + tensors[name]
        threshold = tensors.get("threshold", np.zeros(1))
        return np.asarray(highest <= np.maximum(threshold, 0), dtype=bool)


def _non_finite_notes(tensors: dict[str, np.ndarray], units: int) -> list[Note]:
    notes = []
    for name, array in tensors.items():
        if array.shape == (units,) and array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = np.flatnonzero(~np.isfinite(array))
            shown = ", ".join(map(str, bad[:5])) + (" …" if len(bad) > 5 else "")
            notes.append(
                Note("warning", "non-finite", f"not finite for unit {shown}: no score of it counts",
                     name)
            )  # fmt: skip
    return notes
