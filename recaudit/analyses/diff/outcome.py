"""What a diff holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recaudit.analyses.diff.concepts import ConceptDiff, Fate
from recaudit.analyses.diff.latents import LatentDiff
from recaudit.analyses.diff.lists import ListDiff
from recaudit.analyses.diff.metrics import MetricChange
from recaudit.store.read import Model, Sae
from recaudit.store.write import Finding


@dataclass(frozen=True)
class Subject:
    """One of the two models: what people call it, the name of its audit file, and its facts."""

    label: str
    file: str
    model: Model
    sae: Sae | None


@dataclass(frozen=True)
class Diff:
    """What changed from model A to model B.

    Attributes:
        protocol: that both were measured under; None where there is none.
        about: whom the metrics are compared over, in words.
        paired: the same users were drawn on both sides.
        same_held_out: both were tested on the same interactions.
        same_people: median share of items in common of users with the same id; None within one data set, or where no
            id is shared. Near 0 the ids mean different people, and nothing that is paired by them means anything.
        metrics: every number that both have, see ``MetricChange``.
        concepts: one for each source that both have (coverage, concept vectors); empty without.
        latents, lists: None where they could not be compared.
        findings: sentences for people, worst first.
        missing: part -> why it could not be compared.
    """

    a: Subject
    b: Subject
    protocol: str | None
    about: str
    paired: bool
    same_held_out: bool
    same_people: float | None
    metrics: tuple[MetricChange, ...]
    concepts: tuple[ConceptDiff, ...]
    latents: LatentDiff | None
    lists: ListDiff | None
    findings: tuple[Finding, ...]
    missing: Mapping[str, str]
    seed: int

    @property
    def nothing_changed(self) -> bool:
        """Same checkpoint, same dictionary, and no number, list, latent or concept differs."""
        return (
            self.a.model.sha256 == self.b.model.sha256
            and _hash(self.a.sae) == _hash(self.b.sae)
            and all(one.change.value == 0 for one in self.metrics)
            and (
                self.lists is None
                or self.lists.same == self.lists.users == self.lists.of_a == self.lists.of_b
            )
            and (self.latents is None or all(pair.score == 1 for pair in self.latents.pairs))
            and all(
                one.a == one.b and one.latent_a == one.latent_b and one.fate in (Fate.KEPT, Fate.ABSENT)
                for diff in self.concepts
                for one in diff.changes
            )
        )


def _hash(sae: Sae | None) -> str | None:
    return None if sae is None else sae.sha256
