"""The steps of an audit, in the order they are done.

A new one is a file here with a subclass of ``Step``, a line in ``steps_of``, and its keys where the command line
declares sections.
"""

from recaudit.plan.read import Plan
from recaudit.plan.steps.analyse import Analyse
from recaudit.plan.steps.base import Decision, Doing, Ground, Step
from recaudit.plan.steps.cav import Cav
from recaudit.plan.steps.concepts import Concepts
from recaudit.plan.steps.ingest import Ingest
from recaudit.plan.steps.label import Label
from recaudit.plan.steps.report import WriteReport, report_of
from recaudit.plan.steps.train import Train

NAMES = tuple(step.name for step in (Ingest, Train, Analyse, Concepts, Cav, Label, WriteReport))
"""What ``--only`` and ``--force`` take."""

__all__ = ["NAMES", "Decision", "Doing", "Ground", "Step", "report_of", "steps_of"]


def steps_of(plan: Plan) -> list[Step]:
    """Every step that a plan declares; each comes after those it needs.

    Raises:
        UsageError: a setting that cannot be.
    """
    (ingest,) = Ingest.of(plan)
    trained = Train.of(plan, (ingest,))
    analysed = Analyse.of(plan, ingest, trained)
    own = {
        step.sae: step for step in analysed if isinstance(step, Analyse) and step.protocol == plan.protocol
    }
    more: list[Step] = [
        *Concepts.of(plan, own),
        *Cav.of(plan, (ingest, *trained)),
        *Label.of(plan, own),
    ]
    stored = [ingest, *trained, *analysed, *more]
    return [*stored, *WriteReport.of(plan, tuple(stored))]
