"""Schema version 8: blessed baselines, and what gates said."""

from __future__ import annotations

from recaudit.store.schema.table import MODEL, RUN, AddedColumns, Table

VERSION_8: tuple[Table | AddedColumns, ...] = (
    Table(
        "baselines",
        "a model that gates compare others with, as somebody blessed it; it outlives the model in this file",
        (
            ("name", "VARCHAR PRIMARY KEY", "what `--baseline` calls it"),
            ("model", "VARCHAR NOT NULL", "what the model was called"),
            ("sha256", "VARCHAR NOT NULL", "of its checkpoint"),
            ("author", "VARCHAR NOT NULL", "who blessed it"),
            ("reason", "VARCHAR NOT NULL", ""),
            ("blessed", "TIMESTAMP NOT NULL", "UTC"),
            (
                "document",
                "VARCHAR NOT NULL",
                "its numbers, concepts and values by user, as `bless -o` writes them",
            ),
            RUN,
        ),
    ),
    Table(
        "verdicts",
        "what a gate said of a model the last time its policy was checked",
        (
            MODEL,
            ("policy", "VARCHAR NOT NULL", "the policy's file name"),
            ("place", "INTEGER NOT NULL", "in the order of the policy, from 0"),
            ("gate", "VARCHAR NOT NULL", "the rule's name"),
            ("subject", "VARCHAR NOT NULL", "the metric and slice, the finding, … that was judged"),
            (
                "verdict",
                "VARCHAR NOT NULL",
                "`pass`, `fail`, `warn`, `undecided`, `skipped`, `waived`, `error`",
            ),
            ("threshold", "VARCHAR NOT NULL", "what was asked, in words"),
            ("value", "DOUBLE", "of this model"),
            ("baseline_value", "DOUBLE", "of the baseline"),
            ("baseline", "VARCHAR", "which one"),
            ("judged", "DOUBLE", "what was held against the threshold: the value, or its change"),
            ("low", "DOUBLE", "95 % interval of `judged`"),
            ("high", "DOUBLE", ""),
            ("n", "BIGINT", "what it rests on"),
            ("unit", "VARCHAR", "of n"),
            ("q", "DOUBLE", "of being beyond the threshold by chance, Benjamini-Hochberg over the family"),
            ("tested", "INTEGER", "checks in that family"),
            ("said", "VARCHAR NOT NULL", "the verdict in a sentence"),
            ("how", "VARCHAR NOT NULL", "how it was computed"),
            ("why", "VARCHAR NOT NULL", "the rule's reason"),
            ("line", "INTEGER NOT NULL", "of the rule in the policy"),
            ("evidence", "VARCHAR NOT NULL", "SQL that lists the offenders"),
            RUN,
        ),
    ),
)
