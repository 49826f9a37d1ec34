"""Every note a reader can leave, by its stable code.

====================  =======  ==================================================================
code                  level    meaning
====================  =======  ==================================================================
stubbed-class         info     objects of unknown classes were kept as inert stubs
skipped               info     training state (optimiser, scheduler) was left unread
nested-file           info     a bytes value was itself a checkpoint and was read too
cycle                 info     an object contains itself; the inner reference was cut
ignored-member        info     archive members that hold no weights, such as TorchScript code
object-array          info     a pickled array member was read as a list
non-finite            warning  NaN or infinite values
identical-rows        warning  all rows of an embedding table are equal: the model collapsed
empty-table           warning  an embedding table with 0 rows
not-a-table           warning  an embedding table that is not two-dimensional
integer-table         warning  an embedding table of integers
complex-table         warning  an embedding table of complex numbers
float8                warning  8-bit floats, widened to float32
unreadable-tensor     warning  a tensor of a storage class nobody knows; kept as a stub
score-overflow        warning  dot products of these tables can exceed float32
width-mismatch        warning  user and item tables of different widths
trailing-bytes        warning  bytes after the end of the content
sae-width             warning  the SAE's input width fits no table
sae-dead              warning  units that cannot fire
encoding              warning  text that is not UTF-8
nul                   warning  NUL characters in a table
ragged-rows           warning  rows with too many or too few fields
open-quote            warning  a quoted field that swallows lines
no-rows               warning  a header and nothing else
duplicate-ids         warning  an id that occurs twice
float-ids             warning  ids such as 1.0, which are not 1
mixed-ids             warning  ids that are numbers in some rows and text in others
bad-times             warning  times that are negative, absurd or no numbers
bad-ratings           warning  ratings that are missing or no numbers
empty-fields          warning  ids left blank
row-gaps              warning  an id map whose rows leave most of the table unnamed
====================  =======  ==================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from recaudit.checkpoints.limits import DEFAULT_LIMITS, Limits
from recaudit.checkpoints.refusals import Unsafe
from recaudit.checkpoints.types import Note


@dataclass
class Reading:
    """One file being read: what its readers may use, and what they noticed."""

    file_bytes: int
    limits: Limits = DEFAULT_LIMITS
    source: int | None = None
    """Descriptor of the open file, for the one reader (Parquet) that needs a file, not bytes."""
    open_nested: Callable[[bytes | bytearray, Reading], Any] | None = None
    nesting: int = 0
    format: str = ""
    notes: list[Note] = field(default_factory=list)
    stubs: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    _left: set[Note] = field(default_factory=set)

    @contextmanager
    def one_deeper(self) -> Iterator[None]:
        """While a file inside this file is read."""
        if self.nesting >= self.limits.nested_files:
            raise Unsafe("files inside files nest too deeply")
        self.nesting += 1
        try:
            yield
        finally:
            self.nesting -= 1

    def info(self, code: str, message: str, where: str = "") -> None:
        self._leave(Note("info", code, message, where))

    def warn(self, code: str, message: str, where: str = "") -> None:
        self._leave(Note("warning", code, message, where))

    def _leave(self, note: Note) -> None:
        # A hostile file can cause the same note a million times; once says it.
        if note not in self._left:
            self._left.add(note)
            self.notes.append(note)
