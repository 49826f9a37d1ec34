"""Two models side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from recaudit.analyses.diff import concepts, findings, latents, lists, metrics
from recaudit.analyses.diff.changes import Comparison
from recaudit.analyses.diff.outcome import Diff, Subject
from recaudit.analyses.diff.sides import Side, same_people, side
from recaudit.analyses.diff.summary import Summary, groups_of, summarise
from recaudit.store import Audit, read

Begin = Callable[[str], None]


@dataclass(frozen=True)
class _Pair:
    a: Side
    b: Side

    @property
    def same_protocol(self) -> bool:
        return self.a.model.protocol == self.b.model.protocol


def compare(
    audit_a: Audit,
    model_a: str | None,
    audit_b: Audit,
    model_b: str | None,
    *,
    sae_a: str | None = None,
    sae_b: str | None = None,
    protocol: str | None = None,
    users: int = lists.SHOWN_USERS,
    seed: int = 0,
    begin: Begin = lambda stage: None,
) -> Diff:
    """What changed from model A to model B: metrics, latents, concepts, lists, and findings in sentences.

    Reads only what the audit files store; runs no model. A part that cannot be compared is None, and
    ``Diff.missing`` says why. Users and items of two files are told by their raw ids.

    Args:
        audit_a, audit_b: open audit files; the same one where both models are in it.
        model_a, model_b: names; None for the only model of the file.
        sae_a, sae_b: dictionaries by name; None for the newest of each model.
        protocol: evaluation protocol of metrics and lists; None for one that both are measured under.
        users: how many of the users whose lists changed most to show with both lists.
        seed: of every random draw; the same input and seed give the same result.
        begin: called with the name of each stage.

    Raises:
        UsageError: no such model, dictionary or protocol.
        NoVerdictError: a file holds no model.
    """
    pair = _under_one_protocol(
        _Pair(side(audit_a, model_a, sae_a, protocol), side(audit_b, model_b, sae_b, protocol)), protocol
    )
    a, b = pair.a, pair.b
    begin("numbers and intervals")
    old, new = (summarise(one.audit, one.model, one.sae) for one in (a, b))
    comparison = Comparison(new, old, groups=groups_of(b.audit, b.model, new.users), seed=seed)
    changed = metrics.compared(comparison)
    begin("concepts")
    fates = concepts.compared(old.concepts, new.concepts, a, b)
    begin("lists")
    of_lists = _lists(pair, old, new, users, seed)
    begin("latents")
    of_latents = latents.compared(a, b, seed=seed)
    parts = {"latents": of_latents, "lists": of_lists}
    missing = {name: said for name, said in parts.items() if isinstance(said, str)}
    unmeasured = _unmeasured(pair)
    if unmeasured:
        missing["ranking"] = unmeasured
    elif not changed:
        missing["metrics"] = "no number is of the same name, slice and protocol on both sides"
    if not fates:
        missing["concepts"] = _no_concepts(pair)
    labels = _labels(a, b)
    diff = Diff(
        a=_subject(a, labels[0]),
        b=_subject(b, labels[1]),
        protocol=a.model.protocol if pair.same_protocol else None,
        about=comparison.about,
        paired=comparison.paired,
        same_held_out=comparison.same_held_out,
        same_people=same_people(a, b, seed),
        metrics=changed,
        concepts=fates,
        latents=None if isinstance(of_latents, str) else of_latents,
        lists=None if isinstance(of_lists, str) else of_lists,
        findings=(),
        missing=missing,
        seed=seed,
    )
    return replace(diff, findings=tuple(findings.collect(diff)))


def _under_one_protocol(pair: _Pair, named: str | None) -> _Pair:
    """Both under a protocol that both are measured under: A's, else B's, else each under its own."""
    if named is not None or pair.same_protocol:
        return pair
    for protocol in (pair.a.model.protocol, pair.b.model.protocol):
        if all(read.has_metrics(one.audit, one.model.model_id, protocol) for one in (pair.a, pair.b)):
            return _Pair(
                *(replace(one, model=replace(one.model, protocol=protocol)) for one in (pair.a, pair.b))
            )
    return pair


def _lists(pair: _Pair, old: Summary, new: Summary, users: int, seed: int) -> lists.ListDiff | str:
    if not pair.same_protocol:
        return _unmeasured(pair)
    return lists.compared(pair.a, pair.b, old, new, users=users, seed=seed)


def _unmeasured(pair: _Pair) -> str:
    """Why rankings and lists cannot be compared; empty where they can."""
    a, b = pair.a.model, pair.b.model
    if not pair.same_protocol:
        return (
            f"{a.name} is measured under {a.protocol}, {b.name} under {b.protocol}: "
            f"run `recaudit report {b.name} --protocol {a.protocol}` on its audit first"
        )
    bare = [
        one.model.name for one in (pair.a, pair.b)
        if not read.has_metrics(one.audit, one.model.model_id, one.model.protocol)
    ]  # fmt: skip
    if not bare:
        return ""
    return (
        f"{' and '.join(dict.fromkeys(bare))} is not measured under {a.protocol}: "
        f"run `recaudit report {bare[0]} --protocol {a.protocol}` on its audit first"
    )


def _no_concepts(pair: _Pair) -> str:
    without = [one.model.name for one in (pair.a, pair.b) if one.sae is None]
    if without:
        return f"{' and '.join(without)} has no sparse autoencoder"
    return "the two have no concepts by one rule: run `recaudit concepts` on both"


def _labels(a: Side, b: Side) -> tuple[str, str]:
    """Model names, with the file or the dictionary where these alone tell the two apart."""
    if a.model.name != b.model.name:
        return a.model.name, b.model.name
    if a.audit.path != b.audit.path:
        return f"{a.model.name} in {a.audit.path.name}", f"{b.model.name} in {b.audit.path.name}"
    if a.sae is not None and b.sae is not None and a.sae.name != b.sae.name:
        return f"{a.model.name} by {a.sae.name}", f"{b.model.name} by {b.sae.name}"
    return a.model.name, b.model.name


def _subject(one: Side, label: str) -> Subject:
    return Subject(label, one.audit.path.name, one.model, one.sae)
