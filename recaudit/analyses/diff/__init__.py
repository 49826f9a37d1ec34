"""Two models side by side: what changed, and whether it is more than noise.

``compare`` reads two models of one or two audit files and gives a ``Diff``; ``docs/diff.md`` says what each part means.
``summary``, ``changes`` and ``concepts`` are also what gates judge by.
"""

from recaudit.analyses.diff.compare import compare
from recaudit.analyses.diff.outcome import Diff

__all__ = ["Diff", "compare"]
