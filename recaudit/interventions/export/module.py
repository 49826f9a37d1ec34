"""``x -> x'`` as a small module: TorchScript to run, safetensors to re-implement, a test vector to check either by.

Serving code calls it between the model and its scores. It needs torch alone, and no audit.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from recaudit.checkpoints.spec import SaeSpec
from recaudit.errors import UsageError
from recaudit.interventions.apply import Reference, encoder_with
from recaudit.interventions.edits import Edit, Intervention
from recaudit.interventions.export.readme import readme
from recaudit.interventions.file import to_toml
from recaudit.interventions.steering import Side, Steering
from recaudit.sae.affine import affine
from recaudit.sae.autoencoder import activation
from recaudit.sae.normalisation import LAYER_NORM_EPSILON, STANDARDISE_EPSILON

FloatArray = NDArray[np.float32]

_EXAMPLES = 8
MODULE, WEIGHTS, EXAMPLE = "module.pt", "weights.safetensors", "test_vector.safetensors"


class Edited(nn.Module):
    """An intervention on every row of [n, dim]; buffers are named as ``README.md`` says."""

    encoder: Tensor
    encoder_bias: Tensor
    edited_encoder: Tensor | None
    edited_encoder_bias: Tensor | None
    decoder: Tensor
    pre_bias: Tensor | None
    skip: Tensor | None

    def __init__(self, intervention: Intervention, reference: Reference) -> None:
        super().__init__()
        self._intervention, self._reference = intervention, reference
        self._edits = intervention.edits
        if intervention.of_latents:
            assert reference.spec is not None
            self._prepare(reference.spec)
        for number, edit in enumerate(self._edits):
            for name, value in _amounts(edit, reference):
                self.register_buffer(f"edit_{number}_{name}", torch.from_numpy(np.ascontiguousarray(value)))

    def _prepare(self, spec: SaeSpec) -> None:
        encoder, bias = affine(spec)
        before = [edit for edit in self._edits if edit.place == "pre-activations"]
        edited = affine(encoder_with(self._reference, before)) if before else (None, None)
        dropped = not self._intervention.keep_error
        parts = {
            "encoder": encoder,
            "encoder_bias": bias,
            "edited_encoder": edited[0],
            "edited_encoder_bias": edited[1],
            "decoder": np.where(spec.finite[:, None], spec.decoder, 0),
            "pre_bias": spec.pre_bias if dropped else None,
            "skip": spec.skip if dropped else None,
        }
        for name, array in parts.items():
            self.register_buffer(
                name, None if array is None else torch.from_numpy(np.array(array, np.float32))
            )
        self._activate = activation(spec)
        self._norm = spec.norm_in

    def forward(self, x: Tensor) -> Tensor:
        """[n, dim] to [n, dim]."""
        out = self._through_codes(x) if self._intervention.of_latents else x
        for number, edit in enumerate(self._edits):
            if edit.direction is not None:
                out = self._along(out, number, edit)
        return out

    def _through_codes(self, x: Tensor) -> Tensor:
        rows, shift, gain = self._normalised(x)
        before = self._codes(rows, self.encoder, self.encoder_bias)
        after = before
        if self.edited_encoder is not None and self.edited_encoder_bias is not None:
            after = self._codes(rows, self.edited_encoder, self.edited_encoder_bias)
        for number, edit in enumerate(self._edits):
            if edit.place == "codes":
                after = self._changed(after, number, edit)
        if self._intervention.keep_error:
            return x + (after - before) @ self.decoder * gain
        out = after @ self.decoder
        if self.pre_bias is not None:
            out = out + self.pre_bias
        out = out * gain + shift
        return out if self.skip is None else out + x @ self.skip.T

    def _normalised(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows as the dictionary takes them, and what undoes it: shift and gain [n, 1]."""
        if self._norm == "none":
            return x, x.new_zeros(1, 1), x.new_ones(1, 1)
        if self._norm == "constant_norm_rescale":
            length = x.norm(dim=1, keepdim=True) / x.shape[1] ** 0.5
            length = torch.where(length > 0, length, torch.ones_like(length))
            return x / length, torch.zeros_like(length), length
        mean, sd = x.mean(dim=1, keepdim=True), x.std(dim=1, keepdim=True)
        epsilon = LAYER_NORM_EPSILON if self._norm == "layer_norm" else STANDARDISE_EPSILON
        return (x - mean) / (sd + epsilon), mean, sd if self._norm == "layer_norm" else sd + epsilon

    def _codes(self, rows: Tensor, encoder: Tensor, bias: Tensor) -> Tensor:
        pre = torch.addmm(bias, rows, encoder.T)
        latent, value = self._activate(pre)
        return torch.zeros_like(pre).scatter(1, latent, value.clamp(min=0))

    def _changed(self, z: Tensor, number: int, edit: Edit) -> Tensor:
        latents = getattr(self, f"edit_{number}_latents")
        if edit.op == "blend":
            by = edit.by or 0.0
            total = z.sum(dim=1, keepdim=True)
            return (z * (1 - by)).index_add(
                1, latents, (by * total / len(edit.latents)).expand(-1, len(edit.latents))
            )
        chosen = z.index_select(1, latents)
        if edit.op == "scale":
            now = chosen * (edit.by or 0.0)
        elif edit.op == "ablate":
            now = torch.zeros_like(chosen)
        elif edit.op == "clamp":
            now = chosen.clamp(edit.low, edit.high)
        elif edit.op == "set":
            now = getattr(self, f"edit_{number}_level").expand_as(chosen)
        else:
            now = (chosen + getattr(self, f"edit_{number}_amount")).clamp(min=0)
        return z.index_copy(1, latents, now)

    def _along(self, x: Tensor, number: int, edit: Edit) -> Tensor:
        step = getattr(self, f"edit_{number}_step")
        if edit.op == "project":
            unit = getattr(self, f"edit_{number}_direction")
            return x + (x.double() @ unit)[:, None].float() * step
        return x + step


