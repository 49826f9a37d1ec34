"""Does the model rank well? HR, NDCG and MRR of held-out targets, beside plain popularity.

A model that does not beat popularity has learned little worth explaining, so both are ranked on the same
cases under the same mask, and their difference is paired.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.inputs import LIST_DEPTH, LIST_LENGTH, Inputs, means_by_user, metric, store
from recaudit.analyses.scoring import target_ranks, top_lists
from recaudit.metrics import lists, ranking
from recaudit.store import Audit, read, write
from recaudit.store.read import Catalogue, Sae
from recaudit.store.write import Metric, Run


def analyse(audit: Audit, inputs: Inputs, run: Run) -> None:
    """Store the model's lists, and ``ranking.*`` with target ranks where something is held out."""
    field, targets, model = inputs.field, inputs.targets, inputs.model
    items, scores = top_lists(field, field.cases.vectors, inputs.listed, LIST_DEPTH)
    store_lists(audit, inputs, None, items, scores)
    if not len(targets.target_id):
        return
    ranks = target_ranks(field, field.cases.vectors, targets)
    write.replace_ranks(audit, model.model_id, None, field.protocol.name, targets.target_id, ranks)
    popularity = _popularity_ranks(audit, inputs)
    metrics = [
        *ranking_metrics(inputs, "original", ranks),
        *ranking_metrics(inputs, "popularity", popularity),
        _over_popularity(inputs, ranks, popularity),
    ]
    store(audit, inputs, None, metrics, run)


def ranking_metrics(inputs: Inputs, name: str, ranks: NDArray[np.int64]) -> list[Metric]:
    """HR, NDCG and MRR of one ranking."""
    columns = {}
    for k in ranking.CUTOFFS:
        columns[f"ranking.hr@{k}"] = ranking.hit(ranks, k)
        columns[f"ranking.ndcg@{k}"] = ranking.ndcg(ranks, k)
    columns["ranking.mrr"] = ranking.reciprocal(ranks)
    estimates = means_by_user(list(columns.values()), inputs.target_users, inputs.seed)
    return [
        metric(key, estimate, better="higher", slice_={"ranking": name})
        for key, estimate in zip(columns, estimates, strict=True)
    ]


def store_lists(
    audit: Audit,
    inputs: Inputs,
    sae: Sae | None,
    items: NDArray[np.int64],
    scores: NDArray[np.float32],
) -> None:
    """Store the first ``LIST_LENGTH`` places of every list."""
    items, scores = items[:, :LIST_LENGTH], scores[:, :LIST_LENGTH]
    row, place = np.nonzero(items != lists.EMPTY)
    columns: dict[str, NDArray[Any]] = {
        "case_id": inputs.field.cases.case_id[inputs.listed][row],
        "rank": place + 1,
        "item_id": items[row, place],
        "score": scores[row, place],
    }
    write.replace_recommendations(
        audit, inputs.model.model_id, sae.sae_id if sae else None, inputs.field.protocol.name, columns
    )


def _popularity_ranks(audit: Audit, inputs: Inputs) -> NDArray[np.int64]:
    """Ranks by training popularity under the same mask: a one-dimensional model whose score is the count."""
    counts = read.train_counts(audit, inputs.model.dataset_id)[inputs.field.catalogue.item_id]
    by_count = Catalogue(inputs.field.catalogue.item_id, "dot", counts[:, None].astype(np.float32), None, {})
    field = replace(inputs.field, catalogue=by_count)
    return target_ranks(field, np.ones((len(field.cases), 1), np.float32), inputs.targets)


def _over_popularity(
    inputs: Inputs, ranks: NDArray[np.int64], popularity: NDArray[np.int64], k: int = LIST_LENGTH
) -> Metric:
    gained = ranking.ndcg(ranks, k) - ranking.ndcg(popularity, k)
    (estimate,) = means_by_user([gained], inputs.target_users, inputs.seed)
    return metric(f"ranking.ndcg_over_popularity@{k}", estimate, better="higher")
