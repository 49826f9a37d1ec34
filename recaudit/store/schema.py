"""The audit file's tables. ``docs/audit-file.md`` is generated from here; names are a public interface.

Migrations are a list: entry ``n`` takes a file from version ``n`` to ``n + 1`` and is never edited once
released. Vectors live in one table per width (``vectors_64``), since DuckDB's ARRAY type has a fixed size.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table with what one row is, for the documentation."""

    name: str
    row: str
    columns: tuple[tuple[str, str, str], ...]
    """(name, SQL type, meaning)."""

    def ddl(self) -> str:
        columns = ", ".join(f"{name} {kind}" for name, kind, _ in self.columns)
        return f"CREATE TABLE {self.name} ({columns})"


_MODEL = ("model_id", "INTEGER NOT NULL", "the recommender, see `models`")
_DATASET = ("dataset_id", "INTEGER NOT NULL", "see `datasets`")
_RUN = ("run_id", "VARCHAR NOT NULL", "the command that wrote the row, see `runs`")
_SAE = ("sae_id", "INTEGER NOT NULL", "the dictionary, see `saes`")
_ANY_SAE = ("sae_id", "INTEGER", "the dictionary, or NULL for the model as it is")

VERSION_1 = (
    Table(
        "runs",
        "one command that wrote to this file",
        (
            ("run_id", "VARCHAR PRIMARY KEY", "hash of command, arguments, inputs, version and seed"),
            ("command", "VARCHAR NOT NULL", "`ingest`, `report`, …"),
            ("arguments", "JSON NOT NULL", "as given, paths reduced to file names"),
            ("tool_version", "VARCHAR NOT NULL", "recaudit's version"),
            ("seed", "BIGINT NOT NULL", "of every random draw in the run"),
            ("finished", "TIMESTAMP NOT NULL", "UTC"),
        ),
    ),
    Table(
        "datasets",
        "data as ingested",
        (
            ("dataset_id", "INTEGER PRIMARY KEY", ""),
            ("name", "VARCHAR NOT NULL", "folder or file name"),
            ("layout", "VARCHAR NOT NULL", "`movielens-1m`, `rechorus`, …"),
            ("split", "JSON NOT NULL", "name and parameters of the split"),
            ("summary", "VARCHAR NOT NULL", "what the reader understood, in words"),
            _RUN,
        ),
    ),
    Table(
        "data_notes",
        "something the reader understood, dropped or doubts",
        (
            _DATASET,
            ("level", "VARCHAR NOT NULL", "`info`, `dropped`, `warning`"),
            ("message", "VARCHAR NOT NULL", ""),
            ("count", "BIGINT NOT NULL", "rows concerned"),
            ("file", "VARCHAR NOT NULL", ""),
            ("line", "BIGINT", "first line concerned"),
        ),
    ),
    Table(
        "users",
        "one user",
        (
            _DATASET,
            ("user_id", "INTEGER NOT NULL", "dense index, from 0"),
            ("raw_id", "VARCHAR NOT NULL", "the id in the data, as text"),
        ),
    ),
    Table(
        "items",
        "one item of the catalogue",
        (
            _DATASET,
            ("item_id", "INTEGER NOT NULL", "dense index, from 0"),
            ("raw_id", "VARCHAR NOT NULL", "the id in the data, as text"),
            ("title", "VARCHAR", ""),
            ("year", "INTEGER", "of release"),
            ("train_count", "INTEGER NOT NULL", "interactions in the training split: its popularity"),
        ),
    ),
    Table(
        "interactions",
        "one interaction",
        (
            _DATASET,
            ("user_id", "INTEGER NOT NULL", ""),
            ("item_id", "INTEGER NOT NULL", ""),
            ("rating", "FLOAT", ""),
            ("timestamp", "BIGINT", "seconds"),
            ("position", "INTEGER NOT NULL", "place in the user's own time order, 0 = oldest"),
            ("split", "VARCHAR NOT NULL", "`train`, `valid`, `test`"),
        ),
    ),
    Table(
        "concepts",
        "a named property of items",
        (
            _DATASET,
            ("concept_id", "INTEGER NOT NULL", ""),
            ("kind", "VARCHAR NOT NULL", "`genre`, `tag`, `decade`, `popularity`, …"),
            ("name", "VARCHAR NOT NULL", ""),
            ("n_items", "INTEGER NOT NULL", "items that have it"),
        ),
    ),
    Table(
        "item_concepts",
        "an item has a concept",
        (
            _DATASET,
            ("item_id", "INTEGER NOT NULL", ""),
            ("concept_id", "INTEGER NOT NULL", ""),
        ),
    ),
    Table(
        "user_groups",
        "a user belongs to a group",
        (
            _DATASET,
            ("user_id", "INTEGER NOT NULL", ""),
            ("attribute", "VARCHAR NOT NULL", "`gender`, `age`, …"),
            ("value", "VARCHAR NOT NULL", ""),
        ),
    ),
    Table(
        "models",
        "a recommender",
        (
            ("model_id", "INTEGER PRIMARY KEY", ""),
            ("name", "VARCHAR UNIQUE NOT NULL", "what commands call it"),
            _DATASET,
            ("tool", "VARCHAR NOT NULL", "who wrote the checkpoint"),
            ("architecture", "VARCHAR NOT NULL", "the tool's name of the model"),
            ("family", "VARCHAR NOT NULL", "recaudit's implementation of it"),
            ("site", "VARCHAR NOT NULL", "which tensor is probed"),
            ("dim", "INTEGER NOT NULL", "width of the probed vector"),
            ("history_length", "INTEGER", "items of history read; NULL for user-level models"),
            (
                "reads",
                "VARCHAR NOT NULL",
                "what its vectors depend on: `user`, `sequence` or `set` (of history)",
            ),
            ("head", "VARCHAR NOT NULL", "how a vector becomes scores: `dot`, …"),
            ("link", "VARCHAR NOT NULL", "what the tool does to a score before showing it"),
            ("settings", "JSON NOT NULL", "facts that shapes do not tell"),
            ("unused", "JSON NOT NULL", "tensors of the file that were not needed"),
            ("checkpoint", "VARCHAR NOT NULL", "file name"),
            ("sha256", "VARCHAR NOT NULL", "of the checkpoint"),
            ("protocol", "VARCHAR NOT NULL", "evaluation protocol used unless a command says otherwise"),
            _RUN,
        ),
    ),
    Table(
        "model_items",
        "an item the model can score: the candidates of every ranking",
        (
            _MODEL,
            ("item_id", "INTEGER NOT NULL", ""),
            ("row", "INTEGER NOT NULL", "in the model's item table"),
            ("bias", "FLOAT NOT NULL", "added to the inner product; 0 where the model has none"),
        ),
    ),
    Table(
        "head_tensors",
        "a weight of the model's head beyond one row per item",
        (
            _MODEL,
            ("name", "VARCHAR NOT NULL", ""),
            ("shape", "INTEGER[] NOT NULL", ""),
            ("data", "FLOAT[] NOT NULL", "in row-major order"),
        ),
    ),
    Table(
        "receipts",
        "what the safety scan found in one input file",
        (
            _RUN,
            ("model_id", "INTEGER NOT NULL", ""),
            ("role", "VARCHAR NOT NULL", "`model`, `sae`, `ids`, `data`"),
            ("file", "VARCHAR NOT NULL", "file name"),
            ("sha256", "VARCHAR NOT NULL", ""),
            ("bytes", "BIGINT NOT NULL", ""),
            ("format", "VARCHAR NOT NULL", "container"),
            ("verdict", "VARCHAR NOT NULL", "`clean` or `warnings`"),
            ("stubs", "JSON NOT NULL", "classes replaced by inert stubs, with counts"),
            ("notes", "JSON NOT NULL", "what was noticed"),
        ),
    ),
    Table(
        "cases",
        "one input to the model",
        (
            _MODEL,
            ("case_id", "INTEGER NOT NULL", "dense index, from 0"),
            ("user_id", "INTEGER NOT NULL", ""),
            (
                "kind",
                "VARCHAR NOT NULL",
                "`user` (a user-level model: one vector a user), `profile` (everything but the held-out test items), "
                "`test`, `valid` (history before a held-out target), `latest` (everything known), `conditioned` "
                "(a profile under a condition)",
            ),
            (
                "history_end",
                "INTEGER NOT NULL",
                "the history is the user's interactions with position below",
            ),
            ("condition", "VARCHAR", "of a conditioned model; NULL for none"),
            ("score_offset", "FLOAT NOT NULL", "added to all its scores: a user's bias"),
        ),
    ),
    Table(
        "targets",
        "a held-out interaction of a case",
        (
            _MODEL,
            ("target_id", "INTEGER NOT NULL", "dense index, from 0"),
            ("case_id", "INTEGER NOT NULL", ""),
            ("item_id", "INTEGER NOT NULL", ""),
            ("split", "VARCHAR NOT NULL", "`valid` or `test`"),
        ),
    ),
    Table(
        "saes",
        "a dictionary: a sparse autoencoder or a control",
        (
            ("sae_id", "INTEGER PRIMARY KEY", ""),
            _MODEL,
            ("name", "VARCHAR NOT NULL", "what commands call it"),
            ("tool", "VARCHAR NOT NULL", "who wrote it"),
            ("n_latents", "INTEGER NOT NULL", ""),
            ("dim", "INTEGER NOT NULL", ""),
            (
                "activation",
                "VARCHAR NOT NULL",
                "`relu`, `relu_topk`, `topk`, `jumprelu`, `batch_topk`, `gated`, `groupmax`",
            ),
            ("k", "INTEGER", "latents kept per row (groups of `groupmax`), where the activation has one"),
            ("k_source", "VARCHAR NOT NULL", "where k was said"),
            ("pre_bias", "BOOLEAN NOT NULL", "a vector is added after decoding"),
            ("centred", "BOOLEAN NOT NULL", "that vector is subtracted before encoding"),
            ("encoder_bias", "BOOLEAN NOT NULL", ""),
            ("tied", "BOOLEAN NOT NULL", "decoder = encoder"),
            (
                "norm_in",
                "VARCHAR NOT NULL",
                "what is done to each row before encoding and undone after decoding: `none`, `layer_norm`, "
                "`standardise`, `constant_norm_rescale`",
            ),
            ("threshold", "FLOAT[]", "per latent: what its pre-activation must exceed"),
            ("magnitude_log_scale", "FLOAT[]", "per latent: r_mag of a gated SAE"),
            ("magnitude_bias", "FLOAT[]", "per latent: b_mag of a gated SAE"),
            (
                "latent_scale",
                "FLOAT[]",
                "per latent: what reading multiplied its encoder row by and divided its decoder row by",
            ),
            ("groups", "INTEGER[] NOT NULL", "nested widths of a Matryoshka SAE"),
            ("notes", "VARCHAR[] NOT NULL", "what the reading doubts or had to assume"),
            ("sha256", "VARCHAR NOT NULL", "of the file it came from"),
            ("self_check", "JSON NOT NULL", "explained variance and L0 of this and other readings"),
            _RUN,
        ),
    ),
    Table(
        "activations",
        "a latent fires (value > 0); stored in order of latent",
        (
            _SAE,
            ("entity_kind", "VARCHAR NOT NULL", "`case` or `item`"),
            ("entity_id", "INTEGER NOT NULL", "`case_id` or `item_id`"),
            ("latent", "INTEGER NOT NULL", ""),
            ("value", "FLOAT NOT NULL", ""),
        ),
    ),
    Table(
        "latents",
        "one latent, over the newest case of every user",
        (
            _SAE,
            ("latent", "INTEGER NOT NULL", ""),
            ("density", "DOUBLE NOT NULL", "share of those cases in which it fires, 0..1"),
            ("n_cases", "INTEGER NOT NULL", "cases in which it fires"),
            ("n_users", "INTEGER NOT NULL", "distinct users among them"),
            ("max_value", "FLOAT NOT NULL", ""),
            ("mean_value", "FLOAT NOT NULL", "where it fires"),
            ("total", "DOUBLE NOT NULL", "sum of values"),
            ("decoder_norm", "FLOAT NOT NULL", "length of its decoder row"),
            ("max_decoder_cosine", "FLOAT NOT NULL", "to the most similar other decoder row"),
            ("dead", "BOOLEAN NOT NULL", "fires in no stored case of any kind"),
        ),
    ),
    Table(
        "recommendations",
        "a place in a case's list under a protocol's mask",
        (
            _MODEL,
            _ANY_SAE,
            ("protocol", "VARCHAR NOT NULL", ""),
            ("case_id", "INTEGER NOT NULL", ""),
            ("rank", "INTEGER NOT NULL", "1 = best"),
            ("item_id", "INTEGER NOT NULL", ""),
            ("score", "FLOAT NOT NULL", ""),
        ),
    ),
    Table(
        "target_ranks",
        "the rank of a held-out target under a protocol",
        (
            _MODEL,
            _ANY_SAE,
            ("protocol", "VARCHAR NOT NULL", ""),
            ("target_id", "INTEGER NOT NULL", ""),
            ("rank", "INTEGER NOT NULL", "candidates scoring at least as high; 1 = best"),
        ),
    ),
    Table(
        "metrics",
        "a number",
        (
            _MODEL,
            _ANY_SAE,
            ("metric", "VARCHAR NOT NULL", "see `docs/metrics.md`"),
            ("slice", "VARCHAR NOT NULL", "JSON object with sorted keys"),
            ("value", "DOUBLE NOT NULL", ""),
            ("low", "DOUBLE", "95 % interval; NULL where the number has none"),
            ("high", "DOUBLE", ""),
            ("n", "BIGINT NOT NULL", "what the number rests on (users, unless `unit` says otherwise)"),
            ("unit", "VARCHAR NOT NULL", "of n: `users`, `cases`, `latents`, `items`, `concepts`"),
            ("better", "VARCHAR NOT NULL", "`higher`, `lower`, `none`"),
            ("protocol", "VARCHAR NOT NULL", ""),
            ("seed", "BIGINT NOT NULL", ""),
            _RUN,
        ),
    ),
    Table(
        "findings",
        "a sentence for people, with its evidence",
        (
            _MODEL,
            ("sae_id", "INTEGER", ""),
            ("protocol", "VARCHAR NOT NULL", "that its numbers were made under"),
            ("code", "VARCHAR NOT NULL", "stable id"),
            ("severity", "VARCHAR NOT NULL", "`info`, `warning`, `serious`"),
            ("sentence", "VARCHAR NOT NULL", ""),
            ("evidence", "VARCHAR NOT NULL", "SQL that lists it"),
            _RUN,
        ),
    ),
)

META = "CREATE TABLE meta (schema_version INTEGER NOT NULL, tool_version VARCHAR NOT NULL)"

MIGRATIONS: tuple[tuple[str, ...], ...] = ((META, *(table.ddl() for table in VERSION_1)),)
"""``MIGRATIONS[n]`` are the statements that take a file from version ``n`` to ``n + 1``."""

SCHEMA_VERSION = len(MIGRATIONS)


def vectors_table(dim: int) -> Table:
    """Vectors of one width."""
    return Table(
        f"vectors_{dim}",
        f"a vector of width {dim}; one such table per width in use",
        (
            _MODEL,
            ("sae_id", "INTEGER", "NULL, or the dictionary whose part this is"),
            (
                "kind",
                "VARCHAR NOT NULL",
                "`case` (the probed vector), `item`, `encoder`, `decoder`, `pre_bias`, `skip` (a row of the linear "
                "path around the latents)",
            ),
            (
                "entity_id",
                "INTEGER NOT NULL",
                "`case_id`, `item_id`, `latent`, or output dimension of `skip`",
            ),
            ("vector", f"FLOAT[{dim}] NOT NULL", ""),
            ("bias", "FLOAT", "an encoder row's bias"),
        ),
    )
