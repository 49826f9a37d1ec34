"""What each dotted name in a pickle is allowed to mean.

Nothing is ever imported or called. The question here is what to tell the user: a class nobody knows
is harmless as an inert stub, a function nobody knows has no business being called, and a name that
runs code, opens files or reaches the network makes the whole file unfit to be loaded anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from recaudit.checkpoints import vetted
from recaudit.checkpoints.refusals import Unsafe, short


class Kind(Enum):
    REBUILT = "rebuilt"
    """Stands for code of our own."""
    CLASS = "class"
    """Instances become inert stubs."""
    INERT = "inert"
    """A harmless function of a known tool; a call is recorded, not made."""
    FUNCTION = "function"
    """May be mentioned (a module keeps its activation function), never called."""


@dataclass(frozen=True)
class Name:
    """A reference to something by dotted name, standing in for the thing itself."""

    dotted: str
    kind: Kind


def resolve(module: str, qualified: str, rebuilt: frozenset[str], where: str) -> Name:
    """What ``module.qualified`` stands for.

    Args:
        rebuilt: dotted names that have code of our own.
        where: place in the file, for the refusal.
    """
    module = vetted.PYTHON_2_MODULES.get(module, module)
    dotted = f"{module}.{qualified}"
    if dotted in rebuilt:
        return Name(dotted, Kind.REBUILT)
    if dotted in vetted.BENIGN_FUNCTIONS:
        return Name(dotted, Kind.INERT)
    if dotted in vetted.MENTIONED_ONLY:
        return Name(dotted, Kind.FUNCTION)
    if dotted in (
        vetted.BENIGN_STANDARD_CLASSES
        | vetted.NUMPY_CLASSES
        | vetted.LOWER_CASE_CLASSES
        | vetted.BENIGN_LISTED_CLASSES
    ):
        return Name(dotted, Kind.CLASS)
    reason = _reason_to_refuse(module, qualified, dotted)
    if reason:
        raise Unsafe(f"the pickle names {short(dotted)} {where}: {reason}")
    return Name(dotted, Kind.CLASS if _looks_like_class(qualified) else Kind.FUNCTION)


def _reason_to_refuse(module: str, qualified: str, dotted: str) -> str:
    top = module.partition(".")[0]
    if top in vetted.STANDARD_LIBRARY:
        return "no saved model needs that part of Python"
    if top in vetted.WHOLLY_REFUSED or dotted.startswith(vetted.REFUSED_BRANCHES):
        return "it can run code or open files when the model is loaded"
    if top in vetted.ONLY_LISTED:
        return f"it is none of the {top} names that arrays are saved with"
    # Loaders import the module and then follow the dots, so a package's own imports
    # ("torch" + "os.system") are within reach of a qualified name.
    outer = qualified.split(".")[:-1]
    if any(not _looks_like_class(part) for part in outer):
        return "it reaches through a module into another"
    if vetted.CODE_RUNNERS & {*module.split(".")[1:], *qualified.split(".")}:
        return "it reaches a module that runs code"
    if not all(part.isidentifier() for part in dotted.split(".")) and "<" not in qualified:
        return "it is no name at all"
    return ""


def _looks_like_class(qualified: str) -> bool:
    """Whether the last part is written the way classes are, ``CamelCase``."""
    last = qualified.rpartition(".")[2].lstrip("_")
    return last[:1].isupper()
