"""Prompts: versioned template files, filled with data that stays data.

A title comes from files nobody vetted and may read like an order to the model. It therefore enters a prompt
only inside JSON, with control and formatting characters escaped, and the answer is held to a schema: the worst
a title can do is spoil the level or the name of its own question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from recaudit.labels.material import Material
from recaudit.text import printable

NAME, JUDGE = "name.v1.txt", "judge.v1.txt"

TITLE_CELLS, GENRES_CELLS = 80, 60
"""Width that a title and its genres are cut to."""

CONTEXT = 8192
"""Tokens a server must hold: it would cut a longer prompt silently. The largest prompt here has about 5,000."""


@dataclass(frozen=True)
class Question:
    """What is asked of a language model: everything its answer may depend on but its weights."""

    template: str
    system: str
    user: str
    schema: Mapping[str, Any]
    seed: int
    longest: int
    """Tokens of the answer at most."""

    @property
    def messages(self) -> list[dict[str, str]]:
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.user}]

    @property
    def options(self) -> dict[str, int | float]:
        return {"temperature": 0, "seed": self.seed, "num_predict": self.longest, "num_ctx": CONTEXT}

    def digest(self, llm_digest: str) -> str:
        """sha256 of model, messages, options and schema."""
        identity = [llm_digest, self.messages, self.options, self.schema]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def again(self, *, longer: bool) -> Question:
        """The question with another seed, and room for a longer answer after one that was cut."""
        return replace(self, seed=self.seed + 1, longest=self.longest * 2 if longer else self.longest)


@cache
def template(name: str) -> tuple[str, Template]:
    """System message and user message of a template file."""
    text = (files("recaudit.labels") / "prompts" / name).read_text("utf-8")
    system, _, user = text.partition("\n---\n")
    return " ".join(system.split()), Template(user.strip())


def question(name: str, schema: Mapping[str, Any], *, seed: int, longest: int, **values: Any) -> Question:
    """A template with its places filled by values as JSON."""
    system, user = template(name)
    encoded = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
    return Question(name, system, user.substitute(encoded), schema, seed, longest)


def shown(material: Material, entity: int, history: int) -> dict[str, Any]:
    """An entity as data for a prompt: its item, and the newest ``history`` titles before it."""
    past = material.history_of(entity)[-history:] if history else ()
    case: dict[str, Any] = {"history": [_title(material, int(item)) for item in past]} if len(past) else {}
    return {**case, "item": _title(material, int(material.focus[entity]))}


def _title(material: Material, item: int) -> str:
    items = material.items
    own = items.has.indices[items.has.indptr[item] : items.has.indptr[item + 1]]
    genres = [
        name for kind, name in (items.concepts[place] for place in own) if kind in ("genre", "category")
    ]
    title = printable(items.titles[item], TITLE_CELLS)
    return f"{title} [{printable(', '.join(genres), GENRES_CELLS)}]" if genres else title
