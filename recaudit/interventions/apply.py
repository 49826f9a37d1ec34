"""Do an intervention: from vectors and codes to edited vectors. Arrays in, arrays out.

``x' = x + decode(z') - decode(z)``: what the dictionary does not explain of a vector is kept, and a row whose code does
not change is returned as it is, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, vstack

from recaudit.checkpoints.spec import SaeSpec
from recaudit.interventions.edits import Edit, Intervention
from recaudit.sae.affine import pre_activations
from recaudit.sae.codes import Codes
from recaudit.sae.decoding import decode
from recaudit.sae.normalisation import row_scale

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]
Masked = tuple[Edit, BoolArray]
"""An edit and the rows [n] it is for."""

_CELLS = 1 << 21
"""Codes held densely at once: 8 MiB of float32."""


@dataclass(frozen=True)
class Reference:
    """What amounts are measured by: every latent's own scale, and directions.

    Attributes:
        spec: the dictionary; None where no edit is of latents.
        x: [rows, dim] newest vector of every user, or of every item where items are edited.
        codes: [rows, latents] of these.
        directions: name to unit vector [dim].
    """

    spec: SaeSpec | None
    x: FloatArray
    codes: csc_array | None
    directions: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def quantile(self, latent: int, q: float) -> float:
        """Quantile of a latent's activation where it fires; 0 for one that never does."""
        assert self.codes is not None
        values = self.codes.data[self.codes.indptr[latent] : self.codes.indptr[latent + 1]]
        return float(np.quantile(values, q)) if len(values) else 0.0

    def deviations(self, latents: IntArray, place: str) -> NDArray[np.float64]:
        """Standard deviation of some latents' pre-activations or codes over the reference rows."""
        assert self.spec is not None
        assert self.codes is not None
        if place == "pre-activations":
            return pre_activations(self.spec, self.x, latents).astype(np.float64).std(axis=0)
        n = len(self.x)
        chosen = self.codes[:, latents]
        mean = np.asarray(chosen.sum(axis=0)).ravel() / n
        square = np.asarray((chosen * chosen).sum(axis=0)).ravel() / n
        return np.sqrt(np.maximum(square - mean**2, 0))

    def deviation_along(self, direction: str) -> float:
        """Standard deviation of the reference vectors along a direction."""
        return float((self.x.astype(np.float64) @ self.directions[direction]).std())


def edited(
    intervention: Intervention,
    x: FloatArray,
    codes: csr_array | None,
    masks: Sequence[BoolArray],
    reference: Reference,
    plain: csr_array | None = None,
) -> FloatArray:
    """``x'`` [n, dim].

    Args:
        x: [n, dim].
        codes: [n, latents] of ``x``; None where no edit is of latents.
        masks: for each edit the rows [n] it is for.
        plain: ``encoded`` of ``x``, where it is known.
    """
    pairs = [(edit, mask) for edit, mask in zip(intervention.edits, masks, strict=True) if mask.any()]
    of_latents = [pair for pair in pairs if pair[0].direction is None]
    out = x
    if of_latents:
        assert codes is not None
        out = _through_codes(of_latents, x, codes, reference, intervention.keep_error, plain)
    for edit, mask in pairs:
        if edit.direction is not None:
            out = _along(edit, mask, out, reference)
    return out


def _through_codes(
    edits: list[Masked],
    x: FloatArray,
    codes: csr_array,
    reference: Reference,
    keep_error: bool,
    plain: csr_array | None,
) -> FloatArray:
    spec = reference.spec
    assert spec is not None
    decoder = np.where(spec.finite[:, None], spec.decoder, 0).astype(np.float32)
    before = [pair for pair in edits if pair[0].place == "pre-activations"]
    after = [pair for pair in edits if pair[0].place == "codes"]
    first = second = codes
    if before:
        first = encoded(x, reference) if plain is None else plain
        second = _encoded_again(before, x, reference, first)
    step = _difference(after, second, decoder, reference)
    # Without the error the vector is made anew from `second`, which has the edits before the activation in it.
    if keep_error and second is not first:
        step += (second - first) @ decoder
    scale = row_scale(x, spec.norm_in)
    if scale is not None:
        step *= scale.gain
    if not keep_error:
        concerned = np.logical_or.reduce([mask for _, mask in edits])
        out = x.copy()
        out[concerned] = (decode(spec, _as_codes(second), x) + step)[concerned]
        return out
    moved = step.any(axis=1)
    out = x.copy()
    out[moved] += step[moved]
    return out


def encoded(x: FloatArray, reference: Reference) -> csr_array:
    """Codes that the dictionary finds in [n, dim] now; those stored may be rounded otherwise."""
    from recaudit.sae.autoencoder import SparseAutoencoder  # torch

    assert reference.spec is not None
    return SparseAutoencoder(reference.spec).encode(x).matrix()


