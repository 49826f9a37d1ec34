"""Python's garbage collector, kept from looking through what stays: a full round would hold sliders up for 0.1 s."""

from __future__ import annotations

import gc


def settle() -> None:
    """Spare everything that lives now."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def release() -> None:
    """Spare nothing any more: DuckDB counts at the end what was never collected, and complains."""
    gc.unfreeze()
