"""Schema version 2: dictionaries trained here, their controls, and item-side codes."""

from __future__ import annotations

from recaudit.store.schema.table import MODEL, RUN, SAE, AddedColumns, Table

VERSION_2: tuple[Table | AddedColumns, ...] = (
    AddedColumns(
        "saes",
        (
            (
                "role",
                "VARCHAR DEFAULT 'sae'",
                "`sae`, or which control it is: `untrained`, `neurons`, `pca`",
            ),
            ("control_of", "INTEGER", "the `sae_id` it is a control of; NULL for none"),
            ("site", "VARCHAR DEFAULT 'user'", "whose vectors it takes apart: `user`, `item`, `both`"),
            (
                "training",
                "JSON",
                "settings, data and outcome of its training here; NULL where it came from a file",
            ),
        ),
    ),
    AddedColumns(
        "latents",
        (("entity_kind", "VARCHAR DEFAULT 'case'", "`case` or `item`: what the row's statistics are over"),),
        row="one latent over the newest case of every user, or over every item",
    ),
    Table(
        "training_log",
        "a look at a dictionary during its training, on rows held out from it",
        (
            SAE,
            ("step", "INTEGER NOT NULL", "gradient steps taken"),
            ("seconds", "DOUBLE NOT NULL", "since training began, looks not counted"),
            ("explained_variance", "DOUBLE NOT NULL", ""),
            ("l0", "DOUBLE NOT NULL", "latents active per row"),
            ("dead_share", "DOUBLE NOT NULL", "latents that fired on no training row of late, 0..1"),
            (
                "overlap",
                "DOUBLE NOT NULL",
                "of the first ten recommendations, reconstructed against original",
            ),
            (
                "ndcg_ratio",
                "DOUBLE",
                "NDCG@10 kept on targets of held-out users; NULL where they are too few",
            ),
            ("kept", "BOOLEAN NOT NULL", "the best look: its weights are the dictionary"),
        ),
    ),
    Table(
        "sweep_points",
        "a number of a dictionary that a sweep trained, measured and let go",
        (
            MODEL,
            ("point", "VARCHAR NOT NULL", "hash of settings and version: one dictionary"),
            ("settings", "JSON NOT NULL", "all of its training"),
            ("metric", "VARCHAR NOT NULL", "see `docs/metrics.md`; `training.seconds` beside"),
            ("slice", "VARCHAR NOT NULL", "JSON object with sorted keys"),
            ("value", "DOUBLE NOT NULL", ""),
            ("low", "DOUBLE", "95 % interval; NULL where the number has none"),
            ("high", "DOUBLE", ""),
            ("n", "BIGINT NOT NULL", "what the number rests on"),
            ("protocol", "VARCHAR NOT NULL", ""),
            RUN,
        ),
    ),
)