def _encoded_again(edits: list[Masked], x: FloatArray, reference: Reference, plain: csr_array) -> csr_array:
    """Codes of all rows with edits of pre-activations.

    A shift of a pre-activation is another encoder bias, a factor another encoder row: the dictionary itself then chooses
    what fires. All rows are encoded every time, so that rounding is the same and a row no edit reaches stays as it is.
    """
    membership = np.stack([mask for _, mask in edits], axis=1)  # [n, edits]
    parts, order = [], []
    for pattern in np.unique(membership, axis=0):
        rows = np.flatnonzero((membership == pattern).all(axis=1))
        chosen = [edit for (edit, _), is_for in zip(edits, pattern, strict=True) if is_for]
        found = encoded(x, replace(reference, spec=encoder_with(reference, chosen))) if chosen else plain
        parts.append(found[rows])
        order.append(rows)
    return csr_array(vstack(parts, format="csr"))[np.argsort(np.concatenate(order))]


def encoder_with(reference: Reference, edits: list[Edit]) -> SaeSpec:
    """The dictionary whose encoder does the edits."""
    spec = reference.spec
    assert spec is not None
    bias = np.zeros(len(spec.encoder)) if spec.encoder_bias is None else spec.encoder_bias.astype(np.float64)
    encoder = spec.encoder.astype(np.float64)
    for edit in edits:
        latents = np.array(edit.latents)
        if edit.op == "shift":
            bias[latents] += (edit.by or 0.0) * reference.deviations(latents, "pre-activations")
        elif edit.op == "scale":
            encoder[latents] *= edit.by or 0.0
            bias[latents] *= edit.by or 0.0
        else:
            encoder[latents], bias[latents] = 0.0, -np.inf
    silenced = np.isneginf(bias)
    # A bias that is no number makes a latent silent (``sae.affine``).
    bias[silenced] = np.nan
    return replace(spec, encoder=encoder.astype(np.float32), encoder_bias=bias.astype(np.float32))


def _difference(
    edits: list[Masked], codes: csr_array, decoder: FloatArray, reference: Reference
) -> FloatArray:
    """``(z' - z) @ decoder`` [n, dim] of edits after the activation."""
    n, n_latents = codes.shape
    step = np.zeros((n, decoder.shape[1]), np.float32)
    if not edits:
        return step
    everything = any(edit.op == "blend" for edit, _ in edits)
    named = np.unique(np.concatenate([edit.latents for edit, _ in edits]))
    columns = np.arange(n_latents) if everything else named
    changes = [
        (_change(edit, reference), np.searchsorted(columns, edit.latents), mask) for edit, mask in edits
    ]
    chosen = codes if everything else codes[:, columns]
    size = max(1, _CELLS // len(columns))
    for start in range(0, n, size):
        part = slice(start, min(start + size, n))
        concerned = np.logical_or.reduce([mask[part] for _, _, mask in changes])
        if not concerned.any():
            continue
        rows = start + np.flatnonzero(concerned)
        before = chosen[rows].toarray()
        now = before.copy()
        for change, places, mask in changes:
            here = np.flatnonzero(mask[rows])
            now[here] = change(now[here], places)
        step[rows] = (now - before) @ decoder[columns]
    return step


def _change(edit: Edit, reference: Reference) -> Callable[[FloatArray, IntArray], FloatArray]:
    """What an edit makes of a block of codes [rows, columns], its latents' places in it given."""
    latents = np.array(edit.latents)
    by = np.float32(edit.by or 0.0)

    def at_latents(
        values: Callable[[FloatArray], FloatArray | np.float32],
    ) -> Callable[[FloatArray, IntArray], FloatArray]:
        def change(block: FloatArray, places: IntArray) -> FloatArray:
            block[:, places] = values(block[:, places])
            return block

        return change

    if edit.op == "scale":
        return at_latents(lambda z: z * by)
    if edit.op == "ablate":
        return at_latents(np.zeros_like)
    if edit.op == "clamp":
        return at_latents(lambda z: np.clip(z, edit.low, edit.high))
    if edit.op == "set":
        level = (
            np.full(len(latents), edit.to)
            if edit.quantile is None
            else np.array([reference.quantile(latent, edit.quantile) for latent in edit.latents])
        )
        return at_latents(lambda z: np.broadcast_to(level.astype(np.float32), z.shape))
    if edit.op == "shift":
        amount = (by * reference.deviations(latents, "codes")).astype(np.float32)
        return at_latents(lambda z: np.maximum(z + amount, 0))
    assert edit.op == "blend"
    return lambda block, places: _blended(block, places, by)


def _blended(block: FloatArray, places: IntArray, share: np.float32) -> FloatArray:
    total = block.sum(axis=1, keepdims=True)
    block = block * (1 - share)
    block[:, places] += share * total / len(places)
    return block


def _along(edit: Edit, mask: BoolArray, x: FloatArray, reference: Reference) -> FloatArray:
    assert edit.direction is not None
    unit, amount = reference.directions[edit.direction], edit.by or 0.0
    if amount == 0:
        return x
    rows = x[mask].astype(np.float64)
    if edit.op == "project":
        step = -amount * (rows @ unit)
    else:
        step = np.full(len(rows), amount * reference.deviation_along(edit.direction))
    out = x.copy()
    out[mask] = (rows + step[:, None] * unit).astype(np.float32)
    return out


def _as_codes(matrix: csr_array) -> Codes:
    return Codes(
        matrix.indices.astype(np.int32), matrix.data, matrix.indptr.astype(np.int64), matrix.shape[1]
    )
