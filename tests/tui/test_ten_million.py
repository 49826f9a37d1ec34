"""The workbench on ten million activations of 16,384 latents: what it shows against the arithmetic that made the store.

Nothing here is timed (``benchmarks/tui.py`` does that); memory is watched.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import tui_store
from recaudit.tui.messages import GoTo
from recaudit.tui.places import Place

USERS, FIRED, LATENTS, ITEMS, HISTORY, WITH_VECTORS = 312_500, 33, 16_384, 5000, 8, 20_000
MOST_MIB = 700
"""What looking through it all may add to the process: not the activations, 10 million rows of 24 bytes, many times over."""


@pytest.fixture(scope="module")
def big(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("big") / "big.duckdb"
    assert tui_store.make(path, latents=LATENTS, users=USERS, fired=FIRED, items=ITEMS) > 10_000_000
    return path


def mixed(number):
    """``tui_store``'s numbers that look random."""
    x = number % 1_000_003
    return (x * x * 31 + number * 7919 + 12345) % 2_147_483_647


def activations() -> tuple[np.ndarray, np.ndarray]:
    """User and latent as one number, ascending and without repeats, and the value of each."""
    key = np.empty(USERS * FIRED, dtype=np.int64)
    value = np.empty(USERS * FIRED, dtype=np.float32)
    user = np.arange(USERS)
    for f in range(FIRED):
        part = slice(f * USERS, (f + 1) * USERS)
        latent = (
            (mixed(user * 64 + f * 7) % 10007)
            * (mixed(user * 97 + f * 1301) % 10007)
            // 10007
            * LATENTS
            // 10007
        )
        key[part] = latent * USERS + user
        value[part] = ((mixed(user * 131 + f * 17) % 1000).astype(np.float32) + 1) / 100
    order = np.argsort(key)
    key, value = key[order], value[order]
    first = np.flatnonzero(np.append(True, np.diff(key) > 0))
    return key[first], np.minimum.reduceat(value, first)


def vectors(first: int, n: int) -> np.ndarray:
    """``n`` vectors whose seeds begin with ``first``: [n, dim]."""
    seed = (first + np.arange(n))[:, None] * 7919 + np.arange(tui_store.DIM)[None, :] * 104729
    return (mixed(seed) % 2000).astype(np.float32) / 1000 - 1


def steered_ndcg(key: np.ndarray, value: np.ndarray, latent: int, by: float) -> float:
    """NDCG@10 over the users with vectors when a latent is multiplied."""
    fires = slice(*np.searchsorted(key, (latent * USERS, latent * USERS + WITH_VECTORS)))
    code = np.zeros(WITH_VECTORS, dtype=np.float32)
    code[key[fires] % USERS] = value[fires]
    x = vectors(0, WITH_VECTORS) + (by - 1) * code[:, None] * vectors(2_000_000 + latent, 1)
    items = vectors(1_000_000, ITEMS)
    user, place = np.arange(WITH_VECTORS)[:, None], np.arange(HISTORY)
    had = (user * 31 + place * place * 17 + place) % ITEMS
    target = (np.arange(WITH_VECTORS) * 31 + 3) % ITEMS
    gained = np.empty(WITH_VECTORS)
    for start in range(0, WITH_VECTORS, 1000):
        part = np.arange(start, start + 1000)
        scores = x[part] @ items.T
        own = scores[part - start, target[part]]
        scores[part[:, None] - start, had[part]] = -np.inf
        scores[part - start, target[part]] = own
        rank = (scores >= own[:, None]).sum(axis=1)
        gained[part] = np.where(rank <= 10, 1 / np.log2(rank + 1), 0)
    return float(gained.mean())


def resident() -> float:
    """MiB of this process; nothing where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20
    except FileNotFoundError:
        return 0.0


@pytest.fixture(scope="module")
def expected() -> tuple[np.ndarray, np.ndarray]:
    return activations()


def test_lists_pages_and_prices_of_ten_million(drive: Callable[..., None], big, expected):
    key, value = expected
    fires = np.bincount(key // USERS, minlength=LATENTS)
    before = resident()

    async def steps(see):
        await see.press("2")
        listing = see.app.pane.listing

        def column(name):
            return [row[[c.name for c in listing.listed.columns].index(name)] for row in listing.listed.rows]

        assert listing.listed.matched == LATENTS
        listing.sort_by("density")
        await see.settle()
        assert column("users") == sorted(fires, reverse=True)[:100]
        assert column("users") == fires[listing.listed.keys].tolist()
        await see.press("G")
        assert listing.listed.offset == LATENTS // 100 * 100
        assert column("users") == sorted(fires)[: LATENTS % 100][::-1]

        await see.press("slash")
        await see.type("density>0.01 -label:horror")
        named_horror = np.arange(LATENTS) % 3 == 0
        named_horror &= np.arange(LATENTS) % len(tui_store.GENRES) == tui_store.GENRES.index("Horror")
        assert listing.listed.matched == ((fires / USERS > 0.01) & ~named_horror).sum()
        await see.press("escape", "escape")

        for latent in (3, 4096):
            see.app.post_message(GoTo(Place("latent", str(latent))))
            await see.settle()
            assert listing.key == latent
            blocks = {block.name: block for block in see.app.pane.page.blocks}
            assert sum(row.values[2] for row in blocks["histogram"].rows) == fires[latent]
            own = value[slice(*np.searchsorted(key, (latent * USERS, (latent + 1) * USERS)))]
            assert column("max")[listing.listed.keys.index(latent)] == pytest.approx(own.max())

        await see.press("7", "a")
        await see.type("3")
        await see.press("enter", "H", "H")
        (edit,) = see.app.desk.trail.now.edits
        price = see.app.pane.price.blocks[0].rows[0].values
        assert price[0] == "NDCG@10"
        assert price[1] == pytest.approx(steered_ndcg(key, value, 3, 1.0), abs=1e-6)
        assert price[2] == pytest.approx(steered_ndcg(key, value, 3, edit.by), abs=1e-6)
        assert price[1] != price[2]
        print(f"\n{resident() - before:.0f} MiB more than before")
        assert resident() - before < MOST_MIB

    drive(big, steps, size=(140, 40))
