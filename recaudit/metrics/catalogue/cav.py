"""Concept activation vectors."""

from __future__ import annotations

from recaudit.metrics.catalogue.definition import Definition

_KIM = "Kim et al. 2018 (TCAV), arXiv 1711.11279"

CAV: tuple[Definition, ...] = (
    Definition(
        "cav.auc",
        "CAV AUC",
        "how well a linear direction of the item vectors tells items of the concept from the others: held-out AUC, "
        "mean over folds of repeated stratified cross-validation; bootstrap over items",
        "0..1",
        "higher",
        _KIM,
    ),
    Definition(
        "cav.p",
        "CAV permutation p",
        "share of shuffled labels, refitted, whose held-out AUC is at least as high; (1 + hits) / (1 + draws)",
        "0..1",
        "lower",
        "Phipson and Smyth 2010",
    ),
    Definition(
        "cav.q",
        "CAV q",
        "Benjamini-Hochberg value of `cav.p` over the concepts of a run",
        "0..1",
        "lower",
        "Benjamini and Hochberg 1995",
    ),
    Definition(
        "cav.stability",
        "CAV stability",
        "mean cosine between directions fitted on two bootstrap draws of the items",
        "-1..1",
        "higher",
        "standard",
    ),
    Definition(
        "cav.present",
        "Concepts present",
        "concepts with q <= .05, lower end of the AUC >= .6 and stability >= .8",
        "0..concepts",
        "none",
        "this project",
    ),
    Definition(
        "cav.rating_pearson",
        "Rating correlation",
        "over users: sensitivity (gradient of the score . CAV) against the mean rating in the concept; `centred` = less "
        "the user's mean rating outside it",
        "-1..1",
        "none",
        "Göpfert et al. 2022, arXiv 2202.02830, use CAVs for soft attributes likewise",
    ),
    Definition(
        "cav.rating_spearman",
        "Rating rank correlation",
        "the same of ranks",
        "-1..1",
        "none",
        "Spearman 1904",
    ),
    Definition(
        "cav.share_spearman",
        "History correlation",
        "positive control: sensitivity against the share of the concept in the user's training history, Spearman; "
        "without it a missing `cav.rating_spearman` says nothing",
        "-1..1",
        "none",
        "this project",
    ),
    Definition(
        "cav.aligned",
        "Concepts aligned with ratings",
        "concepts whose `cav.rating_spearman` (centred) has an interval above 0 and q <= .05",
        "0..concepts",
        "none",
        "this project",
    ),
    Definition(
        "cav.silhouette",
        "Condition silhouette",
        "conditioned models: mean silhouette of cases by condition, on the first components of all cases",
        "-1..1",
        "none",
        "Rousseeuw 1987",
    ),
    Definition(
        "cav.condition_match",
        "Built-in geometry",
        "conditioned models: Spearman of the conditions' centroid distances with those of a control (re-initialised "
        "network, condition columns alone, Jaccard of items); Mantel permutation test",
        "-1..1",
        "none",
        "Mantel 1967",
    ),
    Definition(
        "cav.condition_ndcg@100",
        "Conditioned NDCG@100",
        "targets that have the condition's concept, ranked under the condition; `items` = all, or those of the concept",
        "0..1",
        "higher",
        "Carraro et al. 2020, arXiv 2004.11141",
    ),
)
