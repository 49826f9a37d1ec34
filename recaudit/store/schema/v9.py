"""Schema version 9: concepts turned up and down by their latents, and items brought to an audience."""

from __future__ import annotations

from recaudit.store.schema.table import MODEL, RUN, SAE, AddedColumns, Table

_FIGURE = (
    ("before", "DOUBLE NOT NULL", "of the model as it is"),
    ("after", "DOUBLE NOT NULL", ""),
    ("change", "DOUBLE NOT NULL", "after - before"),
    (
        "low",
        "DOUBLE",
        "95 % bootstrap interval of the change, paired over users; over draws for random controls",
    ),
    ("high", "DOUBLE", ""),
    ("n", "BIGINT NOT NULL", "users"),
    ("draws", "INTEGER NOT NULL", "random controls behind it; 1 for everything else"),
    RUN,
)

VERSION_9: tuple[Table | AddedColumns, ...] = (
    Table(
        "tunings",
        "a figure of a concept's places in lists with its latent at a level, or with a control instead",
        (
            MODEL,
            SAE,
            ("protocol", "VARCHAR NOT NULL", "of lists and ranks"),
            ("concept", "VARCHAR NOT NULL", "`kind:name`"),
            ("latent", "INTEGER NOT NULL", "that stands for it best"),
            (
                "level",
                "VARCHAR NOT NULL",
                "`x10`: the activation times 10; `q0.9`: set to that quantile of its own values, for everyone; `filter`",
            ),
            (
                "variant",
                "VARCHAR NOT NULL",
                "`edit`, or a control: `random latents` (that fire as often and add as much), `concept vector` or `mean difference` "
                "(rows moved as far along that direction), `filter` (the concept's items left out of lists)",
            ),
            (
                "users",
                "VARCHAR NOT NULL",
                "`active` (those for whom the latent, or the random one, fires) or `all`",
            ),
            (
                "metric",
                "VARCHAR NOT NULL",
                "`hit@10` (an item of the concept in the list), `items@10` (how many), `ndcg kept` (NDCG@10 after over before)",
            ),
            *_FIGURE,
        ),
    ),
    Table(
        "promotions",
        "a figure of an item's rank for users, with latents of the item at a level, or with a control instead",
        (
            MODEL,
            ("sae_id", "INTEGER", "the dictionary of items' vectors"),
            ("protocol", "VARCHAR NOT NULL", "whose mask other items compete under"),
            ("item_id", "INTEGER NOT NULL", ""),
            (
                "audience",
                "VARCHAR NOT NULL",
                "`everyone`, `attribute=value`, or `kind:name:N`: the N users with most of it",
            ),
            ("selection", "VARCHAR NOT NULL", "what the latents were chosen by"),
            ("latents", "INTEGER[] NOT NULL", ""),
            ("level", "DOUBLE NOT NULL", "of each latent, as a share of its highest activation of any item"),
            (
                "variant",
                "VARCHAR NOT NULL",
                "`edit`, or a control: `random latents` (that fire as often, at the same level), `audience direction` (the item moved as "
                "far towards the audience's mean vector)",
            ),
            ("users", "VARCHAR NOT NULL", "`audience` or `others`; the item's own users left out"),
            (
                "metric",
                "VARCHAR NOT NULL",
                "`top 10`, `top 30` (share of users with the item there), `promoted` (share with rank > 20 before and <= 30 after), "
                "`median rank`",
            ),
            *_FIGURE,
        ),
    ),
)
