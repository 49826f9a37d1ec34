"""Draw the pictures of the workbench: ``python docs/tui_pictures.py [AUDIT]`` after changing it.

Without an audit it makes one of the sample model, with names, concepts, figures of bias and a gate's verdicts, which takes
a minute. Writes ``tui-*.svg`` beside itself.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from textual.widgets import Input

from recaudit.tui.app import AuditApp
from recaudit.tui.asking import is_busy

DOCS = Path(__file__).parent
ROOT = DOCS.parent
SIZE = (132, 38)
PICTURES: dict[str, tuple[str, tuple[str, ...]]] = {
    "overview": ("textual-dark", ("J", "J", "J")),
    "latents": ("textual-dark", ("2", "j", "j", "j")),
    "users": ("textual-light", ("4", "enter")),
    "steer": ("textual-dark", ("7", "a", "=concept:Horror:3", "enter", "L", "L", "L", "a", "=popularity:8", "enter", "H", "M")),
    "gate": ("textual-light", ("9", "j", "j", "j", "j", "enter")),
}  # fmt: skip
"""Name to theme and keys; ``=`` stands before what is written into a field."""


def make(db: Path) -> None:
    """The sample audit with everything the pictures show."""
    for line in (
        f"run {ROOT / 'audits/sample-sasrec.toml'} --db {db}",
        f"bias sasrec --db {db}",
        f"gate sasrec --policy {ROOT / 'audits/policies/default.toml'} --db {db}",
    ):
        command = [sys.executable, "-m", "recaudit", *line.split()]
        subprocess.run(command, check=True, cwd=db.parent, stdout=subprocess.DEVNULL)  # noqa: S603 - our own


async def draw(db: Path, theme: str, keys: tuple[str, ...]) -> str:
    """The screen after some keys, as SVG."""
    app = AuditApp(db, theme=theme)
    async with app.run_test(size=SIZE) as pilot:
        for key in ("", *keys):
            if key.startswith("="):
                assert isinstance(app.focused, Input)
                app.focused.insert_text_at_cursor(key[1:])
            elif key:
                await pilot.press(key)
            quiet = 0
            while quiet < 3:
                await pilot.pause(0.02)
                quiet = 0 if is_busy(app) or app.subject is None else quiet + 1
        return app.export_screenshot(title=f"recaudit tui {db.name}")


def main(db: Path) -> None:
    for name, (theme, keys) in PICTURES.items():
        (DOCS / f"tui-{name}.svg").write_text(asyncio.run(draw(db, theme, keys)) + "\n", "utf-8")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "sample.duckdb"
            make(made)
            main(made)
