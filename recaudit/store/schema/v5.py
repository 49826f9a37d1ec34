"""Schema version 5: what latents do with popularity and user groups; exposure of concepts."""

from __future__ import annotations

from recaudit.store.schema.table import MODEL, RUN, SAE, AddedColumns, Table

VERSION_5: tuple[Table | AddedColumns, ...] = (
    Table(
        "latent_bias",
        "a figure of one live latent in one contrast: whom or what it goes with",
        (
            MODEL,
            SAE,
            ("entity_kind", "VARCHAR NOT NULL", "`case` or `item`: what the contrast is over"),
            ("latent", "INTEGER NOT NULL", ""),
            (
                "contrast",
                "VARCHAR NOT NULL",
                "`tail share` (users of few against users of many tail items), `profile popularity`, `list popularity`, "
                "`synthetic`, `synthetic matched` (made-up users of head against tail items), `item popularity`, or "
                "`attribute=value` (a user group against everyone else)",
            ),
            ("part", "VARCHAR NOT NULL", "`activation` or `pre-activation`"),
            (
                "statistic",
                "VARCHAR NOT NULL",
                "`d` (Cohen's), `spearman` (partial where the contrast says so), `mean rank` (of the strongest items)",
            ),
            ("value", "DOUBLE NOT NULL", "above 0: higher for the popular side, or for the group"),
            ("low", "DOUBLE", "95 % bootstrap interval over users, pairs or items"),
            ("high", "DOUBLE", ""),
            ("p", "DOUBLE NOT NULL", "permutation test, two-sided"),
            ("q", "DOUBLE NOT NULL", "Benjamini-Hochberg over the live latents of the contrast and part"),
            ("n", "INTEGER NOT NULL", "users, pairs or items behind it"),
            ("mean_first", "DOUBLE", "of the popular side, or of the group; of a `d` only"),
            ("sd_first", "DOUBLE", ""),
            ("mean_second", "DOUBLE", "of the other side"),
            ("sd_second", "DOUBLE", ""),
            ("expected", "DOUBLE", "of random items; of a `mean rank` only"),
            RUN,
        ),
    ),
    Table(
        "exposure",
        "how much of the recommended places the items of a concept hold",
        (
            MODEL,
            ("protocol", "VARCHAR NOT NULL", "of the lists"),
            ("attribute", "VARCHAR", "of the users whose lists these are; NULL for everyone"),
            ("value", "VARCHAR", "their group"),
            ("kind", "VARCHAR NOT NULL", "see `concepts`"),
            ("concept", "VARCHAR NOT NULL", "its name; an item of several of the kind is split evenly"),
            ("share", "DOUBLE NOT NULL", "of places in the lists, 0..1"),
            ("low", "DOUBLE", "95 % bootstrap interval over users"),
            ("high", "DOUBLE", ""),
            ("catalogue_share", "DOUBLE NOT NULL", "of the items the model can recommend"),
            ("profile_share", "DOUBLE NOT NULL", "of the users' training interactions"),
            ("n", "INTEGER NOT NULL", "users with a list"),
            RUN,
        ),
    ),
)
