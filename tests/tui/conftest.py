"""Audits to look through, a pilot that waits for threads, and nothing that blinks."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from benchmarks import tui_store
from recaudit.tui.app import AuditApp
from recaudit.tui.asking import is_busy
from recaudit.tui.modals.problem import Problem
from recaudit.tui.widgets import listing

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A small made-up audit: the same on every machine. Read it; never write to it."""
    path = tmp_path_factory.mktemp("made") / "made.duckdb"
    tui_store.make(path, latents=64, users=300, fired=6, items=400)
    return path


@pytest.fixture
def writable(made, tmp_path) -> Path:
    """A copy of ``made``."""
    return Path(shutil.copy(made, tmp_path / "audit.duckdb"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> Path:
    """The sample SASRec with its dictionary, ranked. Read it; never write to it."""
    from recaudit.analyses.audit import analyse
    from recaudit.ingest import IngestRequest, ingest

    db = tmp_path_factory.mktemp("sample") / "sample.duckdb"
    ingest(
        IngestRequest(
            SAMPLES / "recbole-sasrec.pth",
            SAMPLES / "movielens-small",
            db,
            name="sasrec",
            sae=SAMPLES / "sasrec-sae",
            ids=str(SAMPLES / "ids.csv"),
            protocol="recbole-seq",
            vectors=0,
        )
    )
    analyse(db, None, None)
    return db


class Look:
    """A running workbench, its keys, and what stands on its screen."""

    def __init__(self, app: AuditApp, pilot) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys, waiting after each until no thread works any more."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def type(self, text: str) -> None:
        """Write into the field that has the focus, as a paste would: letter by letter each would be answered."""
        field = self.app.focused
        assert isinstance(field, Input)
        field.insert_text_at_cursor(text)
        await self.settle()

    async def settle(self) -> None:
        """Until nothing is asked and every message is handled."""
        quiet = 0
        for _ in range(2000):
            await self.pilot.pause()
            quiet = 0 if is_busy(self.app) else quiet + 1
            if quiet == 2:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("a thread never ends")

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(
            "".join(segment.text for segment in strip)
            for strip in self.app.screen._compositor.render_strips()
        )

    @property
    def problem(self) -> Problem | None:
        """The problem that is told, if any."""
        return next((s for s in self.app.screen_stack if isinstance(s, Problem)), None)


@pytest.fixture
def look(monkeypatch) -> Callable[..., object]:
    """``async with look(db, size=(80, 24)) as see``: a workbench that ends without an untold problem."""
    monkeypatch.setattr(listing, "REST", 0.001)

    @asynccontextmanager
    async def opened(
        db: Path, size: tuple[int, int] = (80, 24), *, trouble: bool = False, **options
    ) -> AsyncIterator[Look]:
        app = AuditApp(db, **options)
        async with app.run_test(size=size) as pilot:
            see = Look(app, pilot)
            await see.settle()
            yield see
            await see.settle()
            assert trouble or see.problem is None, see.text

    return opened


@pytest.fixture
def drive(look):
    """Run a coroutine function with a workbench over an audit."""

    def run(db: Path, steps, size: tuple[int, int] = (80, 24), **options) -> None:
        async def all_steps() -> None:
            async with look(db, size, **options) as see:
                await steps(see)

        asyncio.run(all_steps())

    return run
