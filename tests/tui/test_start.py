"""What is loaded before the first paint, and what the command says of bad arguments."""

import asyncio
import os
import select
import shlex
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest
from textual.filter import Monochrome

from recaudit.tui.app import AuditApp

PAINT = """
import asyncio, sys
from pathlib import Path
from recaudit.tui.app import AuditApp
from recaudit.tui.asking import is_busy

async def main():
    app = AuditApp(Path(sys.argv[1]))
    async with app.run_test(size=(80, 24)) as pilot:
        assert app.query_one("#tabs").region.height == 1
        print("first", *sys.modules, file=sys.stdout)
        while app.subject is None or is_busy(app):
            await pilot.pause(0.05)
        for key in ("2", "enter", "4", "enter"):
            await pilot.press(key)
            await pilot.pause(0.2)
            while is_busy(app):
                await pilot.pause(0.05)
        print("looked", *sys.modules)

asyncio.run(main())
"""


def test_nothing_heavy_before_the_first_paint_and_torch_never(made):
    done = subprocess.run(
        [sys.executable, "-c", PAINT, str(made)], capture_output=True, text=True, check=True
    )
    first, looked = (set(line.split()) for line in done.stdout.splitlines())
    assert {"textual", "recaudit.tui.app"} <= first
    assert {"recaudit.tui.data.latent", "recaudit.tui.data.users"} <= looked
    assert "torch" not in looked


STEER = """
import asyncio, sys
from pathlib import Path
from recaudit.tui.app import AuditApp
from recaudit.tui.asking import is_busy
from recaudit.tui.desk import ops_for

async def main():
    app = AuditApp(Path(sys.argv[1]))
    async with app.run_test(size=(80, 24)) as pilot:
        async def press(*keys):
            for key in keys:
                await pilot.press(key)
                await pilot.pause(0.2)
                while is_busy(app):
                    await pilot.pause(0.05)
        while app.subject is None or is_busy(app):
            await pilot.pause(0.05)
        await press("7", "a", "3", "enter", "L", "L")
        print("scaled", "torch" in sys.modules)
        below = [op for op, _ in ops_for(app.desk.trail.now.edits[0])].index("shift")
        await press("c", *"j" * below, "enter")
        print("chosen", app.desk.trail.now.edits[0].op, "torch" in sys.modules)

asyncio.run(main())
"""


def test_torch_comes_with_the_choice_that_needs_it(made):
    done = subprocess.run(
        [sys.executable, "-c", STEER, str(made)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["scaled False", "chosen shift True"]
    assert done.stderr == ""


def test_no_such_file(cli):
    done = cli("tui", "nowhere.duckdb")
    assert done.code == 2
    assert "nowhere.duckdb: no such audit file" in done.err
    assert "recaudit ingest" in done.err


def test_the_file_is_named_as_in_every_other_command_too(cli, made):
    assert "nowhere.duckdb" in cli("tui", "--db", "nowhere.duckdb").err
    for named in ((made,), ("--db", made), (made, "--db", "nowhere.duckdb")):
        assert "no such audit file" not in cli("tui", *named, "--theme", "pink").err


def test_no_such_theme(cli, made):
    done = cli("tui", made, "--theme", "pink")
    assert done.code == 2
    assert "ansi-dark" in done.err


def test_unknown_action_names_the_nearest(cli, made):
    done = cli("tui", made, "--keys", "go.bak=x")
    assert done.code == 2
    assert "no action `go.bak`" in done.err
    assert "`go.back`" in done.err


def test_keys_of_the_settings_file(cli, made, tmp_path):
    (tmp_path / "recaudit.toml").write_text('[tui.keys]\nview.copyy = "c"\n')
    done = cli("tui", made)
    assert done.code == 2
    assert "did you mean `view.copy`?" in done.err


def test_serve_without_its_package(cli, made, monkeypatch):
    monkeypatch.setitem(sys.modules, "textual_serve.server", None)
    done = cli("tui", made, "--serve")
    assert done.code == 5
    assert "recaudit[serve]" in done.err


def test_serve_runs_the_same_workbench_and_warns(cli, made, monkeypatch):
    served = []

    class Server:
        def __init__(self, command, **options):
            served.append((command, options))

        def serve(self):
            served.append("serving")

    monkeypatch.setitem(sys.modules, "textual_serve", ModuleType("textual_serve"))
    monkeypatch.setitem(sys.modules, "textual_serve.server", SimpleNamespace(Server=Server))
    done = cli("tui", made, "--serve", "--port", "8123", "--theme", "nord", "--author", "Ana B")
    (command, options), then = served
    assert shlex.split(command)[1:] == [
        "-m",
        "recaudit",
        "tui",
        str(made),
        "--theme",
        "nord",
        "--author",
        "Ana B",
    ]
    assert (options["host"], options["port"], then) == ("localhost", 8123, "serving")
    assert "no password: whoever reaches localhost:8123" in done.err


@pytest.mark.skipif(not hasattr(select, "poll"), reason="this system cannot tell that a pipe has no writer")
def test_a_served_workbench_ends_with_its_server(made):
    child = subprocess.Popen(
        [sys.executable, "-m", "recaudit", "tui", str(made)],
        env={**os.environ, "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert child.stdout.readline() == b"__GANGLION__\n"
        assert child.poll() is None
        child.stdin.close()  # as when the server is killed: nobody says that it is over
        child.stdout.close()
        child.wait(60)
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("theme", ["textual-dark", "ansi-dark", "textual-light"])
def test_without_colours_letters_differ_from_their_ground(made, monkeypatch, theme):
    monkeypatch.setenv("NO_COLOR", "1")

    async def steps():
        app = AuditApp(made, theme=theme)
        async with app.run_test(size=(80, 24)):
            for strip in app.screen._compositor.render_strips():
                for segment in strip.apply_filter(Monochrome(), app.screen.background_colors[1]):
                    assert not segment.text.strip() or segment.style.color != segment.style.bgcolor

    asyncio.run(steps())
