"""Vectors as a dictionary gives them back, from the stored codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recaudit.sae import Codes, decode
from recaudit.store import Audit
from recaudit.store.read import Catalogue, Model, Sae, activations, sae_spec

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def reconstructed_cases(
    audit: Audit, model: Model, sae: Sae, case_ids: IntArray, x: FloatArray
) -> FloatArray:
    """``decode(codes)`` of cases (ids ascending, vectors [cases, dim]); the vectors where cases have no codes."""
    if "case" not in sae.entity_kinds:
        return x
    return decode(sae_spec(audit, model, sae), stored_codes(audit, sae, "case", case_ids), x)


def reconstructed_catalogue(audit: Audit, model: Model, sae: Sae, catalogue: Catalogue) -> Catalogue:
    """The catalogue with ``decode(codes)`` for item vectors; as it is where items have no codes."""
    if "item" not in sae.entity_kinds:
        return catalogue
    codes = stored_codes(audit, sae, "item", catalogue.item_id)
    return replace(catalogue, vectors=decode(sae_spec(audit, model, sae), codes, catalogue.vectors))


def stored_codes(audit: Audit, sae: Sae, entity_kind: str, ids: IntArray) -> Codes:
    """The codes of the given cases or items, whose ids ascend."""
    entity, latent, value = activations(audit, sae.sae_id, entity_kind)
    place = np.searchsorted(ids, entity)
    known = (place < len(ids)) & (ids[np.minimum(place, len(ids) - 1)] == entity)
    shape = (len(ids), sae.n_latents)
    matrix = csr_array((value[known], (place[known], latent[known])), shape=shape)
    matrix.sort_indices()
    return Codes(matrix.indices.astype(np.int32), matrix.data, matrix.indptr.astype(np.int64), sae.n_latents)
