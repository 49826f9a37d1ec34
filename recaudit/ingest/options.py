"""From options by name, as a command line or an audit's TOML gives them, to what to ingest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recaudit.analyses.protocol import protocol_named
from recaudit.checkpoints.tools import Hints
from recaudit.datasets import ReadOptions
from recaudit.errors import UsageError
from recaudit.ingest.run import IngestRequest
from recaudit.text import printable


def request_from(checkpoint: Path, data: Path, db: Path, options: Mapping[str, Any]) -> IngestRequest:
    """The request that the options of ``recaudit ingest`` make, under the names click knows them by.

    Raises:
        UsageError: a protocol that is none, or a column without its role.
    """
    given = {key: value for key, value in options.items() if value not in (None, (), False)}
    return IngestRequest(
        checkpoint=checkpoint,
        data=data,
        db=db,
        name=options["name"],
        sae=options["sae"],
        site=options["site"],
        ids=options["ids"],
        hints=Hints(**{key: given[key] for key in _HINTS if key in given}),
        tensor_map=options["tensor_map"],
        adapter=options["adapter"],
        options=_read_options(given),
        conditions=_names(options["conditions"]),
        vectors=options["vectors"],
        protocol=protocol_named(options["protocol"]).name,
        replace=options["replace"],
        seed=options["seed"],
        arguments={"checkpoint": checkpoint.name, "data": data.name, **_recorded(given)},
    )


_HINTS = ("tool", "heads", "history_length", "k", "layers", "item_features", "user_features", "other_table")
_READ_OPTIONS = (
    *("layout", "items", "users", "mapping", "delimiter", "split", "split_column"),
    *("min_rating", "min_tag_support", "seed"),
)


def _read_options(given: dict[str, Any]) -> ReadOptions:
    plain = {key: given[key] for key in _READ_OPTIONS if key in given}
    if "column_names" in given:
        plain["column_names"] = tuple(given["column_names"].split(","))
    return ReadOptions(columns=dict(_role(text) for text in given.get("column", ())), **plain)


def _names(text: str | None) -> tuple[str, ...]:
    """Comma-separated names, or the lines of the file of that name."""
    if text is None:
        return ()
    path = Path(text)
    lines = path.read_text("utf-8").splitlines() if path.is_file() else text.split(",")
    return tuple(name.strip() for name in lines if name.strip())


def _role(text: str) -> tuple[str, str]:
    role, equals, name = text.partition("=")
    if not equals or not name:
        raise UsageError(
            f"--column {printable(text)} has no ROLE=NAME form", fix="for example --column user=customer"
        )
    return role, name


def _recorded(given: dict[str, Any]) -> dict[str, Any]:
    """Arguments for the ``runs`` table: where files lay on this machine is nobody's business."""
    shown = {key: value.name if isinstance(value, Path) else value for key, value in given.items()}
    for name in _MAYBE_FILES & shown.keys():
        if Path(shown[name]).is_file():
            shown[name] = Path(shown[name]).name
    return shown


_MAYBE_FILES = {"ids", "conditions"}
