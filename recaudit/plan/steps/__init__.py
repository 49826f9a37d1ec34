"""The steps of an audit. A new one is a file here and a line in ``STEPS``; see ``recaudit.plan``."""

from recaudit.plan.read import Plan
from recaudit.plan.steps.analyse import Analyse
from recaudit.plan.steps.base import Decision, Doing, Ground, Step
from recaudit.plan.steps.bias import Bias
from recaudit.plan.steps.cav import Cav
from recaudit.plan.steps.concepts import Concepts
from recaudit.plan.steps.debias import Debias
from recaudit.plan.steps.gate import Gate, Gates, Waivers
from recaudit.plan.steps.ingest import Ingest
from recaudit.plan.steps.intervene import Intervene
from recaudit.plan.steps.label import Label
from recaudit.plan.steps.promote import Promote
from recaudit.plan.steps.report import WriteReport, source_of
from recaudit.plan.steps.train import Train
from recaudit.plan.steps.tune import Tune

STEPS: tuple[type[Step], ...] = (
    Ingest,
    Train,
    Analyse,
    Concepts,
    Cav,
    Bias,
    Label,
    Tune,
    Promote,
    Intervene,
    Debias,
    WriteReport,
    Gates,
    Waivers,
    Gate,
)
"""In the order they are done: a step may need those above it."""

NAMES = tuple(dict.fromkeys(step.name for step in STEPS))
"""What ``--only`` and ``--force`` take."""

__all__ = ["NAMES", "STEPS", "Decision", "Doing", "Ground", "Step", "source_of", "steps_of"]


def steps_of(plan: Plan) -> list[Step]:
    """Every step that a plan declares; each comes after those it needs.

    Raises:
        UsageError: a setting that cannot be.
    """
    planned: list[Step] = []
    for kind in STEPS:
        planned += kind.of(plan, tuple(planned))
    return planned
