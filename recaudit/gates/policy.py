"""Policies as people write them: a TOML file of ``[[gate]]`` and ``[[waiver]]``, or those of an audit's TOML."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from recaudit.errors import UsageError
from recaudit.gates.rules import (
    Bound,
    ConceptRule,
    FindingRule,
    MetricRule,
    ReceiptRule,
    Rule,
    Severity,
    Waiver,
)
from recaudit.metrics.catalogue import BY_NAME
from recaudit.text import printable
from recaudit.toml_file import TomlFile

SUBJECTS = ("metric", "intervention", "finding", "receipt", "concepts")
"""Keys that say what a rule is on; a rule has one of them (``intervention`` may have ``metric`` beside it)."""
BOUNDS = ("min", "max", "within", "max_drop", "max_rise")
_COMMON = ("name", "severity", "why", "optional", "family")
_KEYS: dict[str, tuple[str, ...]] = {
    "metric": ("metric", "where", "protocol", "min_n", *BOUNDS),
    "intervention": ("intervention", "metric", "where", "protocol", "min_n", *BOUNDS),
    "finding": ("finding", "allow"),
    "receipt": ("receipt", "role"),
    "concepts": ("concepts", "by", "kind", "max_lost"),
}
GATE_KEYS = tuple(dict.fromkeys([*_COMMON, *(key for keys in _KEYS.values() for key in keys)]))
"""Every key that some ``[[gate]]`` may have."""
WAIVER_KEYS = ("gate", "reason", "owner", "until")
INTERVENTION_METRIC = "steer.ndcg_ratio@10"
_RECEIPT = re.compile(r"no stubs|no warnings|(verdict|sha256|format) is (\S+)")
_ROLES = ("model", "sae", "ids", "data")


@dataclass(frozen=True)
class Policy:
    """The rules of a file, in its order."""

    path: Path
    sha256: str
    about: str
    rules: tuple[Rule, ...]
    waivers: tuple[Waiver, ...]

    @property
    def file(self) -> str:
        """As outputs name it: relative to the working directory where it lies below that."""
        resolved, here = self.path.resolve(), Path.cwd()
        return resolved.relative_to(here).as_posix() if resolved.is_relative_to(here) else self.path.name


def read_policy(path: Path) -> Policy:
    """Read and check a policy. Of an audit's TOML only its gates and waivers are read.

    Raises:
        UsageError: no such file, not TOML, an unknown key or metric, a value that cannot be, two rules of one name, a
            waiver without reason, owner or date, or for no rule; names file and line and says what would do.
    """
    file = TomlFile.read(path, "name a policy's TOML file, for example audits/policies/default.toml")
    if "model" not in file.content:
        file.check_keys(file.content, ("about", "gate", "waiver"))
    gates, waivers = _tables(file, "gate"), _tables(file, "waiver")
    rules = tuple(_rule(file, table, index) for index, table in enumerate(gates))
    names: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.name in names:
            raise file.wrong(
                f"two gates are called {printable(rule.name)}",
                "give each its own name",
                "name",
                "gate",
                index,
            )
        names.add(rule.name)
    about = file.content.get("about", "")
    if not isinstance(about, str):
        raise file.wrong("`about` is text", 'for example about = "what this policy is for"', "about")
    digest = hashlib.sha256(file.text.encode()).hexdigest()
    waived = tuple(_waiver(file, table, index, sorted(names)) for index, table in enumerate(waivers))
    return Policy(path, digest, about, rules, waived)


def _tables(file: TomlFile, name: str) -> list[dict[str, Any]]:
    found = file.content.get(name, [])
    listed = found if isinstance(found, list) else [found]
    if not all(isinstance(table, dict) for table in listed):
        raise file.wrong(f"`{name}` is a list of tables", f"write [[{name}]] and its keys below", name)
    return listed


def _rule(file: TomlFile, table: Mapping[str, Any], index: int) -> Rule:
    read = _Reader(file, table, "gate", index)
    said = [key for key in SUBJECTS if key in table]
    if "intervention" in said and "metric" in said:
        said.remove("metric")
    if len(said) != 1:
        file.check_keys(table, GATE_KEYS, "gate", index)
        what = "is on nothing" if not said else f"is on {' and '.join(said)}"
        raise read.wrong(f"a gate {what}", f"give it one of: {', '.join(SUBJECTS)}")
    (subject,) = said
    file.check_keys(table, (*_COMMON, *_KEYS[subject]), "gate", index)
    common: dict[str, Any] = {
        "name": read.text("name", required="a stable name: reports and waivers know the gate by it"),
        "line": file.header("gate", index),
        "severity": Severity(read.choice("severity", ("error", "warn"), "error")),
        "why": read.text("why", ""),
        "optional": read.switch("optional"),
        "family": read.text("family", "all"),
    }
    return _SUBJECT[subject](read, common)


def _metric(read: _Reader, common: dict[str, Any]) -> Rule:
    metric = read.text("metric", INTERVENTION_METRIC if "intervention" in read.table else None)
    if metric not in BY_NAME:
        near = read.nearest(metric, BY_NAME)
        raise read.wrong(f"no metric called `{printable(metric)}`", f"did you mean `{near}`?", "metric")
    where = read.table.get("where", {})
    plain = isinstance(where, dict) and all(
        isinstance(value, (str, int, float)) and not isinstance(value, bool) for value in where.values()
    )
    if not plain:
        raise read.wrong("`where` is a table of texts", 'for example where = { concept = "Horror" }', "where")
    bounds = tuple(read.bound(key) for key in BOUNDS if key in read.table)
    if not bounds:
        raise read.wrong("the gate asks nothing of its metric", f"add one of: {', '.join(BOUNDS)}")
    return MetricRule(
        **common,
        metric=metric,
        where={str(key): str(value) for key, value in where.items()},
        protocol=read.text("protocol", None),
        bounds=bounds,
        min_n=read.count("min_n", None),
        intervention=read.text("intervention", None),
    )


def _finding(read: _Reader, common: dict[str, Any]) -> Rule:
    allow = read.choice("allow", ("none", "info", "warning"), "none")
    return FindingRule(**common, finding=read.text("finding"), allow=allow)


def _receipt(read: _Reader, common: dict[str, Any]) -> Rule:
    said = read.text("receipt")
    found = _RECEIPT.fullmatch(said)
    if found is None:
        raise read.wrong(
            f"`receipt` cannot be {printable(said, 60)}",
            "write `no stubs`, `no warnings`, `verdict is clean`, `sha256 is …` or `format is …`",
            "receipt",
        )
    role = read.choice("role", _ROLES, None)
    return ReceiptRule(**common, wants=found[1] or said, expected=(found[2] or "").lower(), role=role)


def _concepts(read: _Reader, common: dict[str, Any]) -> Rule:
    read.choice("concepts", ("none lost",), None)
    return ConceptRule(
        **common,
        by=read.choice("by", ("coverage", "cav"), "coverage"),
        kind=read.text("kind", None),
        max_lost=read.count("max_lost", 0),
    )


_SUBJECT: dict[str, Callable[[_Reader, dict[str, Any]], Rule]] = {
    "metric": _metric,
    "intervention": _metric,
    "finding": _finding,
    "receipt": _receipt,
    "concepts": _concepts,
}


def _waiver(file: TomlFile, table: Mapping[str, Any], index: int, names: list[str]) -> Waiver:
    file.check_keys(table, WAIVER_KEYS, "waiver", index)
    read = _Reader(file, table, "waiver", index)
    gate = read.text("gate", required="the name of the gate that is waived")
    if gate not in names:
        near = read.nearest(gate, names)
        raise read.wrong(f"no gate called {printable(gate)}", f"did you mean `{near}`?", "gate")
    until = table.get("until")
    if isinstance(until, datetime) or not isinstance(until, date):
        raise read.wrong(
            "a waiver needs `until`, a day", "for example until = 2027-01-31", "until" if until else None
        )
    return Waiver(
        gate,
        read.text("reason", required="why the gate does not count for now"),
        read.text("owner", required="who answers for it"),
        until,
        file.header("waiver", index),
    )


@dataclass(frozen=True)
class _Reader:
    """One table of the file; values are checked as they are taken."""

    file: TomlFile
    table: Mapping[str, Any]
    name: str
    index: int

    def wrong(self, message: str, fix: str, key: str | None = None) -> UsageError:
        return self.file.wrong(message, fix, key, self.name, self.index)

    @staticmethod
    def nearest(given: str, known: Any) -> str:
        import difflib

        listed = sorted(known)
        return next(iter(difflib.get_close_matches(given, listed, n=1, cutoff=0.0)), "…")

    def text(self, key: str, default: Any = "", required: str = "") -> Any:
        value = self.table.get(key, default)
        if required and not value:
            raise self.wrong(f"[[{self.name}]] has no `{key}`", f'add {key} = "…": {required}')
        if value is not None and not isinstance(value, str):
            raise self.wrong(f"`{key}` is text", f'write {key} = "…"', key)
        return value

    def switch(self, key: str) -> bool:
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(f"`{key}` is true or false", f"write {key} = true", key)
        return value

    def count(self, key: str, default: Any) -> Any:
        value = self.table.get(key, default)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise self.wrong(f"`{key}` is a whole number from 0", f"for example {key} = 100", key)
        return value

    def choice(self, key: str, known: tuple[str, ...], default: Any) -> Any:
        value = self.table.get(key, default)
        if value is not None and value not in known:
            raise self.wrong(
                f"`{key}` cannot be {printable(value, 40)}", f"choose one of: {', '.join(known)}", key
            )
        return value

    def bound(self, key: str) -> Bound:
        value = self.table[key]
        if isinstance(value, str) and key not in ("min", "max"):
            found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value)
            if found:
                return Bound(key, float(found[1]) / 100, relative=True)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            wanted = (
                "a number" if key in ("min", "max") else 'a number, or a share of the baseline such as "2%"'
            )
            raise self.wrong(f"`{key}` cannot be {printable(value, 40)}", f"give {wanted}", key)
        if key not in ("min", "max") and value < 0:
            raise self.wrong(f"`{key}` is below 0", "give how far it may go as a number from 0", key)
        return Bound(key, float(value))
