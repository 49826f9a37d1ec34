"""What a step is, and how it is decided whether it is due."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from recaudit import __version__
from recaudit.plan.keys import Declaration
from recaudit.plan.read import Plan, Section
from recaudit.plan.stamp import Digests, Stamp, changes
from recaudit.store import Audit, read, steps
from recaudit.store.read import Model, Sae
from recaudit.store.steps import DECLARED, DeclaredRun


@dataclass(frozen=True)
class Decision:
    """Whether a step is done, and why or why not."""

    due: bool
    why: str
    again: bool = False
    """What it makes is stored already, made otherwise or by another command."""


@dataclass
class Ground:
    """What decisions stand on.

    Attributes:
        audit: open for reading; None while there is no audit file.
        redone: steps that were done, or in a dry run would be, before this one.
        forced: the step is done whatever is stored.
    """

    audit: Audit | None
    digests: Digests
    redone: set[Step] = field(default_factory=set)
    forced: bool = False


@dataclass(frozen=True)
class Doing:
    """What a step gets to do its work."""

    db: Path
    digests: Digests
    again: bool
    say: Callable[[str], None]
    """Told what is going on now."""
    note: Callable[[str], None]
    """Told what is worth keeping on the screen."""


@dataclass(frozen=True, eq=False)
class Step(ABC):
    """One piece of an audit. A subclass says what decides its result, what of it is stored, and how it is done."""

    name: ClassVar[str]
    """What ``--only`` and ``--force`` call it."""
    declares: ClassVar[Declaration]
    """The section of the TOML that asks for it."""
    may_be_empty: ClassVar[bool] = False
    """Done may mean that nothing was found to store."""

    plan: Plan
    about: str
    """Tells it from the others of its name."""
    needs: tuple[Step, ...] = ()

    @property
    def title(self) -> str:
        """Name and subject, for people."""
        return f"{self.name} {self.about}"

    @classmethod
    @abstractmethod
    def of(cls, plan: Plan, before: Sequence[Step]) -> Sequence[Step]:
        """Those that a plan declares.

        Args:
            before: the steps that are done before any of these.

        Raises:
            UsageError: a setting that cannot be.
        """

    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """What decides the result, beside input files."""

    def files(self) -> Mapping[str, Path]:
        """Input files and folders, by key."""
        return {}

    @abstractmethod
    def made_by(self, audit: Audit, model: Model) -> frozenset[str]:
        """Ids of the runs that made what is stored of this step's result; empty for nothing."""

    @abstractmethod
    def do(self, doing: Doing) -> None:
        """Do it, and store the result with ``declared`` among the run's arguments, in one transaction."""

    def check(self) -> None:  # noqa: B027 - most have nothing to check
        """Raises:
        UsageError: a setting that cannot be.
        """

    def stamp(self, digests: Digests) -> Stamp:
        """Everything that decides the result."""
        files = {key: digests.of(key, path) for key, path in self.files().items()}
        return Stamp(self.name, self.about, self.plan.name, self.settings(), files)

    def declared(self, digests: Digests) -> dict[str, Any]:
        """What to add to the arguments of the run."""
        return {DECLARED: self.stamp(digests).declared()}

    def newest(self, audit: Audit) -> DeclaredRun | None:
        """The newest run of this step."""
        return steps.newest(audit, self.plan.name, self.name, self.about)

    def decide(self, ground: Ground) -> Decision:
        """Whether the step is due.

        Raises:
            UsageError: it is, but would write over what is not its own.
        """
        if ground.audit is None:
            return Decision(True, "nothing stored yet")
        audit, model = ground.audit, stored_model(ground.audit, self.plan.name)
        made_by = frozenset() if model is None else self.made_by(audit, model)
        if ground.forced:
            return Decision(True, "forced", bool(made_by))
        upstream = next((need for need in self.needs if need in ground.redone), None)
        if upstream is not None:
            return Decision(True, f"after {upstream.title}", bool(made_by))
        why = self._due(ground, audit, made_by)
        if why is None:
            return Decision(False, self.stamp(ground.digests).unchanged())
        return Decision(True, why, bool(made_by))

    def _due(self, ground: Ground, audit: Audit, made_by: frozenset[str]) -> str | None:
        newest = self.newest(audit)
        if not made_by and (newest is None or not self.may_be_empty):
            return "nothing stored yet"
        if newest is None or made_by - {newest.run_id}:
            return "what is stored is of another command"
        changed = changes(newest, self.stamp(ground.digests), __version__)
        if changed:
            return "; ".join(changed)
        for need in self.needs:
            before = need.newest(audit)
            if before is not None and before.began > newest.began:
                return f"{need.title} is newer"
        return None


def called(name: str, steps_: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of that name."""
    return tuple(step for step in steps_ if step.name == name)


def stored_model(audit: Audit, name: str) -> Model | None:
    """The model of that name, if the audit file has it."""
    return next((model for model in read.models(audit) if model.name == name), None)


def stored_sae(audit: Audit, model: Model, name: str | None) -> Sae | None:
    """The model's autoencoder of that name, the newest for None, if there is one."""
    known = read.saes(audit, model.model_id)
    if name is None:
        return known[-1] if known else None
    return next((sae for sae in known if sae.name == name), None)


def paths_of(section: Section) -> dict[str, Path]:
    """The section's located input files, by key."""
    return {key: Path(path) for key, path in section.files.items()}
