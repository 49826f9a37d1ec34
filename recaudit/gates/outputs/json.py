"""A gate as JSON, and the schema of that JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from recaudit.gates.outcome import GateRun


def render(run: GateRun) -> str:
    """Indented JSON, keys in a fixed order, ending in a newline."""
    return json.dumps(asdict(run), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def schema() -> dict[str, Any]:
    """JSON Schema of ``render``'s output, from the gate's own classes."""
    from pydantic import TypeAdapter  # comes with the ollama client; only the generator needs it

    return TypeAdapter(GateRun).json_schema()
