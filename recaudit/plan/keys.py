"""What may stand in a section of an audit's TOML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """What a key's value is; the value says it to people."""

    TEXT = "text, or a list of texts"
    WHOLE = "a whole number"
    NUMBER = "a number"
    SWITCH = "true or false"
    FILE = "a file or folder"
    TEXT_OR_FILE = "text, a list of texts, or a file"
    TEXTS = "a list of texts"
    PAIRS = "a table"
    ANY = "see docs/ci.md"


@dataclass(frozen=True)
class Key:
    """A key of a section.

    Attributes:
        option: what the option is called where requests are made from it.
        about: its help.
        convert: checks a value's range; raises ValueError with what is wrong.
    """

    name: str
    option: str
    kind: Kind
    default: Any = None
    about: str = ""
    convert: Callable[[Any], Any] = lambda value: value

    def read(self, value: Any) -> Any:
        """The option's value for what the TOML says.

        Raises:
            ValueError: it is of another kind, or out of range; says what is wanted.
        """
        plain = _READERS[self.kind](value)
        if self.kind in (Kind.FILE, Kind.TEXT_OR_FILE, Kind.SWITCH, Kind.ANY):
            return plain
        if isinstance(plain, tuple):
            return tuple(self.convert(part) for part in plain)
        return self.convert(plain)


@dataclass(frozen=True)
class SectionKeys:
    """A section: its keys, and whether there may be several of it."""

    name: str
    about: str
    keys: Mapping[str, Key]
    required: tuple[str, ...] = ()
    many: bool = True


@dataclass(frozen=True)
class Declaration:
    """What a step reads from the TOML, before the command line fills in the options of commands.

    Attributes:
        command: whose options, by their long names, are keys of the section; None for none.
        without: those of its options that are none.
        keys: keys beside the command's; one of the same name wins.
    """

    name: str
    about: str
    command: str | None = None
    without: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    required: tuple[str, ...] = ()
    many: bool = True


def seed_key() -> Key:
    """The seed of a section whose command has none."""
    return Key("seed", "seed", Kind.WHOLE, 0, "Of every random draw.")


def sae_key(about: str) -> Key:
    """The dictionary that a section is about."""
    return Key("sae", "sae", Kind.TEXT, None, f"A dictionary by name. {about}")


def _text(value: Any) -> str:
    """A list stands for the option's comma-separated form."""
    parts = value if isinstance(value, list) else [value]
    if not parts or any(isinstance(part, (bool, dict, list)) for part in parts):
        raise ValueError(Kind.TEXT.value)
    if isinstance(value, list) and any("," in str(part) for part in parts):
        raise ValueError("a list of texts without commas")
    return ",".join(str(part) for part in parts)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(Kind.WHOLE.value)
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(Kind.NUMBER.value)
    return float(value)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(Kind.SWITCH.value)
    return value


def _file(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(Kind.FILE.value)
    return value


def _texts(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else [value]
    if any(not isinstance(part, str) for part in parts):
        raise ValueError(Kind.TEXTS.value)
    return tuple(parts)


def _pairs(value: Any) -> tuple[str, ...]:
    """``{ role = "column" }``, or the option's own ``ROLE=column``."""
    if not isinstance(value, dict):
        return _texts(value)
    if any(isinstance(part, (bool, dict, list)) for part in value.values()):
        raise ValueError(Kind.PAIRS.value)
    return tuple(f"{name}={part}" for name, part in value.items())


_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.WHOLE: _whole,
    Kind.NUMBER: _number,
    Kind.SWITCH: _switch,
    Kind.FILE: _file,
    Kind.TEXT_OR_FILE: _text,
    Kind.TEXTS: _texts,
    Kind.PAIRS: _pairs,
    # What a rule's keys may be depends on what the rule is on: whoever reads rules checks it.
    Kind.ANY: lambda value: value,
}
