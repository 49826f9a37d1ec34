"""What stands on the screen, letter by letter and colour by colour, at two sizes and in two themes.

``screens/`` holds a text file for each: a line of the screen, and below it its runs of styles by letter, named at the end.
``RECAUDIT_SCREENS=write pytest tests/tui/test_screens.py`` writes them anew; look at the difference before it is committed.
"""

import asyncio
import os
import string
from pathlib import Path
from types import SimpleNamespace

import pytest

from recaudit.tui.data import steer

FOLDER = Path(__file__).with_name("screens")
LOOKS = {"narrow-dark": ((80, 24), "textual-dark"), "wide-light": ((140, 40), "textual-light")}
STEPS = {
    "overview": (),
    "latents": ("2", "j"),
    "concepts": ("3",),
    "users": ("4", "enter"),
    "items": ("5",),
    "bias": ("6",),
    "interventions": ("7",),
    "compare": ("8",),
    "gate": ("9",),
    "sql": ("0", "tab"),
    "help": ("2", "question_mark"),
}
"""Keys that lead to a screen; each ends where the tab begins."""


def written(screen) -> str:
    """A screen as text: lines, runs of styles, and what each style is."""
    styles: dict[str, str] = {}
    lines = []
    for strip in screen._compositor.render_strips():
        runs: list[tuple[str, int]] = []
        for segment in strip:
            letter = styles.setdefault(_style(segment.style), _letter(len(styles)))
            if runs and runs[-1][0] == letter:
                runs[-1] = (letter, runs[-1][1] + segment.cell_length)
            elif segment.cell_length:
                runs.append((letter, segment.cell_length))
        text = "".join(segment.text for segment in strip)
        lines += [f"|{text}|", " " + " ".join(f"{letter}{length}" for letter, length in runs)]
    return "\n".join([*lines, "", *(f"{letter}: {style}" for style, letter in styles.items()), ""])


def _style(style) -> str:
    if style is None:
        return "- on -"
    colours = [c.get_truecolor().hex if c is not None else "-" for c in (style.color, style.bgcolor)]
    marks = [name for name in ("bold", "dim", "italic", "reverse", "underline") if getattr(style, name)]
    return " ".join([colours[0], "on", colours[1], *marks])


def _letter(number: int) -> str:
    letters = string.ascii_letters
    return letters[number] if number < len(letters) else f"{letters[number % 52]}'"


@pytest.mark.parametrize("look_", LOOKS)
def test_screens_are_as_they_were(look, made, look_, monkeypatch):
    monkeypatch.setattr(steer, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    size, theme = LOOKS[look_]
    differ = []

    async def steps():
        async with look(made, size, theme=theme) as see:
            for name, keys in STEPS.items():
                await see.press(*keys)
                if name == "interventions":
                    await see.press("a")
                    await see.type("0 3")
                    await see.press("enter", "H", "j", "l")
                now = written(see.app.screen)
                path = FOLDER / f"{name}-{look_}.txt"
                if os.environ.get("RECAUDIT_SCREENS") == "write":
                    FOLDER.mkdir(exist_ok=True)
                    path.write_text(now, "utf-8")
                elif now != path.read_text("utf-8"):
                    differ.append(name)
            await see.press("escape")

    asyncio.run(steps())
    assert differ == [], f"look at {FOLDER} after RECAUDIT_SCREENS=write"
