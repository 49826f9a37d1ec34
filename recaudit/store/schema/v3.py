"""Schema version 3: which latents go with which concepts, and how far a latent's entities resemble each other."""

from __future__ import annotations

from recaudit.store.schema.table import MODEL, RUN, SAE, AddedColumns, Table

RULE = (
    "rule",
    "VARCHAR NOT NULL",
    "how entities get scores: `item` or `case` (the code itself), `direct` (decoder row · item vector), or an "
    "attribution rule such as `recommended10` (mean code over the cases an item goes with, shrunk by how few "
    "they are)",
)
CONCEPT = (
    ("entity_kind", "VARCHAR NOT NULL", "who has the concept: `item`, or `case` for groups of users"),
    ("concept_id", "INTEGER", "see `concepts`; NULL for a group of users"),
    ("kind", "VARCHAR NOT NULL", "`genre`, `tag`, `decade`, …; the attribute of a group of users"),
    ("name", "VARCHAR NOT NULL", ""),
    ("n", "BIGINT NOT NULL", "entities that have a score"),
    ("n_with", "BIGINT NOT NULL", "those among them that have the concept"),
)

VERSION_3: tuple[Table | AddedColumns, ...] = (
    Table(
        "latent_concepts",
        "a latent and a concept: all pairs where a kind has at most 50 concepts, else the strongest of either",
        (
            MODEL,
            SAE,
            RULE,
            ("latent", "INTEGER NOT NULL", ""),
            *CONCEPT,
            ("auc", "DOUBLE", "of the latent's scores for the concept, on all entities; .5 = unrelated"),
            ("ap", "DOUBLE", "average precision; n_with / n = unrelated"),
            ("precision", "DOUBLE", "at `threshold`"),
            ("recall", "DOUBLE", "at `threshold`"),
            ("f1", "DOUBLE", "the highest over all thresholds"),
            ("threshold", "DOUBLE", "predict the concept where score >= threshold"),
            ("mean_with", "DOUBLE", "mean score of entities that have the concept"),
            ("mean_all", "DOUBLE", "mean score of all entities"),
            (
                "n_strong",
                "BIGINT NOT NULL",
                "entities on which it fires; its strongest 5 % where all have a score",
            ),
            ("n_both", "BIGINT NOT NULL", "those among them that have the concept"),
            ("enrichment_p", "DOUBLE", "hypergeometric, one-sided, of n_both"),
            ("enrichment_q", "DOUBLE", "Benjamini-Hochberg over all live latents x concepts of this rule"),
            ("rank_p", "DOUBLE", "rank-sum test of the scores, two-sided"),
            ("rank_q", "DOUBLE", "Benjamini-Hochberg over the same pairs"),
            RUN,
        ),
    ),
    Table(
        "concept_coverage",
        "a concept and the best a dictionary has for it, picked and scored on disjoint halves",
        (
            MODEL,
            SAE,
            RULE,
            *CONCEPT,
            ("n_candidates", "INTEGER NOT NULL", "directions the best was picked from"),
            ("latent", "INTEGER", "highest AUC on all entities; NULL where the concept has too few"),
            ("pick_share", "DOUBLE", "share of the half-picks that chose this latent"),
            ("auc", "DOUBLE", "mean held-out AUC of the picks"),
            ("low", "DOUBLE", "95 % interval over entities"),
            ("high", "DOUBLE", ""),
            (
                "within_auc",
                "DOUBLE",
                "the same, pairs compared only within a tenth of popularity (users: of activity)",
            ),
            ("within_low", "DOUBLE", ""),
            ("within_high", "DOUBLE", ""),
            ("random_auc", "DOUBLE", "`auc` of as many random directions with the same firing rates"),
            ("random_within_auc", "DOUBLE", "`within_auc` of the same"),
            ("p", "DOUBLE", "one-sided, auc > random_auc, paired over entities"),
            ("q", "DOUBLE", "Benjamini-Hochberg over the concepts tested"),
            (
                "verdict",
                "VARCHAR NOT NULL",
                "`covered`, `popularity only` (better than random directions, but not within a tenth), "
                "`not covered`, `too few`",
            ),
            RUN,
        ),
    ),
    Table(
        "latent_scores",
        "a score of one latent with what chance gives",
        (
            MODEL,
            SAE,
            RULE,
            ("latent", "INTEGER NOT NULL", ""),
            (
                "score",
                "VARCHAR NOT NULL",
                "`ms-all-independent`, `ms-all-own`, `ms30-own` (each also `-uncentred`), `purity`, `concentration`",
            ),
            ("value", "DOUBLE NOT NULL", ""),
            ("expected", "DOUBLE", "mean under the null: weights or strongest items dealt at random"),
            ("z", "DOUBLE", "standard deviations above it, where the null has one"),
            ("p", "DOUBLE", "one-sided"),
            ("q", "DOUBLE", "Benjamini-Hochberg over the live latents (`purity`: x concepts)"),
            ("concept", "VARCHAR", "what `purity` names"),
            RUN,
        ),
    ),
    Table(
        "latent_decades",
        "a decade among a latent's strongest items",
        (
            MODEL,
            SAE,
            RULE,
            ("latent", "INTEGER NOT NULL", ""),
            ("decade", "VARCHAR NOT NULL", ""),
            ("n", "BIGINT NOT NULL", "of its 200 strongest items with a known decade"),
            ("share", "DOUBLE NOT NULL", "0..1"),
            ("catalogue_share", "DOUBLE NOT NULL", "of all items with a score and a decade"),
            RUN,
        ),
    ),
)
