"""How soon the workbench answers on an audit.

    python benchmarks/tui_store.py big.duckdb          # 10 million activations, 16,384 latents
    python benchmarks/tui.py big.duckdb

First paint is a whole process until its first screen stands, against one that imports Textual alone. Opening a latent and
moving a slider are timed in a workbench without a terminal, from the key to the screen: a page's first table and all of it;
the lists in front, and the price of everyone's. Beside the clock stands processor time, which other work on a shared machine
leaves alone; threads that work side by side make it the longer of the two on a quiet one.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from measure import alternate, ratio, run

from recaudit.interventions.edits import Edit
from recaudit.tui.app import AuditApp
from recaudit.tui.asking import is_busy
from recaudit.tui.desk import Desk, slider, turned
from recaudit.tui.messages import GoTo
from recaudit.tui.panes.desk import DeskPane
from recaudit.tui.places import Place

PAINT = """
import sys
from pathlib import Path
from recaudit.tui.app import AuditApp
AuditApp.open_audit = lambda app: app.call_after_refresh(app.exit)
AuditApp(Path(sys.argv[1])).run(headless=True)
"""
SIZE = (140, 40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("db", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--times", type=int, default=100, help="latents opened, sliders moved")
    parser.add_argument(
        "--parts", nargs="+", choices=("paint", "latents", "sliders"), default=("paint", "latents", "sliders")
    )
    given = parser.parse_args()
    if "paint" in given.parts:
        paint(given.db, given.rounds)
    asyncio.run(look(given.db, given.times, given.parts))


def paint(db: Path, rounds: int) -> None:
    sides = {
        "ours": lambda: run([sys.executable, "-c", PAINT, str(db)]),
        "theirs": lambda: run([sys.executable, "-c", "import textual.app"]),
    }
    found = {name: processes[1:] for name, processes in alternate(sides, rounds + 1).items()}
    for what, of in (("clock", "seconds"), ("processor", "cpu_seconds")):
        ours, theirs = ([getattr(process, of) for process in found[name]] for name in ("ours", "theirs"))
        print(
            f"first paint / import textual.app by the {what} = {ratio(ours, theirs)}; "
            f"{1000 * median(ours):.0f} ms against {1000 * median(theirs):.0f} ms"
        )


async def look(db: Path, times: int, parts: Sequence[str]) -> None:
    app = AuditApp(db)
    async with app.run_test(size=SIZE):
        await idle(app)
        print(f"memory with the overview open: {resident():.0f} MiB")
        for name, part in (("latents", latents), ("sliders", sliders)):
            if name in parts:
                await part(app, times)
    print(f"memory at its peak: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


async def latents(app: AuditApp, times: int) -> None:
    assert app.subject is not None
    assert app.subject.sae is not None
    rng = random.Random(0)
    first, whole = Times(), Times()
    app.post_message(GoTo(Place("pane", "latents")))
    await idle(app)
    page = app.query_one("#latents .detail")
    for _ in range(times):
        latent = str(rng.randrange(app.subject.sae.n_latents))
        first.start()
        whole.start()
        app.post_message(GoTo(Place("latent", latent)))
        while app.query_one("#latents").shown != latent or not page.blocks:  # type: ignore[attr-defined]
            await asyncio.sleep(0.001)
        first.stop()
        await idle(app)
        whole.stop()
    first.tell("opening a latent, first table")
    whole.tell("opening a latent, whole page")


async def sliders(app: AuditApp, times: int) -> None:
    start = time.perf_counter()
    app.post_message(GoTo(Place("pane", "interventions")))
    while not isinstance(app.pane, DeskPane) or not app.pane.price.blocks:
        await asyncio.sleep(0.01)
    pane = app.pane
    print(f"the desk's first price, the model read: {time.perf_counter() - start:.2f} s")
    print(f"memory with the desk open: {resident():.0f} MiB", flush=True)
    await idle(app)
    with app.session.reading() as audit:
        rows = audit.rows(
            "SELECT latent FROM latents WHERE sae_id = ? AND entity_kind = 'case' ORDER BY density DESC LIMIT 64",
            [app.subject.sae.sae_id],  # type: ignore[union-attr]
        )
    chosen = [int(latent) for (latent,) in rows]
    for title, edit, turns in (
        ("scale one latent of the 64 busiest", None, times),
        ("scale the eight busiest", Edit("scale", tuple(chosen[:8]), by=1.0), times),
        ("shift one of the busiest (encoded again)", Edit("shift", (chosen[0],), by=0.0), max(times // 4, 1)),
    ):
        rng, seen = random.Random(0), (Times(), Times())
        for number in range(turns):
            own = edit or Edit("scale", (rng.choice(chosen),), by=1.0)
            track = slider(own)
            assert track is not None
            pane.state.trail.change(Desk((own,)))
            pane.desk_changed()
            await idle(app)
            shown = (pane.lists.blocks, pane.price.blocks)
            for times_ in seen:
                times_.start()
            value = track.at((number % 17 + 1) / 20)
            pane.state.trail.change(
                Desk((turned(own, track, value if value != track.neutral else value + 0.3),))
            )
            pane.desk_changed()
            for times_, page, before in zip(seen, (pane.lists, pane.price), shown, strict=True):
                while page.blocks is before:
                    await asyncio.sleep(0.002)
                times_.stop()
            await idle(app)
        seen[0].tell(f"{title}: lists of three users")
        seen[1].tell(f"{title}: price")


async def idle(app: AuditApp) -> None:
    """Until no thread works and nothing waits to be drawn."""
    quiet = 0
    while quiet < 3:  # looked at seldom: looking costs processor time too
        await asyncio.sleep(0.02)
        quiet = 0 if is_busy(app) or app.subject is None else quiet + 1


class Times:
    """Repeated stretches of time, by the clock and by the processor, in seconds."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def start(self) -> None:
        self._begun = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        self.wall.append(time.perf_counter() - self._begun[0])
        self.cpu.append(time.process_time() - self._begun[1])

    def tell(self, title: str) -> None:
        said = []
        for what, seconds in (("clock", self.wall), ("processor", self.cpu)):
            ordered = sorted(seconds)
            p95 = ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]
            said.append(f"{what} p50 {1000 * median(ordered):.0f} ms, p95 {1000 * p95:.0f} ms")
        print(f"{title}: {'; '.join(said)} (n = {len(self.wall)})", flush=True)


def resident() -> float:
    """MiB of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


if __name__ == "__main__":
    main()
