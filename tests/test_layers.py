"""Rooms depend downwards only, and what must start fast imports nothing heavy (docs/architecture.md)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "recaudit"
LAYERS = [
    {"cli"},
    {"tui"},
    {"plan"},
    {"report", "gates"},
    {"ingest", "analyses", "dictionaries", "interventions", "labels"},
    {"models", "sae", "store"},
    {"checkpoints", "datasets", "metrics"},
    {"errors", "text", "toml_file"},
]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "recaudit" else [f"recaudit.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (n.split(".")[1] for n in names if n.startswith("recaudit.") and n.split(".")[1] in LEVEL)


def modules():
    return [
        path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0].split(".")[0] in LEVEL
    ]


def test_every_room_has_its_level():
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()} - {"__pycache__", "py.typed"}
    assert {room for room in rooms if not room.startswith("__")} == set(LEVEL)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_arrows_point_down(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    upward = [other for other in imported_rooms(path) if LEVEL[other] < LEVEL[room]]
    assert upward == []
    if room == "store":
        assert "models" not in set(imported_rooms(path))


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("recaudit.cli", {"torch", "textual", "numpy", "duckdb", "rich.console", "pandas"}),
        ("recaudit.checkpoints", {"torch", "textual", "pandas", "duckdb"}),
        ("recaudit.store", {"torch", "textual"}),
        ("recaudit.report", {"torch", "textual", "ollama"}),
        ("recaudit.cli.report", {"torch", "textual", "ollama"}),
        ("recaudit.cli.run", {"torch", "textual", "ollama"}),
        ("recaudit.cli.recommend", {"torch", "textual", "ollama"}),
        ("recaudit.cli.tui", {"torch", "textual", "ollama"}),
        ("recaudit.tui.app", {"torch", "pandas", "duckdb", "numpy", "scipy", "sklearn"}),
    ],
)
def test_starts_without(module, absent):
    code = f"import {module}, sys; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert absent & set(loaded.stdout.split()) == set()
