"""Vectors as the sparse autoencoder gives them back, from the stored codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.store import Audit
from recaudit.store.read import Model, Sae, activations, vectors


def reconstructed(audit: Audit, model: Model, sae: Sae, case_ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """``decode(codes)`` of the given cases, in their order: [cases, dim]."""
    case, latent, value = activations(audit, sae.sae_id, "case")
    place = np.searchsorted(case_ids, case)
    known = (place < len(case_ids)) & (case_ids[np.minimum(place, len(case_ids) - 1)] == case)
    shape = (len(case_ids), sae.n_latents)
    codes = csr_array((value[known], (place[known], latent[known])), shape=shape)
    _, decoder = vectors(audit, model.model_id, model.dim, "decoder", sae.sae_id)
    _, pre_bias = vectors(audit, model.model_id, model.dim, "pre_bias", sae.sae_id)
    return np.asarray(codes @ decoder + pre_bias.sum(axis=0), dtype=np.float32)
