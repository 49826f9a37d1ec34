"""What an intervention is: edits of codes or of vectors, said in data.

An edit names what it changes (latents of a dictionary, or a direction of the vectors), how (``OPS``), by how much, and for
whom. Nothing here computes: ``recaudit.interventions.apply`` does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from recaudit.errors import UsageError
from recaudit.text import printable


@dataclass(frozen=True)
class Op:
    """A kind of edit.

    Attributes:
        amounts: the parameters it takes; exactly one of each group in ``any_of`` where that is not empty.
        on: ``latents``, ``direction`` or both.
        about: what it does, for people.
    """

    amounts: tuple[str, ...]
    on: tuple[str, ...]
    about: str


OPS = {
    "scale": Op(("by",), ("latents",), "multiply the activation by `by`; where a latent is silent nothing happens"),
    "ablate": Op((), ("latents",), "set the activation to 0"),
    "set": Op(("to", "quantile"), ("latents",), "set the activation to `to`, or to the latent's own quantile where it fires"),
    "clamp": Op(("low", "high"), ("latents",), "keep the activation between `low` and `high`"),
    "shift": Op(
        ("by",),
        ("latents", "direction"),
        "add `by` standard deviations: to the pre-activation before the dictionary chooses its latents (`at = \"codes\"`: to the "
        "activation, down to 0), or to the vector along a direction",
    ),
    "blend": Op(
        ("by",),
        ("latents",),
        "move the share `by` (0..1) of the row's whole activation onto the latents, evenly (Spisak et al. 2026)",
    ),
    "project": Op(("by",), ("direction",), "take the share `by` (1: all) of the vector's component along a direction away"),
}  # fmt: skip
"""Name to kind of edit."""

PLACES = ("pre-activations", "codes")
"""Where an edit of latents happens: before or after the dictionary's activation."""

_RANGES = {
    "by": (-100.0, 100.0),
    "to": (-1e6, 1e6),
    "quantile": (0.0, 1.0),
    "low": (-1e6, 1e6),
    "high": (-1e6, 1e6),
}


