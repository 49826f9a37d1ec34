"""Random keys on an audit: nothing ends the application, nothing goes untold, memory does not grow with them.

``RECAUDIT_SOAK=5000`` presses so many keys and looks at the memory of the process; a hundred otherwise.
"""

import asyncio
import gc
import os
import random
import resource
from pathlib import Path

from textual.widgets._footer import FooterKey

from recaudit.tui.modals.export import Export

KEYS = [
    *"1234567890", *"jjjjkkgGsSrmoyenpbJK?", "slash", "enter", "enter", "enter", "escape", "escape", "tab", "shift+tab",
    "down", "up", "pagedown", "pageup", "space", "ctrl+p", "f1", "f2", "f5", "backspace", "right_square_bracket", "left",
    "right", "a", "w", "greater_than_sign", "d", "x", *"77iIhlHLLzZnxcuwtUMWPvsfE=",
]  # fmt: skip
GROWTH = 64
"""MiB that may be added after a third of a long soak: caches of Textual and DuckDB fill up, and end."""


def test_thousands_of_keys(look, writable, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    presses = int(os.environ.get("RECAUDIT_SOAK", "100"))
    rng = random.Random(7)
    widgets, resident = [], []

    async def steps():
        async with look(writable, (100, 30), trouble=True) as see:
            for number in range(presses):
                key = rng.choice(KEYS)
                if isinstance(see.app.screen, Export) and key == "enter":
                    key = "escape"
                await see.pilot.press(key)
                if number % 20 == 0:
                    await see.settle()
                    if see.problem is not None:  # nonsense was typed, and it is told as such
                        assert "This went wrong" not in see.text, see.text
                if number % 50 == 49:
                    while len(see.app.screen_stack) > 1:
                        see.app.pop_screen()
                    await see.pilot.resize_terminal(*rng.choice([(80, 24), (140, 40), (100, 30)]))
                    await see.settle()
                    gc.collect()
                    widgets.append(len(list(see.app.query("*"))))
                    resident.append(mebibytes())
            assert see.app.is_running

    asyncio.run(steps())
    assert max(widgets) < 400
    assert sum(type(held) is FooterKey for held in gc.get_objects()) < 100
    if presses >= 1000:
        third = len(resident) // 3
        print(f"MiB after a third {resident[third]:.0f}, at the end {resident[-1]:.0f}")
        assert resident[-1] - max(resident[: third + 1]) < GROWTH


def mebibytes():
    """Of this process, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
