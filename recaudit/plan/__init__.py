"""Audits as code: a TOML file says what an audit consists of, and ``run`` does what of it is missing.

``read`` turns the file into a ``Plan``, ``steps`` a plan into steps, ``run`` does those that are due.
"""

from recaudit.plan.keys import Key, SectionKeys
from recaudit.plan.read import Plan, locate, read_plan
from recaudit.plan.run import Watcher, run
from recaudit.plan.steps import steps_of

__all__ = ["Key", "Plan", "SectionKeys", "Watcher", "locate", "read_plan", "run", "steps_of"]
