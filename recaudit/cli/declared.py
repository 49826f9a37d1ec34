"""What may stand in an audit's TOML: in each section the options of a command, by their long names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from recaudit.cli import recaudit
from recaudit.cli.settings import option_names
from recaudit.plan.keys import Key, Kind, SectionKeys

_MAYBE_FILES = {"ids", "conditions"}
_PAIRS = {"column", "loss"}
_SHOWING = ("db", "format", "limit", "help")
"""Options that say where and how a command shows, not what it does."""


def sections() -> dict[str, SectionKeys]:
    """Every section by name, in the order the steps are done."""
    return {
        section.name: section
        for section in (
            SectionKeys(
                "model",
                "The recommender and its data: the options of `recaudit ingest`. `name` is by default the file's.",
                {
                    "checkpoint": Key("checkpoint", "checkpoint", Kind.FILE, about="The trained recommender."),
                    **_keys("ingest", without=("replace",)),
                },
                required=("checkpoint", "data"),
                many=False,
            ),
            SectionKeys(
                "dictionary",
                "A sparse autoencoder to train: the options of `recaudit train`. The first is the one reports are about.",
                _keys("train", without=("replace",)),
                required=("name",),
            ),
            SectionKeys("analyse", "Ranking, fidelity and health, which are always done.", {"seed": _SEED}, many=False),
            SectionKeys(
                "concepts",
                "What latents stand for, as `recaudit concepts` shows it.",
                {"sae": _sae("All dictionaries by default."), "seed": _SEED},
            ),
            SectionKeys(
                "cav",
                "Concept activation vectors: the options of `recaudit cav`.",
                _keys("cav", without=("concept", "again")),
            ),
            SectionKeys(
                "label",
                "Names for latents: the options of `recaudit label`.",
                _keys("label", without=("latent", "sae")) | {"sae": _sae("All dictionaries by default.")},
            ),
            SectionKeys(
                "report",
                "Reports: the options of `recaudit report`. Without `outputs` it goes to the terminal.",
                {
                    "outputs": Key(
                        "outputs", "outputs", Kind.TEXTS, (),
                        "Files to write, in the folder the command is given in: .md or .json.",
                    ),
                    "show": Key("show", "show", Kind.SWITCH, False, "Show it on the terminal as well."),
                    **_keys("report", without=("output", "seed", "sae")),
                    "sae": _sae("The first dictionary by default."),
                },
            ),
        )
    }  # fmt: skip


_SEED = Key("seed", "seed", Kind.WHOLE, 0, "Of every random draw.")


def _sae(about: str) -> Key:
    return Key("sae", "sae", Kind.TEXT, None, f"A dictionary by name. {about}")


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
