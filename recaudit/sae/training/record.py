"""What a training leaves: looks on the way, and the dictionary with its story."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from recaudit.checkpoints.spec import SaeSpec
from recaudit.sae.training.settings import Settings


@dataclass(frozen=True)
class Look:
    """The dictionary at one moment, on rows held out from its training.

    Attributes:
        step: gradient steps taken.
        seconds: of training so far, looks not counted.
        explained_variance: over held-out rows.
        l0: latents active per held-out row.
        dead_share: latents that fired for none of the last 40,000 rows, nor in the last ``Settings.silent`` steps.
        overlap: of the first ten recommendations, reconstructed against original.
        ndcg_ratio: NDCG@10 kept on held-out users' validation targets; None where those are too few.
    """

    step: int
    seconds: float
    explained_variance: float
    l0: float
    dead_share: float
    overlap: float
    ndcg_ratio: float | None
    kept: bool = False

    @property
    def score(self) -> float:
        """What the best look has most of: recommendations kept, and to a tenth accuracy kept.

        The ratio's noise over some thousand targets is several times that of the overlap of a thousand lists:
        in an even mean it would choose a lucky moment.
        """
        return self.overlap if self.ndcg_ratio is None else self.overlap + min(self.ndcg_ratio, 1.0) / 10


@dataclass(frozen=True)
class Trained:
    """The dictionary of the best look, or of the last where none was as sparse as ``k`` asks."""

    spec: SaeSpec
    settings: Settings
    looks: tuple[Look, ...]
    rows: dict[str, int]
    """Vectors trained on, by kind (``case``, ``item``)."""
    held_out: dict[str, int]
    explained_trained: float
    """Explained variance of vectors trained on; ``best.explained_variance`` is of others."""
    explained_by_axes: float
    """What the principal axes of the vectors trained on, as many as latents are active, explain of those others."""
    stopped: str
    """``plateau`` or ``steps``."""
    prediction: str | None
    """What the prediction term was, where there is one."""

    @property
    def best(self) -> Look:
        """The look whose dictionary this is."""
        return next(look for look in self.looks if look.kept)

    def record(self) -> dict[str, Any]:
        """For the audit file: everything but the looks, which have a table, and the clock, which differs."""
        return {
            "settings": asdict(self.settings),
            "digest": self.settings.digest,
            "rows": self.rows,
            "held_out": self.held_out,
            "steps": self.looks[-1].step,
            "best_step": self.best.step,
            "explained_variance": {
                "trained_on": self.explained_trained,
                "held_out": self.best.explained_variance,
                "held_out_by_axes": self.explained_by_axes,
            },
            "stopped": self.stopped,
            "prediction": self.prediction,
        }