def _amounts(edit: Edit, reference: Reference) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """What an edit is measured by, as numbers: the module knows no audit."""
    latents = np.array(edit.latents, dtype=np.int64)
    if edit.place == "codes":
        yield "latents", latents
        if edit.op == "set":
            level = [
                edit.to if edit.quantile is None else reference.quantile(j, edit.quantile)
                for j in edit.latents
            ]
            yield "level", np.array(level, dtype=np.float32)
        if edit.op == "shift":
            yield "amount", ((edit.by or 0.0) * reference.deviations(latents, "codes")).astype(np.float32)
    elif edit.direction is not None:
        unit, by = reference.directions[edit.direction], edit.by or 0.0
        if edit.op == "project":
            yield "direction", unit
            yield "step", (-by * unit).astype(np.float32)
        else:
            yield "step", (by * reference.deviation_along(edit.direction) * unit).astype(np.float32)


def scope(intervention: Intervention) -> str:
    """Whose vectors a module is for: ``users``, ``users with gender=F``, ``the items 12, 40``.

    Raises:
        UsageError: edits are for different ones; a module knows vectors, not whose they are.
    """
    found = dict.fromkeys((edit.users, edit.items) for edit in intervention.edits)
    if len(found) != 1:
        raise UsageError(
            "edits are for different users or items, and a module does not know whose vector it is given",
            fix="export them one by one (--file with one of them)",
        )
    ((users, items),) = found
    if items:
        return f"the item{'s' if len(items) > 1 else ''} {', '.join(items)}"
    return "users" if users is None else f"users with {users}"


def write(steering: Steering, intervention: Intervention, folder: Path) -> None:
    """Write module, weights, test vector, the intervention and a README into an empty folder.

    Raises:
        UsageError: as ``scope``.
    """
    side, whose = _side(steering, intervention), scope(intervention)
    plain = Intervention(
        tuple(_for_everyone(edit) for edit in intervention.edits), keep_error=intervention.keep_error
    )
    network = Edited(plain, side.reference).eval()
    x, wanted = _rows(steering, intervention)
    with warnings.catch_warnings(), torch.inference_mode(False), torch.no_grad():
        warnings.simplefilter(
            "ignore"
        )  # torch says that TorchScript has a successor, which serving code lacks
        example = torch.from_numpy(x[:_EXAMPLES].copy())
        traced = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
        traced.save(str(folder / MODULE))
    buffers = {name: value.contiguous().clone() for name, value in network.state_dict().items()}
    if intervention.of_latents and side.reference.spec is not None:
        buffers |= _of_activation(side.reference.spec)
    save_file(buffers, folder / WEIGHTS)
    pair = {"x": example, "edited": torch.from_numpy(wanted[:_EXAMPLES].copy())}
    save_file(pair, folder / EXAMPLE)
    (folder / "intervention.toml").write_text(to_toml(intervention), "utf-8")
    shapes = {name: tuple(value.shape) for name, value in buffers.items()}
    (folder / "README.md").write_text(readme(steering, intervention, whose, shapes), "utf-8")


def _of_activation(spec: SaeSpec) -> dict[str, Tensor]:
    """What the activation is made of, for whoever writes it again; TorchScript has it as constants."""
    named = {
        "threshold": spec.threshold,
        "magnitude_log_scale": spec.magnitude_log_scale,
        "magnitude_bias": spec.magnitude_bias,
        "gate_bias": spec.encoder_bias if spec.activation == "gated" else None,
    }
    return {
        name: torch.from_numpy(np.array(array, np.float32))
        for name, array in named.items()
        if array is not None
    }


def held_against(steering: Steering, intervention: Intervention, folder: Path) -> float:
    """Load the written module and run it on every vector; largest difference as a share of the largest coordinate."""
    x, wanted = _rows(steering, intervention)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        loaded = torch.jit.load(str(folder / MODULE))  # type: ignore[no-untyped-call]
        found = loaded(torch.from_numpy(x)).numpy()
    return float(np.abs(found - wanted).max(initial=0)) / (float(np.abs(wanted).max(initial=0)) or 1.0)


def _side(steering: Steering, intervention: Intervention) -> Side:
    return steering.items if intervention.edits[0].items else steering.users


def _rows(steering: Steering, intervention: Intervention) -> tuple[FloatArray, FloatArray]:
    """Vectors that the intervention is for, without and with it: those that move first."""
    side = _side(steering, intervention)
    if side is steering.items:
        catalogue = steering.catalogue(intervention)
        assert catalogue is not None
        mask, edited = steering.rows_of(intervention.edits[0]), catalogue.vectors
    else:
        mask, edited = steering.rows_of(intervention.edits[0]), steering.vectors(intervention)
    x, edited = side.x[mask], edited[mask]
    order = np.argsort(~(x != edited).any(axis=1), kind="stable")
    return np.ascontiguousarray(x[order]), np.ascontiguousarray(edited[order])


def _for_everyone(edit: Edit) -> Edit:
    return replace(edit, users=None, items=())