@dataclass(frozen=True)
class Edit:
    """One change.

    Exactly one of ``latents``, ``select`` and ``direction`` is given. ``select`` is words that stand for latents until an
    audit is at hand (``selections.resolved``).

    Raises:
        UsageError: an unknown operation, or amounts it does not take or is missing; says which it takes.
    """

    op: str
    latents: tuple[int, ...] = ()
    select: str | None = None
    """``concept:Horror``, ``popularity:8``, ``group:gender=F:4``, ``label:slasher``."""
    direction: str | None = None
    """``popularity``, or ``concept:Horror`` for its concept activation vector."""
    by: float | None = None
    to: float | None = None
    quantile: float | None = None
    low: float | None = None
    high: float | None = None
    at: str | None = None
    """One of ``PLACES``; None for the usual one: ``shift`` before the activation, everything else after."""
    users: str | None = None
    """``attribute=value``: only users of that group; ``user=ID``: one user. None for everyone."""
    items: tuple[str, ...] = field(default=())
    """Raw ids: edit these items' vectors instead of users'."""

    def __post_init__(self) -> None:
        if self.op not in OPS:
            raise UsageError(f"no edit named {printable(self.op)}", fix=f"choose one of: {', '.join(OPS)}")
        self._check_what()
        self._check_amounts()
        if self.at is not None and self.at not in PLACES:
            raise UsageError(f"an edit at {printable(self.at)}", fix=f"choose one of: {', '.join(PLACES)}")
        if self.at == "pre-activations" and (self.op not in ("shift", "scale", "ablate") or self.direction):
            raise UsageError(
                f"`{self.op}` cannot be done before the activation",
                fix="leave `at` out, or use shift, scale or ablate",
            )
        if self.users is not None and self.items:
            raise UsageError("an edit is of users or of items", fix="leave out `users` or `items`")
        if self.users is not None and "=" not in self.users:
            raise UsageError(
                f"users {printable(self.users)}: not a group", fix='write attribute=value, as in "gender=F"'
            )

    @property
    def place(self) -> str:
        """Where it happens: one of ``PLACES``, or ``vectors`` for an edit along a direction."""
        if self.direction is not None:
            return "vectors"
        return self.at or ("pre-activations" if self.op == "shift" else "codes")

    def with_latents(self, latents: tuple[int, ...]) -> Edit:
        """The same on these latents, as a selection resolved them."""
        return replace(self, latents=latents, select=None)

    def scaled(self, strength: float) -> Edit:
        """The same at a share of its strength: 0 changes nothing, 1 is the edit itself.

        Scales and projections go evenly from nothing to what they are, shifts and blends by their amount; ``set``, ``clamp`` and
        ``ablate`` have no in-between except an ablation, which is a scale by ``1 - strength``.
        """
        if self.op == "ablate":
            return replace(self, op="scale", by=1 - strength)
        if self.by is None:
            raise UsageError(f"`{self.op}` has no strength", fix="use scale, shift, blend, project or ablate")
        by = 1 + strength * (self.by - 1) if self.op == "scale" else strength * self.by
        return replace(self, by=by)

    def _check_what(self) -> None:
        given = [name for name in ("latents", "select", "direction") if getattr(self, name)]
        kind = "direction" if self.direction else "latents"
        if len(given) != 1:
            raise UsageError(
                f"`{self.op}` names {' and '.join(given) or 'nothing'} to change",
                fix="give one of `latents`, `select` and `direction`",
            )
        if kind not in OPS[self.op].on:
            raise UsageError(
                f"`{self.op}` is not an edit of {'a direction' if self.direction else 'latents'}",
                fix=f"use one of: {', '.join(_ops_on(kind))}",
            )
        if any(latent < 0 for latent in self.latents) or len(set(self.latents)) != len(self.latents):
            raise UsageError("`latents` repeats or is negative", fix="name each latent once, from 0")

    def _check_amounts(self) -> None:
        amounts = OPS[self.op].amounts
        given = tuple(name for name in _RANGES if getattr(self, name) is not None)
        for name in given:
            if name not in amounts:
                raise UsageError(
                    f"`{self.op}` takes no `{name}`",
                    fix=f"it takes {_listed(amounts) if amounts else 'no amount'}",
                )
            value, (least, most) = getattr(self, name), _RANGES[name]
            if not (math.isfinite(value) and least <= value <= most):
                raise UsageError(f"`{name}` is {value}", fix=f"give a number from {least:g} to {most:g}")
        if self.op == "set" and len(given) != 1:
            raise UsageError("`set` needs one amount", fix="give `to` or `quantile`")
        if self.op != "set" and amounts and not given:
            raise UsageError(f"`{self.op}` needs an amount", fix=f"give {_listed(amounts)}")
        if self.op == "blend" and not 0 <= (self.by or 0) <= 1:
            raise UsageError(f"`blend` by {self.by}", fix="give a share from 0 to 1")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise UsageError(f"clamp from {self.low} to {self.high}", fix="`low` must not exceed `high`")


@dataclass(frozen=True)
class Intervention:
    """Edits that are done one after the other.

    Edits of pre-activations come first, then those of codes, then those along directions; within each in the order given.
    """

    edits: tuple[Edit, ...]
    dictionary: str | None = None
    """Name of the dictionary; None where no edit is of latents."""
    dictionary_sha256: str | None = None
    """What identifies its weights: edits of other weights would be other edits."""
    keep_error: bool = True
    """Add the edit's difference to the vector (``x + decode(z') - decode(z)``), so that no edit is exactly the
    original. Without it the vector is replaced by what the dictionary makes of it, as published code does."""
    about: str = ""

    @property
    def of_latents(self) -> bool:
        """Whether it needs a dictionary."""
        return any(edit.direction is None for edit in self.edits)

    def scaled(self, strength: float) -> Intervention:
        """Every edit at a share of its strength (``Edit.scaled``)."""
        return replace(self, edits=tuple(edit.scaled(strength) for edit in self.edits))


def _ops_on(kind: str) -> list[str]:
    return [name for name, op in OPS.items() if kind in op.on]


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(f"`{name}`" for name in names)
