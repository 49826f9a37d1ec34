"""An audit's TOML, checked: which sections it has, what their options are, where its input files lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from recaudit.errors import NoVerdictError, UsageError
from recaudit.plan.keys import Key, Kind, SectionKeys
from recaudit.text import printable
from recaudit.toml_file import TomlFile

MODEL, DICTIONARY = "model", "dictionary"
_TOP = ("about", "source")


@dataclass(frozen=True)
class Section:
    """One table of the file: its options, defaults filled in, under the names requests are made from.

    ``files`` are those of its options that name an input, by key: as written, and once located as a path.
    """

    name: str
    index: int
    line: int
    options: Mapping[str, Any]
    keys: Mapping[str, Key]
    files: Mapping[str, str | Path]

    @property
    def settings(self) -> dict[str, Any]:
        """The options that are no input files."""
        return {name: self.options[key.option] for name, key in self.keys.items() if name not in self.files}


@dataclass(frozen=True)
class Plan:
    """An audit as declared."""

    path: Path
    about: str
    source: str
    """Where its inputs come from, for people who lack them."""
    sections: Mapping[str, tuple[Section, ...]]

    @property
    def model(self) -> Section:
        """The recommender and its data."""
        return self.sections[MODEL][0]

    @property
    def name(self) -> str:
        """What the model is called in the audit file."""
        return str(self.model.options["name"])

    @property
    def protocol(self) -> str:
        """The model's own protocol."""
        return str(self.model.options["protocol"])

    def all(self, section: str) -> tuple[Section, ...]:
        """The sections of that name, in order."""
        return self.sections.get(section, ())

    @property
    def dictionaries(self) -> tuple[str | None, ...]:
        """Names of the dictionaries that are looked at, the main one first.

        Those declared, then ``sae``, the one that ingestion brings; where neither is said it is whatever the
        checkpoint holds: None.
        """
        named: list[str | None] = [str(section.options["name"]) for section in self.all(DICTIONARY)]
        brought = [INGESTED_SAE] if "sae" in self.model.files else []
        return tuple([*named, *brought] or [None])

    @contextmanager
    def at(self, section: Section) -> Iterator[None]:
        """Errors about settings inside are told with the place in the file."""
        try:
            yield
        except UsageError as error:
            raise UsageError(
                f"{printable(self.path)}, line {section.line}, [{section.name}]: {error.message}",
                fix=error.fix,
            ) from None


INGESTED_SAE = "sae"


def read_plan(path: Path, sections: Mapping[str, SectionKeys]) -> Plan:
    """Read and check the file; its inputs need not be there yet.

    Raises:
        UsageError: no such file, not TOML, a key or section nobody reads, a value of another kind, or something
            required is missing; names file, line and what would do.
    """
    file = TomlFile.read(path, "name an audit's TOML file; see docs/audits.md")
    for name, value in file.content.items():
        if _tables(value):
            file.check_keys([name], sections, name)
        elif name in sections:
            raise file.wrong(f"`{name}` is a section", f"write [{name}] and its keys below", name)
        else:
            file.check_keys([name], _TOP)
    for name in _TOP:
        if not isinstance(file.content.get(name, ""), str):
            raise file.wrong(f"`{name}` is text", 'for example about = "what this audit is of"', name)
    found = {
        name: tuple(_sections(file, keys, file.content[name]))
        for name, keys in sections.items()
        if name in file.content
    }
    if MODEL not in found:
        raise UsageError(
            f"{printable(path)}: no [{MODEL}] section", fix="say which checkpoint and which data are audited"
        )
    plan = Plan(path, file.content.get("about", ""), file.content.get("source", ""), found)
    if plan.model.options["name"] is None:
        named = replace(plan.model, options={**plan.model.options, "name": path.stem})
        plan = replace(plan, sections={**found, MODEL: (named,)})
    _check_names(file, plan)
    return plan


def _tables(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(part, dict) for part in value)
    )


def _sections(file: TomlFile, known: SectionKeys, value: Any) -> Iterator[Section]:
    tables = value if isinstance(value, list) else [value]
    if len(tables) > 1 and not known.many:
        raise file.wrong(f"more than one [[{known.name}]]", "declare one a file", table=known.name, index=1)
    for index, table in enumerate(tables):
        file.check_keys(table, known.keys, known.name, index)
        for name in known.required:
            if name not in table:
                raise file.wrong(
                    f"[{known.name}] has no `{name}`",
                    f"add `{name} = …`: {known.keys[name].about or 'it is needed'}",
                    table=known.name,
                    index=index,
                )
        options = {key.option: key.default for key in known.keys.values()}
        files: dict[str, str | Path] = {}
        for name, raw in table.items():
            key = known.keys[name]
            try:
                options[key.option] = key.read(raw)
            except ValueError as error:
                raise file.wrong(
                    f"`{name}` cannot be {printable(raw, 60)}", f"give {error}", name, known.name, index
                ) from None
            if _is_input(key, raw):
                files[name] = options[key.option]
        yield Section(known.name, index, file.header(known.name, index), options, known.keys, files)


def _is_input(key: Key, raw: Any) -> bool:
    if key.kind is Kind.TEXT_OR_FILE:
        return isinstance(raw, str) and "," not in raw and ("/" in raw or bool(Path(raw).suffix))
    return key.kind is Kind.FILE


def _check_names(file: TomlFile, plan: Plan) -> None:
    seen = {INGESTED_SAE} if "sae" in plan.model.files else set()
    for section in plan.all(DICTIONARY):
        name = str(section.options["name"])
        if name in seen:
            raise file.wrong(
                f"two dictionaries are called {printable(name)}", "give each its own name",
                "name", DICTIONARY, section.index,
            )  # fmt: skip
        seen.add(name)
    for sections in plan.sections.values():
        for section in sections:
            chosen = section.options.get("sae")
            if section.name != MODEL and chosen is not None and chosen not in seen:
                raise file.wrong(
                    f"no dictionary called {printable(chosen)} is declared",
                    f"one of: {', '.join(sorted(seen))}" if seen else "declare one with [[dictionary]]",
                    "sae", section.name, section.index,
                )  # fmt: skip


def locate(plan: Plan, roots: Sequence[Path]) -> Plan:
    """The plan with every input's path: beside the TOML, else under the first root that has it.

    Raises:
        NoVerdictError: inputs are on none of these places; lists them, where they were looked for and where one
            gets them.
    """
    places = [plan.path.resolve().parent, *(root.expanduser() for root in roots)]
    missing: list[str] = []
    located = {}
    for name, sections in plan.sections.items():
        located[name] = tuple(_located(section, places, missing) for section in sections)
    if missing:
        looked = ", ".join(printable(place) for place in places)
        source = f"{plan.source.rstrip('.')}. " if plan.source else ""
        raise NoVerdictError(
            f"{printable(plan.path)}: {'; '.join(missing)}; looked under {looked}",
            fix=f"{source}Name the folder that holds {'it' if len(missing) == 1 else 'them'} with --root FOLDER",
        )
    return replace(plan, sections=located)


def _located(section: Section, places: Sequence[Path], missing: list[str]) -> Section:
    files: dict[str, str | Path] = {}
    options = dict(section.options)
    for name, written in section.files.items():
        path = next((place / written for place in places if (place / written).exists()), None)
        if path is None:
            missing.append(
                f"line {section.line}, [{section.name}]: `{name}` is nowhere: {printable(written)}"
            )
            continue
        key = section.keys[name]
        files[name] = path
        options[key.option] = str(path) if key.kind is Kind.TEXT_OR_FILE else path
    return replace(section, options=options, files=files)
