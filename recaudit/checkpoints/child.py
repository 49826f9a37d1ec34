"""The isolated process: the file on standard input, the result on standard output.

It limits itself before it looks at the first byte.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any, NoReturn

from recaudit.checkpoints.codec import message, write_checkpoint
from recaudit.checkpoints.limits import Limits
from recaudit.checkpoints.mapped import map_file
from recaudit.checkpoints.notes import Reading
from recaudit.checkpoints.read import read
from recaudit.errors import InputRefused

STDIN, STDOUT = 0, 1


def main() -> int:
    request: dict[str, Any] = json.loads(sys.argv[-1])
    limits = Limits(**request["limits"])
    size = os.fstat(STDIN).st_size
    most_output = limits.output_for(size)
    restrict(limits, size, most_output)
    # Composed while there is memory to do so.
    out_of_memory = message({"limit": f"{limits.memory_for(size) >> 20:,} MiB of memory"})
    spool = os.fdopen(STDOUT, "wb", closefd=False)
    try:
        reading = Reading(size, limits, source=STDIN)
        write_checkpoint(read(map_file(STDIN, size), request["name"], reading), spool, most_output)
    except InputRefused as refusal:
        spool.seek(0)
        spool.write(message({"refused": refusal.message, "fix": refusal.fix}))
    except MemoryError:
        _give_up(out_of_memory)
    spool.flush()
    return 0


def _give_up(text: bytes) -> NoReturn:
    """Says why and leaves at once: an orderly exit allocates, and can hang when nothing is left."""
    os.lseek(STDOUT, 0, os.SEEK_SET)
    os.write(STDOUT, text)
    os._exit(0)


def restrict(limits: Limits, file_bytes: int, most_output: int) -> None:
    """Bounds memory, time and output, where the system knows such bounds."""
    try:
        import resource
    except ImportError:
        return
    room = most_output + limits.output_bytes
    for name, bound in (
        (resource.RLIMIT_AS, limits.memory_for(file_bytes)),
        (resource.RLIMIT_CPU, limits.seconds),
        (resource.RLIMIT_FSIZE, room),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(name)
        ceiling = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        # macOS refuses a bound on address space; the bound on time remains.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(name, (ceiling, hard))


if __name__ == "__main__":
    sys.exit(main())
