"""What can be chosen about a set of CAVs, and the name under which its numbers are stored."""

from __future__ import annotations

from dataclasses import dataclass

from recaudit.errors import UsageError

NEGATIVES = {
    "all": "every other item",
    "matched": "as many items of the same popularity decile for each positive",
}
MULTILABEL = {
    "one-vs-rest": "an item is positive for every concept it has",
    "exclusive": "positives have no other concept of the kind; items that have both are left out",
    "adjusted": "other concepts of the kind that share items enter as covariates",
}
SCALING = {
    "centre-norm": "items are centred, then divided by their length; the direction is used as it is",
    "raw": "vectors as the model scores them",
    "standardise": "each coordinate centred and divided by its spread; the direction is mapped back",
}
NULLS = {
    "free": "labels are shuffled among all items used",
    "deciles": "labels are shuffled within popularity deciles: popularity alone cannot win",
}
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
"""C, the inverse strength of the L2 penalty, as in scikit-learn."""


@dataclass(frozen=True)
class Settings:
    """How CAVs are fitted and judged. The defaults are what a report shows."""

    negatives: str = "all"
    multilabel: str = "one-vs-rest"
    scaling: str = "centre-norm"
    null: str = "free"
    folds: int = 5
    repeats: int = 5
    permutations: int = 1000
    bootstraps: int = 200
    least_items: int = 30
    """Positives, and negatives, a concept needs."""
    least_interactions: int = 5
    """Training interactions an item needs: vectors of unlearned items are noise."""
    present_auc: float = 0.6
    """What the lower end of the AUC's interval must reach for a concept to be present."""
    stable_cosine: float = 0.8
    """Mean cosine between bootstrap directions below which a present concept counts as unstable."""
    level: float = 0.05
    """Benjamini-Hochberg level over the concepts of a run."""
    seed: int = 0

    def __post_init__(self) -> None:
        for flag, value, known in (
            ("--negatives", self.negatives, NEGATIVES),
            ("--multilabel", self.multilabel, MULTILABEL),
            ("--scaling", self.scaling, SCALING),
            ("--null", self.null, NULLS),
        ):
            if value not in known:
                raise UsageError(f"{flag} cannot be {value}", fix=f"choose one of: {', '.join(known)}")

    @property
    def variant(self) -> str:
        """Protocol name of the numbers: what was compared with what."""
        return f"cav: {self.negatives} negatives, {self.multilabel}, {self.scaling}, {self.null} null"
