"""What may stand in an audit's TOML: in each section the options of a command, by their long names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from recaudit.cli import recaudit
from recaudit.cli.settings import option_names
from recaudit.plan.keys import Declaration, Key, Kind, SectionKeys
from recaudit.plan.steps import STEPS

_MAYBE_FILES = {"ids", "conditions"}
_PAIRS = {"column", "loss"}
_SHOWING = ("db", "format", "limit", "help")
"""Options that say where and how a command shows, not what it does."""


def sections() -> dict[str, SectionKeys]:
    """Every section by name, in the order the steps are done."""
    return {step.declares.name: _filled(step.declares) for step in STEPS}


def _filled(declared: Declaration) -> SectionKeys:
    own = {key.name: key for key in declared.keys}
    of_command = {} if declared.command is None else _keys(declared.command, declared.without)
    keys = own | {name: key for name, key in of_command.items() if name not in own}
    return SectionKeys(declared.name, declared.about, keys, declared.required, declared.many)


def _keys(command: str, without: tuple[str, ...]) -> dict[str, Key]:
    """A command's options as keys."""
    loaded = recaudit.get_command(click.Context(recaudit), command)
    assert loaded is not None
    options = {option.name: option for option in loaded.params if isinstance(option, click.Option)}
    return {
        flag: _key(flag, options[name])
        for flag, name in option_names(loaded).items()
        if name in options and flag not in (*_SHOWING, *without)
    }


def _key(flag: str, option: click.Option) -> Key:
    kind = _kind(flag, option)
    default: Any = None if _unset(option.default) else option.default
    if option.multiple:
        default = tuple(default or ())
    elif kind is Kind.SWITCH:
        default = bool(default)
    assert option.name is not None
    return Key(flag, option.name, kind, default, option.help or "", _converter(option.type))


def _unset(value: Any) -> bool:
    # Click 8.3 marks an option without a default by an object of its own.
    return value is None or type(value).__name__ == "Sentinel"


def _kind(flag: str, option: click.Option) -> Kind:
    if option.is_flag:
        return Kind.SWITCH
    if flag in _MAYBE_FILES:
        return Kind.TEXT_OR_FILE
    if option.multiple:
        return Kind.PAIRS if flag in _PAIRS else Kind.TEXTS
    if isinstance(option.type, click.Path):
        return Kind.FILE
    return _KINDS.get(option.type.name.removesuffix(" range"), Kind.TEXT)


_KINDS: Mapping[str, Kind] = {"integer": Kind.WHOLE, "float": Kind.NUMBER}


def _converter(type_: click.ParamType[Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        try:
            return type_.convert(value, None, None)
        except click.BadParameter as error:
            raise ValueError(f"another: {error.message}") from None

    return convert
