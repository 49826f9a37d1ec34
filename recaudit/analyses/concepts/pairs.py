"""Every latent against every concept: ``latent_concepts``."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from recaudit.analyses.concepts.inputs import Entities
from recaudit.metrics.association import associations
from recaudit.metrics.enrichment import false_discovery, log_enrichment_p
from recaudit.metrics.ordering import ordered
from recaudit.metrics.proportions import wilson_share
from recaudit.metrics.purity import TOP, strongest
from recaudit.metrics.selection import Scores, column_blocks
from recaudit.metrics.selectivity import mean_by_concept, rank_sum_p
from recaudit.store.write import Metric

FloatArray = NDArray[np.float64]

STRONG_SHARE = 0.05
"""Where every entity has a score, the share of them that a latent "fires" on (at least ``TOP`` of them)."""
WHOLE_KIND = 50
"""Concepts of a kind up to which all its pairs are stored."""
LATENTS_KEPT, CONCEPTS_KEPT = 20, 10
"""Of larger kinds: the best latents of each concept and the best concepts of each latent, by AUC."""
Q = 0.05


def all_pairs(
    scores: Scores, entities: Entities, *, fires_above_zero: bool
) -> tuple[pd.DataFrame, list[Metric]]:
    """Rows of ``latent_concepts`` and ``coverage.latents_with_concept``.

    Args:
        fires_above_zero: scores are codes, so a latent fires where its score is above 0.
    """
    labels = entities.labels
    n, n_concepts = labels.shape
    n_with = np.bincount(labels.indices, minlength=n_concepts)
    if not n_concepts or not n:
        return pd.DataFrame(), []
    blocks = []
    for which, block in column_blocks(scores):
        live = block.max(axis=0) > block.min(axis=0)
        if live.any():
            blocks.append(_block(which[live], block[:, live], labels, n_with, fires_above_zero))
    if not blocks:
        return pd.DataFrame(), []
    found = {name: np.concatenate([part[name] for part in blocks]) for name in blocks[0]}
    found["enrichment_q"] = false_discovery(found["enrichment_p"])
    found["rank_q"] = false_discovery(found["rank_p"])
    return _rows(found, entities, n_with), [_share(found["enrichment_q"], entities.kind)]


def enriched_share(scores: Scores, entities: Entities, *, fires_above_zero: bool) -> list[Metric]:
    """``coverage.latents_with_concept`` alone, for random directions."""
    labels = entities.labels
    n_with = np.bincount(labels.indices, minlength=labels.shape[1])
    p = [
        _enrichment(block[:, live], labels, n_with, fires_above_zero)[2]
        for _, block in column_blocks(scores)
        if (live := block.max(axis=0) > block.min(axis=0)).any()
    ]
    if not p or not labels.shape[1]:
        return []
    return [_share(false_discovery(np.concatenate(p)), entities.kind, control="random")]


def _share(q: FloatArray, entity_kind: str, **slice_: str) -> Metric:
    where = {} if entity_kind == "item" else {"entities": "users"}
    share, low, high = wilson_share(np.asarray((q <= Q).any(axis=1)))
    better = "none" if slice_ else "higher"
    return Metric(
        "coverage.latents_with_concept", share, len(q), low, high, "latents", better, {**where, **slice_}
    )


def _enrichment(
    scores: FloatArray, labels: csr_array, n_with: NDArray[np.int64], fires_above_zero: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Entities each latent fires on [latents], those with each concept and the p of it [latents, concepts]."""
    n = len(scores)
    fires = scores > 0 if fires_above_zero else strongest(scores, max(TOP, round(STRONG_SHARE * n)))
    both = np.rint(labels.T @ fires.astype(np.float64)).T.astype(np.int64)
    n_strong = fires.sum(axis=0)
    return n_strong, both, np.exp(log_enrichment_p(both, n_strong[:, None], n_with[None], n))


def _block(
    latents: NDArray[np.int64],
    scores: FloatArray,
    labels: csr_array,
    n_with: NDArray[np.int64],
    fires_above_zero: bool,
) -> dict[str, NDArray[np.float64]]:
    # Of codes, the zeros need not be put in order.
    found = associations(csc_array(scores) if fires_above_zero else scores, labels)
    n_strong, both, enrichment_p = _enrichment(scores, labels, n_with, fires_above_zero)
    shape = both.shape
    return {
        "latent": latents,
        "auc": found.auc,
        "ap": found.ap,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "threshold": found.threshold,
        "mean_with": mean_by_concept(scores, labels),
        "mean_all": np.broadcast_to(scores.mean(axis=0)[:, None], shape),
        "n_strong": np.broadcast_to(n_strong[:, None], shape),
        "n_both": both,
        "enrichment_p": enrichment_p,
        "rank_p": rank_sum_p(found.auc, ordered(scores), n_with),
    }


def _rows(
    found: dict[str, NDArray[np.float64]], entities: Entities, n_with: NDArray[np.int64]
) -> pd.DataFrame:
    row, concept = np.nonzero(_kept(found["auc"], entities.concepts["kind"].to_numpy(object)))
    about = entities.concepts.iloc[concept].reset_index(drop=True)
    return pd.DataFrame(
        {
            "latent": found["latent"][row],
            "entity_kind": entities.kind,
            "concept_id": about["concept_id"],
            "kind": about["kind"],
            "name": about["name"],
            "n": len(entities.ids),
            "n_with": n_with[concept],
            **{name: values[row, concept] for name, values in found.items() if name != "latent"},
        }
    )


def _kept(auc: FloatArray, kind: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which pairs are stored: [latents, concepts]. A concept that no entity has is left out."""
    kept = np.zeros(auc.shape, dtype=bool)
    for name in dict.fromkeys(kind):
        columns = np.flatnonzero(kind == name)
        if len(columns) <= WHOLE_KIND:
            kept[:, columns] = True
            continue
        order = np.nan_to_num(auc[:, columns], nan=-1.0)
        by_concept = np.argsort(-order, axis=0, kind="stable")[:LATENTS_KEPT]
        by_latent = np.argsort(-order, axis=1, kind="stable")[:, :CONCEPTS_KEPT]
        kept[by_concept, columns] = True
        kept[np.arange(len(auc))[:, None], columns[by_latent]] = True
    return kept & ~np.isnan(auc)
