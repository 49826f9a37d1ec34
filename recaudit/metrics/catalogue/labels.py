"""Names of latents."""

from __future__ import annotations

from recaudit.metrics.catalogue.definition import Definition

_RECSAE = "RecSAE, arXiv 2411.06112"

LABELS: tuple[Definition, ...] = (
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
