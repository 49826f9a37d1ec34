"""From sparse codes back to vectors: the half of an SAE that needs no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recaudit.checkpoints.spec import SaeSpec
from recaudit.sae.codes import Codes
from recaudit.sae.normalisation import row_scale

FloatArray = NDArray[np.float32]


def needs_input(spec: SaeSpec) -> bool:
    """Whether a reconstruction depends on the vector itself, not on its code alone."""
    return spec.norm_in != "none" or spec.skip is not None


def decode(spec: SaeSpec, codes: Codes, x: FloatArray | None = None) -> FloatArray:
    """``x^`` [n, dim] of the codes; see ``SaeSpec``.

    Args:
        x: [n, dim] the vectors encoded; needed where ``needs_input``, else ignored.
    """
    # Only what is stored in the sparse matrix is multiplied: a silent latent's decoder row may be NaN.
    out = np.asarray(codes.matrix() @ spec.decoder.astype(np.float32, copy=False), dtype=np.float32)
    if spec.pre_bias is not None:
        out += spec.pre_bias.astype(np.float32, copy=False)
    if not needs_input(spec):
        return out
    assert x is not None, "this autoencoder's reconstruction depends on its input"
    scale = row_scale(x, spec.norm_in)
    if scale is not None:
        out = scale.undo(out)
    if spec.skip is not None:
        out += x @ spec.skip.astype(np.float32, copy=False).T
    return out
