"""Vectors as the sparse autoencoder gives them back, from the stored codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.sae import Codes, decode
from recaudit.sae.decoding import needs_input
from recaudit.store import Audit
from recaudit.store.read import Model, Sae, activations, sae_spec, vectors


def reconstructed(audit: Audit, model: Model, sae: Sae, case_ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """``decode(codes)`` of the given cases, in their order (ascending): [cases, dim]."""
    spec = sae_spec(audit, model, sae)
    x = _own_vectors(audit, model, case_ids) if needs_input(spec) else None
    return decode(spec, stored_codes(audit, sae, case_ids), x)


def stored_codes(audit: Audit, sae: Sae, case_ids: NDArray[np.int64]) -> Codes:
    """The codes of the given cases, which ascend."""
    case, latent, value = activations(audit, sae.sae_id, "case")
    place = np.searchsorted(case_ids, case)
    known = (place < len(case_ids)) & (case_ids[np.minimum(place, len(case_ids) - 1)] == case)
    shape = (len(case_ids), sae.n_latents)
    matrix = csr_array((value[known], (place[known], latent[known])), shape=shape)
    matrix.sort_indices()
    return Codes(matrix.indices.astype(np.int32), matrix.data, matrix.indptr.astype(np.int64), sae.n_latents)


def _own_vectors(audit: Audit, model: Model, case_ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """The stored vectors of the cases: a normalised row is brought back by its own mean and length."""
    known, x = vectors(audit, model.model_id, model.dim, "case")
    return x[np.searchsorted(known, case_ids)]
