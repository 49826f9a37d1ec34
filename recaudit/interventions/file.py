"""Interventions as small TOML files that read well in a diff."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from recaudit.errors import RecauditError, UsageError
from recaudit.interventions.edits import Edit, Intervention
from recaudit.text import printable
from recaudit.toml_file import TomlFile

_TOP = ("about", "keep_error", "dictionary", "edit")
_DICTIONARY = ("name", "sha256")
_EDIT = {
    "op": str,
    "latents": list,
    "select": str,
    "direction": str,
    "by": float,
    "to": float,
    "quantile": float,
    "low": float,
    "high": float,
    "at": str,
    "users": str,
    "items": list,
}
_NEW = "write one with `recaudit steer MODEL --edit ... -o FILE`"


def read(path: Path) -> Intervention:
    """The intervention a file declares.

    Raises:
        UsageError: no such file, not TOML, an unknown key, or an edit that cannot be; names the line.
    """
    return from_toml(TomlFile.read(path, _NEW))


def from_toml(file: TomlFile) -> Intervention:
    """``read`` of a file that is open."""
    content = file.content
    file.check_keys(content, _TOP)
    dictionary = _table(file, "dictionary")
    file.check_keys(dictionary, _DICTIONARY, "dictionary")
    entries = content.get("edit", [])
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(
            f"{printable(file.path)}: it has no [[edit]]", fix='add one, as `[[edit]]` and `op = "scale"`'
        )
    return Intervention(
        edits=tuple(_edit(file, entry, index) for index, entry in enumerate(entries)),
        dictionary=_typed(file, dictionary, "name", str, "dictionary"),
        dictionary_sha256=_typed(file, dictionary, "sha256", str, "dictionary"),
        keep_error=_typed(file, content, "keep_error", bool) is not False,
        about=_typed(file, content, "about", str) or "",
    )


def parsed(text: str, name: Path) -> Intervention:
    """``read`` of a text, as an audit file keeps it; ``name`` is what errors call it."""
    return from_toml(TomlFile(name, text, tomllib.loads(text)))


def to_toml(intervention: Intervention) -> str:
    """The file's text; ``from_toml`` reads it back to the same intervention."""
    lines = []
    if intervention.about:
        lines.append(f"about = {_value(intervention.about)}")
    if not intervention.keep_error:
        lines.append("keep_error = false")
    if intervention.dictionary is not None or intervention.dictionary_sha256 is not None:
        lines += ["", "[dictionary]"]
        if intervention.dictionary is not None:
            lines.append(f"name = {_value(intervention.dictionary)}")
        if intervention.dictionary_sha256 is not None:
            lines.append(f"sha256 = {_value(intervention.dictionary_sha256)}")
    for edit in intervention.edits:
        lines += ["", "[[edit]]"]
        for name in _EDIT:
            value = getattr(edit, name)
            if value is not None and value != ():
                lines.append(f"{name} = {_value(value)}")
    return "\n".join(lines).strip() + "\n"


def _edit(file: TomlFile, entry: Mapping[str, Any], index: int) -> Edit:
    file.check_keys(entry, _EDIT, "edit", index)
    assert {field.name for field in fields(Edit)} == set(_EDIT)
    values = {name: _typed(file, entry, name, kind, "edit", index) for name, kind in _EDIT.items()}
    if values["op"] is None:
        raise file.wrong("an edit without `op`", 'say what it does, as `op = "scale"`', None, "edit", index)
    for name, kind in (("latents", int), ("items", str)):
        listed = values[name] or []
        if not all(isinstance(part, kind) and not isinstance(part, bool) for part in listed):
            what = "whole numbers" if kind is int else "texts (raw ids)"
            raise file.wrong(f"`{name}` must hold {what}", "correct the list", name, "edit", index)
        values[name] = tuple(listed)
    try:
        return Edit(**values)
    except RecauditError as error:
        raise file.wrong(error.message, error.fix, None, "edit", index) from None


def _table(file: TomlFile, name: str) -> Mapping[str, Any]:
    found = file.content.get(name, {})
    if not isinstance(found, dict):
        raise file.wrong(f"`{name}` must be a table", f"write [{name}]", name)
    return found


def _typed(
    file: TomlFile, values: Mapping[str, Any], name: str, kind: type, table: str | None = None, index: int = 0
) -> Any:
    value = values.get(name)
    if value is None:
        return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind):
        words = {str: "a text", float: "a number", bool: "true or false", list: "a list"}[kind]
        raise file.wrong(f"`{name}` must be {words}", "correct the value", name, table, index)
    return value


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(part) for part in value) + "]"
    # JSON's strings and numbers are TOML's; its escapes of characters beyond the first plane are not.
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, float) else repr(value)
