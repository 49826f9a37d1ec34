"""Concepts that latents cover."""

from __future__ import annotations

from recaudit.metrics.catalogue.definition import OURS, Definition

_M4R = "Monosemanticity4Rec, arXiv 2511.18024"
_PACH = "Pach et al. 2025, arXiv 2504.02821"

CONCEPTS: tuple[Definition, ...] = (
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
        OURS,
    ),
    Definition(
        "coverage.covered_within",
        "Concepts covered within popularity",
        "of these concepts, those whose AUC within tenths of popularity also beats random directions",
        "0..1",
        "higher",
        OURS,
    ),
    Definition(
        "coverage.mean_auc",
        "Mean best AUC",
        "mean of `coverage.best_auc` over the tested concepts; `control=random` is that of random directions",
        "0..1",
        "higher",
        OURS,
    ),
    Definition(
        "coverage.auc_over_random",
        "AUC over random directions",
        "mean over the tested concepts of best AUC minus that of random directions, paired bootstrap over items",
        "-1..1",
        "higher",
        OURS,
    ),
    Definition(
        "coverage.auc_over_control",
        "AUC over a control",
        "the same against another dictionary: `control` = `untrained` SAE, `neurons` or `pca` axes (both directions), "
        "each picking and scoring on the same halves",
        "-1..1",
        "higher",
        OURS,
    ),
    Definition(
        "coverage.latents_with_concept",
        "Latents with a concept",
        "share of latents whose items (or users) are enriched for at least one concept, hypergeometric, BH q <= .05 "
        "over latents x concepts; read it beside `control=random`",
        "0..1",
        "higher",
        OURS,
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
        "monosemanticity.median",
        "Monosemanticity, median",
        "the same, median over latents",
        "-1..1",
        "higher",
        _PACH,
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
        OURS,
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
        OURS,
    ),
    Definition(
        "temporal.concentrated",
        "Latents of one time",
        "share of latents with decades more concentrated than those of random items, BH q <= .05",
        "0..1",
        "none",
        OURS,
    ),
    Definition(
        "temporal.mean_concentration",
        "Mean decade concentration",
        "mean over latents of `temporal.concentration`; read it beside `control=random`",
        "0..1",
        "none",
        OURS,
    ),
)
