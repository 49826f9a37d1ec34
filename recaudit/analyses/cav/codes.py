"""Stored codes of a dictionary as columns per latent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from recaudit.store import Audit, read
from recaudit.store.read import Sae


def codes_of(audit: Audit, sae: Sae, entity_kind: str, entity_ids: NDArray[np.int64]) -> csc_array | None:
    """[entities, latents] in the order of ``entity_ids``; None where the dictionary does not read the kind."""
    if entity_kind not in sae.entity_kinds:
        return None
    entity, latent, value = read.activations(audit, sae.sae_id, entity_kind)
    row = np.full(max(entity.max(initial=-1), entity_ids.max(initial=-1)) + 1, -1, dtype=np.int64)
    row[entity_ids] = np.arange(len(entity_ids))
    known = row[entity] >= 0
    shape = (len(entity_ids), sae.n_latents)
    return csc_array((value[known].astype(np.float64), (row[entity[known]], latent[known])), shape=shape)
