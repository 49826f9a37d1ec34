"""Schema version 6: interventions, what they cost, and the fronts of searches for them."""

from __future__ import annotations

from recaudit.store.schema.table import MODEL, RUN, AddedColumns, Table

_PRICE = (
    (
        "metric",
        "VARCHAR NOT NULL",
        "`ndcg@10`, `gini@10`, …: of lists or ranks, see `steer.*` in `docs/metrics.md`",
    ),
    ("slice", "VARCHAR NOT NULL", "JSON object with sorted keys"),
    ("before", "DOUBLE NOT NULL", "of the model as it is"),
    ("after", "DOUBLE NOT NULL", ""),
    ("change", "DOUBLE NOT NULL", "after - before"),
    (
        "low",
        "DOUBLE",
        "95 % bootstrap interval of the change, paired over users; over draws for random controls",
    ),
    ("high", "DOUBLE", ""),
    ("ratio", "DOUBLE", "after / before, of NDCG and HR"),
    ("ratio_low", "DOUBLE", "its 95 % interval"),
    ("ratio_high", "DOUBLE", ""),
    ("better", "VARCHAR NOT NULL", "`higher`, `lower`, `none`"),
    ("n", "BIGINT NOT NULL", "users"),
)

VERSION_6: tuple[Table | AddedColumns, ...] = (
    Table(
        "interventions",
        "a set of edits that was kept",
        (
            MODEL,
            ("sae_id", "INTEGER", "the dictionary whose latents it edits, or NULL"),
            ("name", "VARCHAR NOT NULL", "what commands call it"),
            ("toml", "VARCHAR NOT NULL", "the edits, as `recaudit steer --file` reads them"),
            ("sha256", "VARCHAR NOT NULL", "of that text"),
            RUN,
        ),
    ),
    Table(
        "intervention_prices",
        "a number of an intervention, or of a control beside it, before and after",
        (
            MODEL,
            ("name", "VARCHAR NOT NULL", "the intervention's"),
            (
                "variant",
                "VARCHAR NOT NULL",
                "`edit`, or a control: `random latents`, `noise`, `re-ranking`, `projection`, `reconstruction`",
            ),
            ("protocol", "VARCHAR NOT NULL", "of lists and ranks"),
            *_PRICE,
            ("draws", "INTEGER NOT NULL", "random controls behind it; 1 for everything else"),
            RUN,
        ),
    ),
    Table(
        "fronts",
        "a point that a search for an intervention tried",
        (
            MODEL,
            ("sae_id", "INTEGER", "the dictionary searched, or NULL"),
            ("target", "VARCHAR NOT NULL", "`popularity`, `group:…`, `concept:…`"),
            ("method", "VARCHAR NOT NULL", "`latents`, `random latents`, `projection`, `re-ranking`"),
            ("setting", "JSON NOT NULL", "how many latents, how strong"),
            ("users", "VARCHAR NOT NULL", "`validation` (chosen on) or `test` (reported on)"),
            ("protocol", "VARCHAR NOT NULL", ""),
            (
                "chosen",
                "BOOLEAN NOT NULL",
                "the best of its method within the allowed loss, on validation users",
            ),
            *_PRICE,
            RUN,
        ),
    ),
)
