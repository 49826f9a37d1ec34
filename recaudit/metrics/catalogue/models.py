"""Ranking, what a dictionary keeps of it, and the health of a dictionary."""

from __future__ import annotations

from recaudit.metrics.catalogue.definition import OURS, Definition
from recaudit.metrics.ranking import CUTOFFS

_RECSAE = "RecSAE, arXiv 2411.06112"
_M4R = "Monosemanticity4Rec, arXiv 2511.18024"


def _at(name: str, title: str, definition: str, source: str) -> list[Definition]:
    return [
        Definition(f"{name}@{k}", f"{title}@{k}", definition.format(k=k), "0..1", "higher", source)
        for k in CUTOFFS
    ]


MODELS: tuple[Definition, ...] = (
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
        "sae.rare_share",
        "Rare latents",
        "share of latents that fire on fewer than ten newest cases (or items), dead ones among them: too few to name "
        "or test",
        "0..1",
        "lower",
        OURS,
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
)
