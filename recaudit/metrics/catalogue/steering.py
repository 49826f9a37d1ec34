"""What interventions change."""

from __future__ import annotations

from recaudit.metrics.catalogue.definition import OURS, Definition


def _change(name: str, title: str, of: str, better: str, unit: str = "-1..1") -> Definition:
    return Definition(
        f"steer.{name}_change@10",
        title,
        f"{of} after the intervention less before, on the same users; interval of the paired bootstrap",
        unit,
        better,
        OURS,
    )


STEERING: tuple[Definition, ...] = (
    _change(
        "ndcg",
        "NDCG change",
        "`ranking.ndcg@10`, whole, by band of the `target` and by user `group`,",
        "higher",
    ),
    _change("hr", "Hit rate change", "`ranking.hr@10`", "higher"),
    _change("gini", "Gini change", "`popularity.gini@10`", "lower"),
    _change("coverage", "Coverage change", "`popularity.coverage@10`", "higher"),
    _change("tail_coverage", "Tail coverage change", "share of tail items (20/60/20) in any list", "higher"),
    _change("arp", "Popularity change", "`popularity.arp@10`", "none", "any"),
    _change("long_tail_share", "Long-tail change", "`popularity.long_tail_share@10`", "higher"),
    _change("miscalibration", "Miscalibration change", "`popularity.miscalibration@10`", "lower"),
    _change(
        "concept_share",
        "Concept share change",
        "share of list places that items of the `concept` hold",
        "none",
    ),
    Definition(
        "steer.ndcg_ratio@10",
        "NDCG kept",
        "`ranking.ndcg@10` after the intervention over before, on the same users",
        "0..",
        "higher",
        OURS,
    ),
    Definition(
        "steer.concept_hit@10",
        "Concept hit",
        "share of users with an item of the `concept` among the first ten, after the intervention",
        "0..1",
        "none",
        "RecSAE, arXiv 2411.06112, table 7",
    ),
    Definition(
        "steer.overlap@10",
        "Lists kept",
        "share of the first ten places that an intervention leaves in the list, order ignored",
        "0..1",
        "none",
        "standard",
    ),
)
