"""A small made-up world: users who like one genre, latents that fire for it, and language models that are scripts."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from scipy.sparse import csc_array, csr_array

from recaudit.labels.material import Items, Material
from recaudit.labels.ollama import Reply
from recaudit.labels.prompting import Question
from recaudit.labels.types import Evidence
from recaudit.store.read import Catalogue

GENRES = ("Horror", "Comedy", "Western", "Musical", "War")
WORDS = ("night", "laugh", "saddle", "dance", "battle")


def material(users: int = 300, items: int = 100, *, seed: int = 0) -> Material:
    """User ``u`` likes genre ``u % 5`` and has mostly it; item ``i`` has genre ``i % 5`` and a word for it."""
    rng = np.random.default_rng(seed)
    genre = np.arange(items) % len(GENRES)
    has = csr_array((np.ones(items), (np.arange(items), genre)), shape=(items, len(GENRES)))
    titles = [f"{WORDS[g]} film {i} ({1950 + i})" for i, g in enumerate(genre)]
    known = Items(titles, [("genre", name) for name in GENRES], has, rng.integers(1, 500, items))
    liked = np.arange(users) % len(GENRES)
    shown = np.stack([_taste(rng, genre, g, 7) for g in liked])
    vectors = np.eye(len(GENRES), dtype=np.float32)[liked] + rng.normal(0, 0.1, (users, 5)).astype(np.float32)
    catalogue = Catalogue(np.arange(items), "dot", np.eye(5, dtype=np.float32)[genre], None, {})
    return Material(
        kind="case",
        ids=np.arange(users),
        owner=np.arange(users),
        focus=shown[:, -1],
        history_start=np.arange(users + 1) * 6,
        history=shown[:, :-1].ravel(),
        vectors=vectors,
        items=known,
        catalogue=catalogue,
    )


def _taste(rng: np.random.Generator, genre: np.ndarray, liked: int, n: int) -> np.ndarray:
    own = rng.choice(np.flatnonzero(genre == liked), n, replace=False)
    other = rng.choice(np.flatnonzero(genre != liked), n, replace=False)
    return np.where(rng.random(n) < 0.8, own, other)


def genre_codes(world: Material) -> csc_array:
    """[users, 5] latent ``g`` fires for the users who like genre ``g``, each differently strongly."""
    values = np.random.default_rng(1).uniform(0.5, 3, len(world))
    liked = np.arange(len(world)) % len(GENRES)
    return csc_array((values, (np.arange(len(world)), liked)), shape=(len(world), len(GENRES)))


def random_codes(world: Material, latents: int, *, users: int = 40, seed: int = 2) -> csc_array:
    """Latents that fire for users drawn at random."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate([rng.choice(len(world), users, replace=False) for _ in range(latents)])
    columns = np.repeat(np.arange(latents), users)
    values = rng.uniform(0.5, 3, len(rows))
    return csc_array((values, (rows, columns)), shape=(len(world), latents))


def evidence(latent: int = 0, n: int = 4) -> Evidence:
    """Construction, verification, random and hard entities, ``n`` each, numbered on."""
    parts = np.arange(4 * n).reshape(4, n)
    return Evidence(latent, 2 * n, parts[0], np.full(n, 10), parts[1], parts[2], parts[3], "Horror")


class Script:
    """A language model that is a function; counts what it was asked."""

    def __init__(
        self, answer: Callable[[Question], str | Reply], digest: str | None = "d1", llm: str = "script"
    ) -> None:
        self.answer, self._digest, self.llm = answer, digest, llm
        self.asked: list[Question] = []

    def digest(self) -> str | None:
        return self._digest

    def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        got = self.answer(question)
        return got if isinstance(got, Reply) else Reply(got, "stop")

    def close(self) -> None:
        pass


def is_naming(question: Question) -> bool:
    """Whether the question asks for a name, not for levels."""
    return "concept" in question.schema["properties"]


def cases_in(question: Question) -> list[dict]:
    """The cases of a prompt, as a model would read them."""
    body = json.loads(question.user)
    return body if is_naming(question) else body["cases"]


def reads_genres(question: Question) -> str:
    """A model that does the task well: names the commonest genre, and finds it again."""

    def genres(case: dict) -> list[str]:
        return [title.split("[")[-1].rstrip("]") for title in [*case.get("history", []), case["item"]]]

    if is_naming(question):
        everything = [genre for case in cases_in(question) for genre in genres(case)]
        return json.dumps({"concept": max(sorted(set(everything)), key=everything.count), "description": ""})
    wanted = json.loads(question.user)["responds_to"]
    found = [genres(case).count(wanted) / len(genres(case)) for case in cases_in(question)]
    return json.dumps({"levels": [min(10, round(12 * share)) for share in found]})
