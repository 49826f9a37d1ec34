"""Untrusted checkpoint files in; plain containers, arrays, inert stubs and a receipt out.

Nothing a file names is imported or called, and the bytes are only looked at in a process of its own
with bounds on memory and time. Note codes are listed in ``notes.py``.
"""

from recaudit.checkpoints.limits import DEFAULT_LIMITS, Limits
from recaudit.checkpoints.scan import read_checkpoint, scan_file
from recaudit.checkpoints.types import Checkpoint, Note, Receipt, Stub

__all__ = [
    "DEFAULT_LIMITS",
    "Checkpoint",
    "Limits",
    "Note",
    "Receipt",
    "Stub",
    "read_checkpoint",
    "scan_file",
]
