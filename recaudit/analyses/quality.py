"""Does the model rank well, and does its sparse autoencoder keep that? Ranking and fidelity.

Original and reconstructed rankings are measured on the same cases and the same bootstrap draws of users,
so their difference is paired. Popularity is ranked beside them: a model that does not beat it has learned
little worth explaining.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.protocol import Protocol
from recaudit.analyses.reconstruction import reconstructed
from recaudit.analyses.scoring import Field, target_ranks, top_lists
from recaudit.datasets.types import Split
from recaudit.errors import NoVerdictError
from recaudit.metrics import intervals, lists, ranking
from recaudit.metrics import reconstruction as rec
from recaudit.store import Audit, read, write
from recaudit.store.read import CaseRows, Catalogue, Model, Sae, TargetRows
from recaudit.store.write import Metric, Run

LIST_LENGTH = 10
LIST_DEPTH = 30
LIST_CASES = 20_000
"""Lists are compared on at most this many users, drawn with the seed; ``n`` says how many."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Inputs:
    """What the analyses of one model share, loaded once."""

    model: Model
    field: Field
    targets: TargetRows
    seed: int

    @property
    def target_users(self) -> NDArray[np.int64]:
        """User behind each target."""
        cases = self.field.cases
        return cases.user[np.searchsorted(cases.case_id, self.targets.case_id)]


def load(audit: Audit, model: Model, protocol: Protocol, seed: int) -> Inputs:
    """Raises:
    NoVerdictError: nothing is held out, so nothing can be ranked.
    """
    targets = read.targets(audit, model, Split.TEST)
    if not len(targets.target_id):
        raise NoVerdictError(
            f"model {model.name}: no held-out test interaction belongs to a user and an item it knows",
            fix="ingest with a split that has test rows, for example --split leave_one_out",
        )
    field = Field(
        cases=read.cases(audit, model, read.AUDITED_KINDS),
        timeline=read.timeline(audit, model.dataset_id),
        catalogue=read.catalogue(audit, model),
        protocol=protocol,
        n_items=read.count(audit, "items", model.dataset_id),
    )
    return Inputs(model, field, targets, seed)


def analyse(audit: Audit, inputs: Inputs, sae: Sae | None, run: Run) -> None:
    """Rank, compare, and store ``ranking.*``, ``fidelity.*``, target ranks and lists."""
    field, model, protocol = inputs.field, inputs.model, inputs.field.protocol.name
    original = target_ranks(field, field.cases.vectors, inputs.targets)
    write.replace_ranks(audit, model.model_id, None, protocol, inputs.targets.target_id, original)
    found = {"original": original, "popularity": _popularity_ranks(audit, inputs)}
    chosen = _newest(field.cases, inputs.seed)
    items, scores = top_lists(field, field.cases.vectors, chosen, LIST_DEPTH)
    _store_lists(audit, inputs, None, chosen, items, scores)
    metrics = []
    if sae is not None:
        again = reconstructed(audit, model, sae, field.cases.case_id)
        found["reconstructed"] = target_ranks(field, again, inputs.targets)
        write.replace_ranks(
            audit, model.model_id, sae.sae_id, protocol, inputs.targets.target_id, found["reconstructed"]
        )
        items_again, scores_again = top_lists(field, again, chosen, LIST_DEPTH)
        _store_lists(audit, inputs, sae, chosen, items_again, scores_again)
        metrics += _vector_fidelity(inputs, again)
        metrics += _list_fidelity(items, items_again, field.cases.user[chosen], inputs.seed)
        metrics += [_ndcg_ratio(inputs, original, found["reconstructed"])]
    metrics += [*_ranking_metrics(inputs, found), _over_popularity(inputs, found)]
    for metric in metrics:
        belongs_to_sae = metric.metric.startswith("fidelity.") or metric.slice == {"ranking": "reconstructed"}
        write.replace_metrics(
            audit,
            model.model_id,
            sae.sae_id if sae is not None and belongs_to_sae else None,
            [metric],
            protocol=protocol,
            seed=inputs.seed,
            run=run,
        )


def _newest(cases: CaseRows, seed: int) -> NDArray[np.int64]:
    newest = np.flatnonzero(np.isin(cases.kind, read.NEWEST_KINDS))
    if len(newest) <= LIST_CASES:
        return newest
    return np.sort(np.random.default_rng(seed).choice(newest, LIST_CASES, replace=False))


def _popularity_ranks(audit: Audit, inputs: Inputs) -> NDArray[np.int64]:
    """Ranks by training popularity under the same mask: a one-dimensional model whose score is the count."""
    counts = read.train_counts(audit, inputs.model.dataset_id)[inputs.field.catalogue.item_id]
    by_count = Catalogue(inputs.field.catalogue.item_id, "dot", counts[:, None].astype(np.float32), None, {})
    field = replace(inputs.field, catalogue=by_count)
    return target_ranks(field, np.ones((len(field.cases), 1), np.float32), inputs.targets)


