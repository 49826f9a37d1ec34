"""Popularity of lists and latents; groups."""

from __future__ import annotations

from recaudit.metrics.catalogue.definition import OURS, Definition

RECBOLE, EVIDENTLY, POPSTEER = "RecBole", "evidently", "PopSteer, arXiv 2508.17297"

BIAS: tuple[Definition, ...] = (
    Definition("popularity.arp@10", "Popularity of lists", "mean training interactions over list places, averaged over users, by `group`; RecBole's AveragePopularity, evidently's ARP", "0..", "none", RECBOLE),
    Definition("popularity.gini@10", "Gini of exposure", "Gini index of list places over the whole catalogue; interval from users drawn with replacement, its mean shifted to the value", "0..1", "lower", RECBOLE),
    Definition("popularity.gini_rarefied@10", "Gini at equal size", "the same of a `group` at as many users as the smallest group of its attribute has", "0..1", "lower", OURS),
    Definition("popularity.coverage@10", "Catalogue coverage", "share of the catalogue in any list", "0..1", "higher", RECBOLE),
    Definition("popularity.coverage_rarefied@10", "Coverage at equal size", "the same of a `group` at as many users as the smallest group of its attribute has", "0..1", "higher", OURS),
    Definition("popularity.long_tail_share@10", "Tail places", "share of list places that tail items hold (cumulative share 20/60/20)", "0..1", "higher", OURS),
    Definition("popularity.long_tail_coverage@10", "Long-tail coverage", "share of the items that are not head in any list", "0..1", "higher", POPSTEER),
    Definition("popularity.deep_tail_coverage@10", "Deep-tail coverage", "share of tail items in any list", "0..1", "higher", POPSTEER),
    Definition("popularity.deep_tail_ceiling@10", "Deep-tail ceiling", "the most that deep-tail coverage can be: list places over tail items", "0..1", "none", OURS),
    Definition("popularity.lift@10", "Popularity lift", "mean over users of (list popularity - profile popularity) / profile popularity", "-1..", "none", "Abdollahpouri et al. 2019"),
    Definition("popularity.miscalibration@10", "Miscalibration", "mean Jensen-Shannon divergence (base 2) of the genre mixes of profile and list", "0..1", "lower", "Steck 2018, with another divergence"),
    Definition("popularity.recbole_gini@10", "Gini, RecBole", "GiniIndex: the padding row counts as an item", "0..1", "lower", RECBOLE),
    Definition("popularity.recbole_shannon_entropy@10", "Entropy, RecBole", "ShannonEntropy: entropy of exposure over the number of items recommended at all", "0..", "higher", RECBOLE),
    Definition("popularity.recbole_tail_percentage@10", "Tail percentage, RecBole", "TailPercentage: list places held by the least popular tenth of items", "0..1", "higher", RECBOLE),
    Definition("popularity.evidently_gini@10", "Gini, evidently", "of the items recommended at all", "0..1", "lower", EVIDENTLY),
    Definition("popularity.evidently_coverage@10", "Coverage, evidently", "of the items with training interactions", "0..1", "higher", EVIDENTLY),
    Definition("popularity.popsteer_arp@10", "Popularity, PopSteer", "mean of count / largest count over the set of items in any list", "0..1", "none", POPSTEER),
    Definition("popularity.latents", "Popularity latents", "live latents that go with popularity in the `contrast` (BH q <= .05, |Spearman| >= .2 or |d| >= .5); n is how many are live", "0..", "none", OURS),
    Definition("popularity.latent_mass", "Popularity mass", "share of all activation that these latents carry", "0..1", "none", OURS),
    Definition("fairness.ndcg@10", "NDCG of a group", "`ranking.ndcg@10` within the `group`", "0..1", "higher", OURS),
    Definition("fairness.ndcg_gap@10", "NDCG gap", "largest less smallest group of the `attribute`; draws within groups, shifted to have their mean on the value", "0..1", "lower", OURS),
    Definition("fairness.ndcg_gap_p@10", "p of the NDCG gap", "groups shuffled among users", "0..1", "none", OURS),
    Definition("fairness.probe_auc", "Group from vector", "held-out AUC of ridge regression on the group, mean over the groups of the `attribute`; `features` are vectors, codes, or activity (length of the profile alone)", "0..1", "none", OURS),
)  # fmt: skip
"""A definition a line."""
