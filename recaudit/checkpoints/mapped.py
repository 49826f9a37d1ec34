"""A file as bytes that are only read from disk where someone looks."""

from __future__ import annotations

import mmap


def map_file(descriptor: int, size: int) -> memoryview:
    """The first ``size`` bytes of an open file, read-only."""
    # An empty file cannot be mapped.
    if not size:
        return memoryview(b"")
    return memoryview(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ))