def _store_lists(
    audit: Audit,
    inputs: Inputs,
    sae: Sae | None,
    chosen: NDArray[np.int64],
    items: NDArray[np.int64],
    scores: FloatArray,
) -> None:
    items, scores = items[:, :LIST_LENGTH], scores[:, :LIST_LENGTH]
    row, place = np.nonzero(items != lists.EMPTY)
    columns: dict[str, NDArray[Any]] = {
        "case_id": inputs.field.cases.case_id[chosen][row],
        "rank": place + 1,
        "item_id": items[row, place],
        "score": scores[row, place],
    }
    write.replace_recommendations(audit, inputs.model.model_id, sae.sae_id if sae else None, columns)


def _ranking_metrics(inputs: Inputs, found: dict[str, NDArray[np.int64]]) -> list[Metric]:
    names, columns = [], []
    for ranking_name, ranks in found.items():
        for k in ranking.CUTOFFS:
            names += [(f"ranking.hr@{k}", ranking_name), (f"ranking.ndcg@{k}", ranking_name)]
            columns += [ranking.hit(ranks, k), ranking.ndcg(ranks, k)]
        names.append(("ranking.mrr", ranking_name))
        columns.append(ranking.reciprocal(ranks))
    estimates = _means_by_user(columns, inputs.target_users, inputs.seed)
    return [
        _metric(name, estimate, better="higher", slice_={"ranking": ranking_name})
        for (name, ranking_name), estimate in zip(names, estimates, strict=True)
    ]


def _over_popularity(inputs: Inputs, found: dict[str, NDArray[np.int64]], k: int = LIST_LENGTH) -> Metric:
    gained = ranking.ndcg(found["original"], k) - ranking.ndcg(found["popularity"], k)
    (estimate,) = _means_by_user([gained], inputs.target_users, inputs.seed)
    return _metric(f"ranking.ndcg_over_popularity@{k}", estimate, better="higher")


def _ndcg_ratio(
    inputs: Inputs, original: NDArray[np.int64], again: NDArray[np.int64], k: int = LIST_LENGTH
) -> Metric:
    columns = np.column_stack([ranking.ndcg(again, k), ranking.ndcg(original, k)])
    per_user = intervals.sum_by_user(columns, inputs.target_users)
    (estimate,) = intervals.estimate(per_user, _ratio, seed=inputs.seed)
    return _metric(f"fidelity.ndcg_ratio@{k}", estimate, better="higher")


def _ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return sums[..., :1] / sums[..., 1:]


def _vector_fidelity(inputs: Inputs, again: FloatArray) -> list[Metric]:
    cases = inputs.field.cases
    with_target = np.isin(cases.case_id, inputs.targets.case_id)
    pools = {"test": with_target, "newest": np.isin(cases.kind, read.NEWEST_KINDS)}
    if np.array_equal(pools["test"], pools["newest"]):
        del pools["newest"]
    metrics = []
    for pool, inside in pools.items():
        x, x_again, users = cases.vectors[inside], again[inside], cases.user[inside]
        errors, deviations = rec.squared_errors(x, x_again), rec.squared_deviations(x)
        ratio = intervals.estimate(
            intervals.sum_by_user(np.column_stack([errors, deviations]), users),
            _explained,
            seed=inputs.seed,
        )
        means = _means_by_user([errors / x.shape[1], rec.cosines(x, x_again)], users, inputs.seed)
        for name, better, estimate in (
            ("fidelity.explained_variance", "higher", ratio[0]),
            ("fidelity.mse", "lower", means[0]),
            ("fidelity.cosine", "higher", means[1]),
        ):
            metrics.append(_metric(name, estimate, better=better, slice_={"cases": pool}))
    return metrics


def _explained(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - _ratio(sums)


def _list_fidelity(
    items: NDArray[np.int64], again: NDArray[np.int64], users: NDArray[np.int64], seed: int
) -> list[Metric]:
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
            (estimate,) = _means_by_user([values[defined]], users[defined], seed)
            metrics.append(_metric(name, estimate, better="higher"))
    return metrics


def _means_by_user(
    columns: list[NDArray[np.float64]], users: NDArray[np.int64], seed: int
) -> list[intervals.Estimate]:
    rows = np.column_stack([*columns, np.ones(len(users))])
    return intervals.estimate(intervals.sum_by_user(rows, users), intervals.means, seed=seed)


def _metric(
    name: str, estimate: intervals.Estimate, *, better: str, slice_: dict[str, str] | None = None
) -> Metric:
    return Metric(
        name, estimate.value, estimate.n, estimate.low, estimate.high, "users", better, slice_ or {}
    )
