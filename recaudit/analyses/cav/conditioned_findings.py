"""What a conditioned model's latent space says, in numbers with public names and in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recaudit.analyses.cav.conditioned_ranking import DEPTH, Ranked
from recaudit.analyses.cav.latent_space import Known, Laid
from recaudit.metrics import clusters
from recaudit.metrics.correlation import Pair, correlations
from recaudit.store.read import Model
from recaudit.store.write import Finding, Metric
from recaudit.text import printable

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def said(
    model: Model,
    laid: Sequence[Laid],
    controls: Mapping[str, Sequence[FloatArray]],
    names: list[str],
    dropped: list[str],
    has: BoolArray,
    judged: Mapping[str, Ranked],
    seed: int,
) -> tuple[list[Metric], list[Finding]]:
    """Numbers and sentences. The trained space judged is the code space where there is one."""
    trained = next((space for space in laid if space.name == "latent"), laid[0])
    where = f"model_id = {model.model_id} AND space = '{trained.name}'"
    metrics = [
        Metric("cav.silhouette", space.apart.value, space.apart.n, unit="cases", slice={"space": space.name})
        for space in laid
    ]
    matches = {}
    known_findings = []
    if trained.known is not None:
        match = clusters.mantel(trained.centroids.distance, trained.known.distance, seed=seed)
        known_findings = [_known_finding(trained.known, match, where)]
        pairs_only = {"space": trained.name, "cases": "known pairs"}
        metrics += [
            Metric(
                "cav.silhouette",
                trained.known.apart.value,
                trained.known.apart.n,
                unit="cases",
                slice=pairs_only,
            ),
            Metric(
                "cav.condition_match",
                match[0],
                len(names),
                unit="conditions",
                slice={"control": "known pairs", "space": trained.name},
            ),
        ]
    for control, matrices in controls.items():
        known = np.flatnonzero(~np.isnan(matrices[0]).all(axis=1))
        own = np.ix_(known, known)
        pairs = [
            clusters.mantel(trained.centroids.distance[own], matrix[own], seed=seed) for matrix in matrices
        ]
        matches[control] = (
            float(np.mean([value for value, _ in pairs])),
            float(np.median([p for _, p in pairs])),
        )
        metrics.append(
            Metric(
                "cav.condition_match",
                matches[control][0],
                len(known),
                unit="conditions",
                slice={"control": control, "space": trained.name},
            )
        )
    for name, one in judged.items():
        for items, value, low, high in (
            ("all", one.ndcg.value, one.ndcg.low, one.ndcg.high),
            ("concept", one.ndcg_within, None, None),
        ):
            metrics.append(
                Metric(
                    f"cav.condition_ndcg@{DEPTH}",
                    value,
                    one.ndcg.n,
                    low,
                    high,
                    better="higher",
                    slice={"condition": name, "items": items},
                )
            )
    findings = [
        _clusters_finding(laid, trained, where, dropped),
        *known_findings,
        *_match_finding(matches, where),
        *_centre_finding(trained, has, where, seed),
        *_works_finding(judged, model),
    ]
    return metrics, findings


def _clusters_finding(laid: Sequence[Laid], trained: Laid, where: str, dropped: list[str]) -> Finding:
    own = trained.apart
    apart_ = own.value > own.shuffled
    sentence = (
        f"By condition, cases {'lie' if apart_ else 'do not lie'} apart on the first {len(trained.components.axes)} components of "
        f"the {trained.name} space (silhouette {own.value:.2f}, 99th percentile of shuffled labels {own.shuffled:.2f})"
    )
    control = next((space for space in laid if space.name == "untrained"), None)
    if control is not None:
        sentence += f"; in an untrained network it is {control.apart.value:.2f}"
        if apart_:
            sentence += (
                ": the clusters are built in"
                if control.apart.value >= own.value
                else (
                    ": part of it is built in"
                    if control.apart.value > control.apart.shuffled
                    else ": training made them"
                )
            )
    best = np.argsort(-trained.components.eta_squared)[:2] + 1
    sentence += f". Conditions differ most on components {best[0]} and {best[-1]}."
    if dropped:
        sentence += f" Left out: {', '.join(printable(name, 24) for name in dropped)}."
    return Finding(
        "condition-clusters", "info", sentence, f"SELECT * FROM condition_axes WHERE {where} ORDER BY axis"
    )


def _known_finding(known: Known, match: tuple[float, float], where: str) -> Finding:
    return Finding(
        "condition-known-pairs",
        "info",
        f"Users have an item of the condition in {known.share:.0%} of these pairs; training shows no others. Over them alone "
        f"the silhouette is {known.apart.value:.2f} (99th percentile of shuffled labels {known.apart.shuffled:.2f}) and "
        f"distances between conditions go with those over all pairs at {match[0]:.2f} (p = {match[1]:.3f}).",
        f"SELECT * FROM condition_points WHERE {where}",
    )


_CONTROLS = {
    "untrained": "an untrained network's",
    "columns": "those of the condition columns alone",
    "items": "the overlap of the concepts' items (1 - Jaccard)",
}


def _match_finding(matches: dict[str, tuple[float, float]], where: str) -> list[Finding]:
    if not matches:
        return []
    parts = [f"{_CONTROLS[name]} at {value:.2f} (p = {p:.3f})" for name, (value, p) in matches.items()]
    return [
        Finding(
            "condition-geometry",
            "info",
            "Distances between conditions go with "
            + ", ".join(parts)
            + " (Spearman, Mantel test). Only what exceeds these "
            "was learned from more than which items share concepts.",
            f"SELECT * FROM condition_distances WHERE {where} ORDER BY distance",
        )
    ]


def _centre_finding(trained: Laid, has: BoolArray, where: str, seed: int) -> list[Finding]:
    size = has.sum(axis=0)
    known = size > 0
    if known.sum() < 5:
        return []
    radius = trained.centroids.radius
    columns = np.column_stack([radius[known], np.log(size[known])])
    (found,) = correlations(columns, [Pair(0, 1)], ranks=True, seed=seed)
    below = float((radius < trained.centroids.none_radius).mean())
    said = (
        "lie nearer to the centre"
        if found.high < 0
        else "lie farther out"
        if found.low > 0
        else "lie neither nearer nor farther"
    )
    return [
        Finding(
            "condition-centre",
            "info",
            f"Conditions with more items {said}: Spearman of radius and item count {found.value:.2f} [{found.low:.2f}, {found.high:.2f}] "
            f"over {found.n} conditions. Unconditioned cases are farther out than {below:.0%} of the conditions. How often a "
            "condition was sampled in training is not in the file and may explain either.",
            f"SELECT * FROM condition_centroids WHERE {where} ORDER BY radius",
        )
    ]


def _works_finding(judged: Mapping[str, Ranked], model: Model) -> list[Finding]:
    if not judged:
        return []
    share = np.mean([one.hit_share for one in judged.values()])
    without = np.mean([one.hit_share_none for one in judged.values()])
    ndcg = np.mean([one.ndcg.value for one in judged.values()])
    inside = np.mean([one.ndcg_within for one in judged.values()])
    return [
        Finding(
            "condition-works",
            "info" if share > without else "serious",
            f"Under a condition {share:.0%} of the first {DEPTH} items have its concept, without one {without:.0%} (mean of "
            f"{len(judged)} conditions). NDCG@{DEPTH} of held-out items with the concept: {ndcg:.3f} over all items, "
            f"{inside:.3f} among items of the concept.",
            f"SELECT * FROM condition_centroids WHERE model_id = {model.model_id} AND ndcg IS NOT NULL ORDER BY ndcg",
        )
    ]
