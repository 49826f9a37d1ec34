"""How people name a model that may be in another audit file."""

from __future__ import annotations

from pathlib import Path

ENDING = ".duckdb"


def located(named: str) -> tuple[Path | None, str | None]:
    """File and model of ``MODEL``, ``FILE.duckdb:MODEL`` or ``FILE.duckdb``; None for what the text leaves open."""
    if f"{ENDING}:" in named:
        file, _, model = named.rpartition(":")
        return Path(file), model or None
    return (Path(named), None) if named.endswith(ENDING) else (None, named)
