"""The public names of every number an audit stores: gates, reports and users' SQL refer to them.

Add freely, rename never. ``docs/metrics.md`` and ``recaudit metrics`` are generated from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from recaudit.metrics.ranking import CUTOFFS


@dataclass(frozen=True)
class Definition:
    """One metric as people need it. ``better`` is ``higher``, ``lower`` or ``none``."""

    name: str
    title: str
    definition: str
    range: str
    better: str
    source: str


def _at(name: str, title: str, definition: str, source: str) -> list[Definition]:
    return [
        Definition(f"{name}@{k}", f"{title}@{k}", definition.format(k=k), "0..1", "higher", source)
        for k in CUTOFFS
    ]


_RECSAE = "RecSAE, arXiv 2411.06112"
_M4R = "Monosemanticity4Rec, arXiv 2511.18024"

_KIM = "Kim et al. 2018 (TCAV), arXiv 1711.11279"
_CAV: tuple[Definition, ...] = (
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
    Definition("cav.q", "CAV q", "Benjamini-Hochberg value of `cav.p` over the concepts of a run", "0..1", "lower", "Benjamini and Hochberg 1995"),
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
        "cav.rating_spearman", "Rating rank correlation", "the same of ranks", "-1..1", "none", "Spearman 1904"
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

_PACH = "Pach et al. 2025, arXiv 2504.02821"
_OURS = "this project"
_CONCEPTS: tuple[Definition, ...] = (
    Definition(
        "coverage.best_auc",
        "Best AUC",
        "AUC of the best latent for the concept, picked and scored on disjoint halves of the items (users), mean over "
        "repeated halves; first-order bootstrap over items",
        "0..1",
        "higher",
        "Hanley and McNeil 1982; interval after DeLong et al. 1988",
    ),
    Definition(
        "coverage.covered",
        "Concepts covered",
        "share of concepts (>= 30 items with and without) whose `coverage.best_auc` interval lies above the same "
        "figure of as many random directions that fire as often, BH q <= .05",
        "0..1",
        "higher",
        _OURS,
    ),
    Definition(
        "coverage.covered_within",
        "Concepts covered within popularity",
        "of these concepts, those whose AUC within tenths of popularity also beats random directions",
        "0..1",
        "higher",
        _OURS,
    ),
    Definition(
        "coverage.mean_auc",
        "Mean best AUC",
        "mean of `coverage.best_auc` over the tested concepts; `control=random` is that of random directions",
        "0..1",
        "higher",
        _OURS,
    ),
    Definition(
        "coverage.auc_over_random",
        "AUC over random directions",
        "mean over the tested concepts of best AUC minus that of random directions, paired bootstrap over items",
        "-1..1",
        "higher",
        _OURS,
    ),
    Definition(
        "coverage.auc_over_control",
        "AUC over a control",
        "the same against another dictionary: `control` = `untrained` SAE, `neurons` or `pca` axes (both directions), "
        "each picking and scoring on the same halves",
        "-1..1",
        "higher",
        _OURS,
    ),
    Definition(
        "coverage.latents_with_concept",
        "Latents with a concept",
        "share of latents whose items (or users) are enriched for at least one concept, hypergeometric, BH q <= .05 "
        "over latents x concepts; read it beside `control=random`",
        "0..1",
        "higher",
        _OURS,
    ),
    Definition(
        "monosemanticity.mean",
        "Monosemanticity",
        "mean over latents of the activation-weighted cosine of item pairs, in a centred embedding independent of the "
        "model; other `variant`s: the model's own items (`own`), the 30 strongest (`ms30`), `uncentred`",
        "-1..1",
        "higher",
        _PACH,
    ),
    Definition(
        "monosemanticity.median", "Monosemanticity, median", "the same, median over latents", "-1..1", "higher", _PACH
    ),
    Definition(
        "monosemanticity.null",
        "Monosemanticity by chance",
        "exact mean of the score when activations are dealt to the items at random: the mean cosine of all pairs",
        "-1..1",
        "none",
        "Mantel 1967",
    ),
    Definition(
        "monosemanticity.above_null",
        "Latents above chance",
        "share of latents whose items are more alike than random deals of the same activations make them, BH q <= .05",
        "0..1",
        "higher",
        "Mantel 1967; Benjamini and Hochberg 1995",
    ),
    Definition(
        "monosemanticity.left_out",
        "Latents left out",
        "latents that are dead or give every item the same score, of all: no part of the figures above",
        "0..latents",
        "lower",
        _OURS,
    ),
    Definition(
        "monosemanticity.purity",
        "Purity over base rate",
        "mean over latents of the share of the most frequent genre among the 20 strongest items, minus its base rate",
        "-1..1",
        "higher",
        _M4R,
    ),
    Definition(
        "monosemanticity.silhouette",
        "Silhouette",
        "mean over items of (b - a) / max(a, b) by cosine, each item in the cluster of its strongest latent; `space` = "
        "`own` or `independent` embedding",
        "-1..1",
        "higher",
        "Rousseeuw 1987",
    ),
    Definition(
        "temporal.concentration",
        "Decade concentration",
        "1 - normalised entropy of the decades among a latent's 200 strongest items (at most a fifth of all); listed "
        "for the most concentrated with q <= .05 against random items",
        "0..1",
        "none",
        _OURS,
    ),
    Definition(
        "temporal.concentrated",
        "Latents of one time",
        "share of latents with decades more concentrated than those of random items, BH q <= .05",
        "0..1",
        "none",
        _OURS,
    ),
    Definition(
        "temporal.mean_concentration",
        "Mean decade concentration",
        "mean over latents of `temporal.concentration`; read it beside `control=random`",
        "0..1",
        "none",
        _OURS,
    ),
)

_LABELS: tuple[Definition, ...] = (
    *(
        Definition(
            f"labels.count@{c}",
            f"Names with confidence >= {c}",
            f"latents whose name has confidence >= {c}, of those with enough users to be named; `control` = the same "
            "procedure on an `untrained` SAE, `neurons`, `pca` axes",
            "0..latents",
            "higher",
            _RECSAE,
        )
        for c in ("1.0", "0.9", "0.8")
    ),
    Definition(
        "labels.share@0.8",
        "Confident names",
        "the same as a share, confidence >= .8; `control` = also `shuffled` (names dealt to other latents) and "
        "`popularity` (a guess by popularity alone)",
        "0..1",
        "higher",
        _RECSAE,
    ),
    Definition(
        "labels.verified",
        "Verified names",
        "share of latents whose name does better on users it was not made from than names of other latents do; "
        "randomisation test, BH q <= .05",
        "0..1",
        "higher",
        "this project",
    ),
    Definition(
        "labels.confidence",
        "Name confidence",
        "share of held-out strong cases called active and of random idle cases called inactive; mean over named latents",
        "0..1",
        "higher",
        _RECSAE,
    ),
    Definition(
        "labels.recall",
        "Name recall",
        "share of held-out strong cases that the judge, knowing the name only, calls active; mean over named latents",
        "0..1",
        "higher",
        _RECSAE,
    ),
    Definition(
        "labels.specificity",
        "Name specificity",
        "share of random cases without activation that it calls inactive; mean over named latents",
        "0..1",
        "higher",
        "RecSAE, there called precision in the code",
    ),
    Definition(
        "labels.specificity_hard",
        "Name specificity, hard",
        "the same of cases without activation that stand out in the latent's own genre",
        "0..1",
        "higher",
        "this project",
    ),
    Definition(
        "labels.intra",
        "Similarity within names",
        "mean over confident names of the cosine of the two strongest cases with distinct items: of their vectors "
        "(`space=probe`, the published code) or of the items' (`space=item`, the paper)",
        "-1..1",
        "higher",
        _RECSAE,
    ),
    Definition(
        "labels.inter",
        "Similarity between names",
        "mean cosine of the strongest cases of different confident names, spaces as above",
        "-1..1",
        "lower",
        _RECSAE,
    ),
    Definition(
        "labels.silhouette",
        "Silhouette of names",
        "mean of (b - a) / max(a, b) by cosine over the five strongest cases of each confident name",
        "-1..1",
        "higher",
        "Rousseeuw 1987",
    ),
    Definition(
        "labels.relevance",
        "Relevance by people",
        "mean rating of names, 1 = irrelevant … 4 = fits; raters do not know whose name it is",
        "1..4",
        "higher",
        _RECSAE,
    ),
    Definition(
        "labels.kappa",
        "Agreement of raters",
        "Fleiss' kappa of these ratings, over names with two or more",
        "-1..1",
        "higher",
        "Fleiss 1971",
    ),
)

CATALOGUE: tuple[Definition, ...] = (
    *_at(
        "ranking.hr",
        "HR",
        "share of held-out targets with rank <= {k}; rank = candidates scoring at least as high (ties against "
        "the target)",
        _RECSAE,
    ),
    *_at(
        "ranking.ndcg",
        "NDCG",
        "mean of 1/log2(rank + 1) where rank <= {k}, else 0; one target per row",
        "Järvelin and Kekäläinen 2002",
    ),
    Definition(
        "ranking.mrr",
        "MRR",
        "mean of 1/rank over all held-out targets, no cut-off",
        "0..1",
        "higher",
        "Voorhees 1999",
    ),
    Definition(
        "ranking.ndcg_over_popularity@10",
        "NDCG@10 over popularity",
        "NDCG@10 of the model minus that of ranking by training popularity under the same mask; paired "
        "bootstrap over users",
        "-1..1",
        "higher",
        "the simplest baseline a recommender must beat",
    ),
    Definition(
        "fidelity.explained_variance",
        "Explained variance",
        "1 - Σ‖x - x^‖² / Σ‖x - mean x‖²; predicting the mean gives 0, the identity 1",
        "-inf..1",
        "higher",
        "the share R² explains, variance-weighted over coordinates",
    ),
    Definition("fidelity.mse", "MSE", "mean squared error per coordinate", "0..inf", "lower", "standard"),
    Definition(
        "fidelity.cosine",
        "Cosine",
        "mean cosine of x and its reconstruction",
        "-1..1",
        "higher",
        "standard",
    ),
    Definition(
        "fidelity.ndcg_ratio@10",
        "NDCG@10 kept",
        "NDCG@10 of the reconstructed ranking over that of the original; paired bootstrap over users",
        "0..inf",
        "higher",
        _RECSAE,
    ),
    Definition(
        "fidelity.overlap@10",
        "Overlap@10",
        "share of the first ten recommendations that both rankings have, order ignored",
        "0..1",
        "higher",
        _M4R,
    ),
    Definition(
        "fidelity.rbo@30",
        "RBO@30",
        "extrapolated rank-biased overlap of the two lists of 30, persistence .9; identical lists give 1",
        "0..1",
        "higher",
        "Webber, Moffat and Zobel 2010",
    ),
    Definition(
        "fidelity.rbo_truncated@30",
        "RBO@30 (truncated)",
        "the sum without extrapolation; identical lists give .9576",
        "0..0.9576",
        "higher",
        _M4R,
    ),
    Definition(
        "fidelity.kendall_tau@30",
        "Kendall tau@30",
        "Kendall's tau over the items that both lists of 30 hold; users with fewer than two are left out",
        "-1..1",
        "higher",
        "Kendall 1938",
    ),
    Definition(
        "fidelity.kendall_tau_union@30",
        "Kendall tau@30 (union)",
        "tau-b over the union of both lists, a missing item ranked 31; disjoint lists give -.674",
        "-1..1",
        "higher",
        _M4R,
    ),
    Definition(
        "sae.l0", "L0", "mean number of latents with value > 0 per case", "0..latents", "none", "standard"
    ),
    Definition(
        "sae.dead_share",
        "Dead latents",
        "share of latents that fire on no stored case",
        "0..1",
        "lower",
        "standard",
    ),
    Definition(
        "sae.dense_share",
        "Dense latents",
        "share of latents that fire on more than 10 % of users: they act like a bias",
        "0..1",
        "none",
        "SAEBench",
    ),
    Definition(
        "sae.max_decoder_cosine",
        "Nearest decoder cosine",
        "mean over latents of the largest cosine to another decoder row; near 1 means duplicated directions",
        "-1..1",
        "lower",
        "SAEBench",
    ),
    *_CAV,
    *_CONCEPTS,
    *_LABELS,
)

BY_NAME = {definition.name: definition for definition in CATALOGUE}
