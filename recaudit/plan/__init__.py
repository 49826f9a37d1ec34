"""Audits as code: a TOML file says what an audit consists of, and ``run`` does what of it is missing.

``read`` turns the file into a ``Plan``, ``steps`` a plan into steps, ``run`` does those that are due.

**Adding a step** takes one file in ``steps`` and one line in ``STEPS`` (``steps/__init__.py``), above the report.
The file holds a subclass of ``Step`` that says

- ``name``, what ``--only`` calls it, and ``declares``, its section of the TOML: usually the options of a command, so
  that a key means what the flag means;
- ``of``, which steps a plan declares, and which of those before them they need;
- ``settings`` and ``files``, everything that decides the result: from these, the steps it needs and recaudit's
  version it is decided whether the step is due;
- ``made_by``, the ids of the runs (table ``runs``) that made what is stored of it, so that what another command wrote
  is noticed. Its query belongs in ``recaudit.store.steps``;
- ``do``, which stores the result and ``self.declared(doing.digests)`` among the arguments of its run in ONE
  transaction: that is all it takes to survive a kill.

``steps/concepts.py`` is the shortest example. The command line needs no change; ``python docs/generate.py``
writes the reference of keys.
"""

from recaudit.plan.keys import Declaration, Key, SectionKeys
from recaudit.plan.read import Plan, locate, read_plan
from recaudit.plan.run import Watcher, run
from recaudit.plan.steps import STEPS, steps_of

__all__ = [
    "STEPS",
    "Declaration",
    "Key",
    "Plan",
    "SectionKeys",
    "Watcher",
    "locate",
    "read_plan",
    "run",
    "steps_of",
]
