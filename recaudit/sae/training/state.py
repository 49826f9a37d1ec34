"""The file that a killed training goes on from: everything a later step depends on, in safetensors."""

from __future__ import annotations

import glob
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from recaudit.errors import UsageError
from recaudit.sae.training.record import Look
from recaudit.text import printable

if TYPE_CHECKING:
    from recaudit.sae.training.trainer import Training

_WRITING = ".writing"


def save(path: Path, run: Training) -> None:
    """Write the state beside its place, then move it there: a kill leaves the one before or this one."""
    tensors = {f"now.{name}": tensor for name, tensor in run.parameters.state().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in run.best.items()}
    tensors |= {f"first.{name}": tensor for name, tensor in run.adam.first.items()}
    tensors |= {f"second.{name}": tensor for name, tensor in run.adam.second.items()}
    tensors |= {f"steps.{name}": tensor for name, tensor in run.adam.steps.items()}
    tensors["silent_for"] = run.silent_for
    said = {
        "digest": run.identity,
        "step": run.step,
        "seconds": run.seconds,
        "looks": [asdict(look) for look in run.looks],
        "schedule": {
            name: getattr(run.schedule, name) for name in ("best", "waited", "falling_since", "end", "reason")
        },
    }
    beside = path.with_name(f"{path.name}.{os.getpid()}{_WRITING}")
    # A tied decoder shares its encoder's memory, which safetensors refuses; copies do not.
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, beside, {"run": json.dumps(said)})
    beside.replace(path)


def load(path: Path, run: Training) -> bool:
    """Bring a training to where a state of the same settings and data left off; False where there is none."""
    found = _read(path)
    if found is None:
        return False
    said, tensors = found
    if said.get("digest") != run.identity:
        return False
    run.parameters.restore(_named(tensors, "now."))
    run.best = _named(tensors, "best.")
    run.silent_for.copy_(tensors["silent_for"])
    for held, prefix in (
        (run.adam.first, "first."),
        (run.adam.second, "second."),
        (run.adam.steps, "steps."),
    ):
        for name, tensor in held.items():
            tensor.copy_(tensors[prefix + name])
    run.step, run.seconds = said["step"], said["seconds"]
    run.looks = [Look(**look) for look in said["looks"]]
    for name, value in said["schedule"].items():
        setattr(run.schedule, name, value)
    return True


def remove(path: Path) -> None:
    """Delete a state, and what kills in the middle of writing it left."""
    for leftover in path.parent.glob(f"{glob.escape(path.name)}.*{_WRITING}"):
        leftover.unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            said = dict(json.loads(file.metadata()["run"]))
            return said, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, KeyError, TypeError, ValueError):
        return None  # of another program or cut short: training starts anew


def device_named(name: str) -> str:
    """The device to train on; ``auto`` takes an accelerator where there is one.

    Raises:
        UsageError: torch has no such device here.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError):  # torch raises the second where it was built without CUDA
        raise UsageError(
            f"torch cannot use a device {printable(name)} here", fix="choose --device cpu, or auto"
        ) from None
    return name
