"""The learning rate over time: up, level until nothing improves any more, then down to zero."""

from __future__ import annotations

from dataclasses import dataclass

from recaudit.sae.training.settings import Settings

_BETTER = 1e-3


@dataclass
class Schedule:
    """Where a training stands. A pure function of the settings and the scores it was told."""

    settings: Settings
    limit: int
    """Steps at most."""
    best: float = float("-inf")
    waited: int = 0
    """Looks since the best one."""
    falling_since: int | None = None
    end: int = 0
    """Step after which training is over."""
    reason: str = "steps"

    def __post_init__(self) -> None:
        self.end = self.end or self.limit

    def rate(self, step: int) -> float:
        """Learning rate of a step, numbered from 0."""
        settings = self.settings
        if self.falling_since is None and settings.decay and step >= round(self.limit * (1 - settings.decay)):
            self.falling_since = step
        rate = settings.learning_rate
        if settings.warmup:
            rate *= min(1.0, (step + 1) / settings.warmup)
        if self.falling_since is not None and self.end > self.falling_since:
            rate *= (self.end - step) / (self.end - self.falling_since)
        return rate

    def saw(self, step: int, score: float) -> None:
        """Take note of a look after ``step`` steps."""
        if score > self.best + _BETTER:
            self.best, self.waited = score, 0
        else:
            self.waited += 1
        if self.waited >= self.settings.patience and self.falling_since is None:
            self.falling_since, self.reason = step, "plateau"
            decay = self.settings.decay
            self.end = min(self.limit, step + round(step * decay / (1 - decay)))

    def is_over(self, step: int) -> bool:
        """Whether no further step is to be taken."""
        return step >= self.end
