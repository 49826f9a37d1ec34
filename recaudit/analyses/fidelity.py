"""Does the sparse autoencoder keep the model? Its reconstruction against the original, vector and list.

Both rankings are measured on the same cases and the same bootstrap draws of users, so the NDCG ratio is
paired.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.inputs import LIST_DEPTH, LIST_LENGTH, Inputs, means_by_user, metric, store
from recaudit.analyses.ranking import ranking_metrics, store_lists
from recaudit.analyses.reconstruction import reconstructed_cases, reconstructed_catalogue
from recaudit.analyses.scoring import target_ranks, top_lists
from recaudit.metrics import intervals, lists, ranking
from recaudit.metrics import reconstruction as rec
from recaudit.store import Audit, read, write
from recaudit.store.read import Sae
from recaudit.store.write import Metric, Run

FloatArray = NDArray[np.float32]


def analyse(audit: Audit, inputs: Inputs, sae: Sae, run: Run) -> None:
    """Store ``fidelity.*``, the reconstructed lists, and the reconstructed ranking where something is held out."""
    field, targets, model = inputs.field, inputs.targets, inputs.model
    original = field.cases.vectors
    again = reconstructed_cases(audit, model, sae, field.cases.case_id, original)
    field_again = replace(field, catalogue=reconstructed_catalogue(audit, model, sae, field.catalogue))
    items, _ = top_lists(field, original, inputs.listed, LIST_DEPTH)
    items_again, scores_again = top_lists(field_again, again, inputs.listed, LIST_DEPTH)
    store_lists(audit, inputs, sae, items_again, scores_again)
    metrics = list_fidelity(inputs, items, items_again)
    if "case" in sae.entity_kinds:
        metrics += vector_fidelity(inputs, again)
    if "item" in sae.entity_kinds:
        metrics += item_fidelity(inputs, field_again.catalogue.vectors)
    if len(targets.target_id):
        ranks = target_ranks(field, original, targets)
        ranks_again = target_ranks(field_again, again, targets)
        write.replace_ranks(
            audit, model.model_id, sae.sae_id, field.protocol.name, targets.target_id, ranks_again
        )
        metrics += ranking_metrics(inputs, "reconstructed", ranks_again)
        metrics.append(ndcg_ratio(inputs, ranks, ranks_again))
    store(audit, inputs, sae, metrics, run)


def ndcg_ratio(
    inputs: Inputs, original: NDArray[np.int64], again: NDArray[np.int64], k: int = LIST_LENGTH
) -> Metric:
    """NDCG@k of the reconstructed ranking over that of the original, paired over users."""
    columns = np.column_stack([ranking.ndcg(again, k), ranking.ndcg(original, k)])
    per_user = intervals.sum_by_user(columns, inputs.target_users)
    (estimate,) = intervals.estimate(per_user, _ratio, seed=inputs.seed)
    return metric(f"fidelity.ndcg_ratio@{k}", estimate, better="higher")


def vector_fidelity(inputs: Inputs, again: FloatArray) -> list[Metric]:
    """Explained variance, MSE and cosine, over cases with a target and over the newest of each user."""
    cases = inputs.field.cases
    with_target = np.isin(cases.case_id, inputs.targets.case_id)
    pools = {"test": with_target, "newest": np.isin(cases.kind, read.NEWEST_KINDS)}
    if np.array_equal(pools["test"], pools["newest"]) or not with_target.any():
        del pools["newest" if with_target.any() else "test"]
    return [
        found
        for pool, inside in pools.items()
        for found in _kept(inputs, cases.vectors[inside], again[inside], cases.user[inside], {"cases": pool})
    ]


def item_fidelity(inputs: Inputs, again: FloatArray) -> list[Metric]:
    """Explained variance, MSE and cosine over the catalogue's item vectors; intervals are over items."""
    catalogue = inputs.field.catalogue
    found = _kept(inputs, catalogue.vectors, again, catalogue.item_id, {"items": "all"})
    return [replace(metric, unit="items") for metric in found]


def _kept(
    inputs: Inputs, x: FloatArray, again: FloatArray, owners: NDArray[np.int64], slice_: dict[str, str]
) -> list[Metric]:
    errors, deviations = rec.squared_errors(x, again), rec.squared_deviations(x)
    sums = intervals.sum_by_user(np.column_stack([errors, deviations]), owners)
    (explained,) = intervals.estimate(sums, _explained, seed=inputs.seed)
    mse, cosine = means_by_user([errors / x.shape[1], rec.cosines(x, again)], owners, inputs.seed)
    return [
        metric(name, estimate, better=better, slice_=slice_)
        for name, better, estimate in (
            ("fidelity.explained_variance", "higher", explained),
            ("fidelity.mse", "lower", mse),
            ("fidelity.cosine", "higher", cosine),
        )
    ]


def list_fidelity(inputs: Inputs, items: NDArray[np.int64], again: NDArray[np.int64]) -> list[Metric]:
    """Agreement of the two lists of every listed user."""
    short, short_again = items[:, :LIST_LENGTH], again[:, :LIST_LENGTH]
    columns = {
        f"fidelity.overlap@{LIST_LENGTH}": lists.overlap(short, short_again),
        f"fidelity.rbo@{LIST_DEPTH}": lists.rank_biased_overlap(items, again),
        f"fidelity.rbo_truncated@{LIST_DEPTH}": lists.rank_biased_overlap(items, again, extrapolate=False),
        f"fidelity.kendall_tau@{LIST_DEPTH}": lists.kendall_tau(items, again),
        f"fidelity.kendall_tau_union@{LIST_DEPTH}": lists.kendall_tau_union(items, again),
    }
    metrics = []
    for name, values in columns.items():
        defined = ~np.isnan(values)
        if defined.any():
            (estimate,) = means_by_user([values[defined]], inputs.listed_users[defined], inputs.seed)
            metrics.append(metric(name, estimate, better="higher"))
    return metrics


def _ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[..., :1] / sums[..., 1:]


def _explained(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - _ratio(sums)
