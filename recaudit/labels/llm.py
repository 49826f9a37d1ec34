"""The labeller that asks a language model, and the judge that asks it again knowing only the name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recaudit.labels.asking import Asker
from recaudit.labels.material import HISTORY_SHOWN, Material
from recaudit.labels.prompting import JUDGE, NAME, Question, question, shown
from recaudit.labels.types import NO_ANSWER, Evidence, IntArray, Label, Task
from recaudit.text import printable

CASES_SHOWN = 10
"""Construction entities in one prompt, strongest first."""

CONCEPT_LENGTH, DESCRIPTION_LENGTH = 80, 240

_NAME_TOKENS = 160
_LEVEL_TOKENS = 6
_OUTER_TOKENS = 16

_NAME_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "concept": {"type": "string", "minLength": 1, "maxLength": CONCEPT_LENGTH},
        "description": {"type": "string", "maxLength": DESCRIPTION_LENGTH},
    },
    "required": ["concept", "description"],
    "additionalProperties": False,
}


def _levels_schema(n: int) -> dict[str, Any]:
    level = {"type": "integer", "minimum": 0, "maximum": 10}
    return {
        "type": "object",
        "properties": {"levels": {"type": "array", "items": level, "minItems": n, "maxItems": n}},
        "required": ["levels"],
        "additionalProperties": False,
    }


@dataclass(frozen=True)
class LlmLabeller:
    """Describes from cases as RecSAE does, and judges several cases in one question."""

    name: str
    material: Material
    asker: Asker
    together: int
    """Entities in one question to the judge."""
    seed: int
    history: int = HISTORY_SHOWN
    """Titles of history shown in a case."""
    cases: int = CASES_SHOWN

    def describe(self, evidence: Sequence[Evidence]) -> list[Label | None]:
        """One question a latent; None where no valid answer came."""
        return self.asker.ask([self._naming(one) for one in evidence], lambda _, text: named(text))

    def predict(self, tasks: Sequence[Task]) -> list[IntArray]:
        """One question for each few entities of a task; strong ones and controls are mixed."""
        batches = [
            (place, batch) for place, task in enumerate(tasks) for batch in self._batches(task.entities)
        ]
        questions = [self._judging(tasks[place], tasks[place].entities[batch]) for place, batch in batches]
        answers = self.asker.ask(questions, levels)
        found = [np.full(len(task.entities), NO_ANSWER, np.int64) for task in tasks]
        for (place, batch), answer in zip(batches, answers, strict=True):
            if answer is not None:
                found[place][batch] = answer
        return found

    def _naming(self, evidence: Evidence) -> Question:
        chosen = zip(evidence.construct[: self.cases], evidence.construct_levels[: self.cases], strict=True)
        cases = [
            {**shown(self.material, int(e), self.history), "activation": int(level)} for e, level in chosen
        ]
        return question(NAME, _NAME_SCHEMA, seed=self.seed, longest=_NAME_TOKENS, cases=cases)

    def _judging(self, task: Task, entities: IntArray) -> Question:
        cases = [shown(self.material, int(entity), self.history) for entity in entities]
        longest = _OUTER_TOKENS + _LEVEL_TOKENS * len(cases)
        schema = _levels_schema(len(cases))
        return question(JUDGE, schema, seed=self.seed, longest=longest, label=task.label.text, cases=cases)

    def _batches(self, entities: IntArray) -> list[IntArray]:
        """Places of a task's entities, in random order, a question's worth each."""
        rng = np.random.default_rng([self.seed, *(int(entity) for entity in entities)])
        order = rng.permutation(len(entities))
        return [order[start : start + self.together] for start in range(0, len(order), self.together)]


def named(text: str) -> Label | None:
    """The label in an answer, or None where the answer is not what the schema asks for."""
    body = _object(text)
    concept, description = body.get("concept"), body.get("description")
    if not isinstance(concept, str) or not isinstance(description, str) or not concept.strip():
        return None
    said = printable(" ".join(concept.split()), CONCEPT_LENGTH)
    more = printable(" ".join(description.split()), DESCRIPTION_LENGTH)
    return Label(f"{said}: {more}" if more else said, {"concept": said, "description": more})


def levels(question: Question, text: str) -> IntArray | None:
    """Levels in an answer, or None where it is not what the schema asks for; one outside 0..10 is no answer."""
    found = _object(text).get("levels")
    wanted = question.schema["properties"]["levels"]["minItems"]
    if not isinstance(found, list) or len(found) != wanted:
        return None
    if not all(isinstance(level, int) and not isinstance(level, bool) for level in found):
        return None
    return np.array([level if 0 <= level <= 10 else NO_ANSWER for level in found], np.int64)


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
