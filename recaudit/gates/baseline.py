"""What ``--baseline`` may name: a blessed baseline, a model here or in another audit file, a baseline file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recaudit.analyses.diff.summary import Summary, summarise
from recaudit.errors import UsageError
from recaudit.gates import document
from recaudit.store import Audit, gates, read, reading
from recaudit.store.naming import located
from recaudit.text import printable


@dataclass(frozen=True)
class Baseline:
    """A model to compare with. ``author``, ``reason`` and ``blessed`` are None where nobody blessed it."""

    name: str
    summary: Summary
    author: str | None = None
    reason: str | None = None
    blessed: str | None = None


def find(audit: Audit, named: str, sae: str | None = None) -> Baseline:
    """The baseline that a text names.

    Args:
        audit: where names are looked up: blessed ones first, then models.
        named: NAME, MODEL, FILE.json, FILE.duckdb or FILE.duckdb:MODEL.
        sae: the dictionary of a model that is no document, by name.

    Raises:
        UsageError: nothing of that name; lists what there is.
        InputRefused: a file that is no baseline, or no audit.
    """
    if named.endswith(".json"):
        return _of_document(*document.read_file(Path(named)))
    file, model = located(named)
    if file is not None:
        with reading(file) as other:
            return _of_model(other, model, named, sae)
    blessed = gates.baseline_named(audit, named)
    if blessed is not None:
        return _of_document(*document.read(blessed.document, f"baseline {named}"))
    if any(known.name == named for known in read.models(audit)):
        return _of_model(audit, named, named, sae)
    known_names = [one.name for one in gates.baselines(audit)] + [one.name for one in read.models(audit)]
    raise UsageError(
        f"no baseline and no model is called {printable(named)}",
        fix=f"name one of: {', '.join(printable(name, 40) for name in known_names)}; a .json file that `recaudit bless` "
        "wrote; or AUDIT.duckdb:MODEL",
    )


def _of_document(summary: Summary, blessing: document.Blessing) -> Baseline:
    when = blessing.blessed.isoformat(timespec="seconds")
    return Baseline(blessing.name, summary, blessing.author, blessing.reason, when)


def _of_model(audit: Audit, name: str | None, named: str, sae: str | None) -> Baseline:
    model = read.model_named(audit, name)
    wanted = sae if any(one.name == sae for one in read.saes(audit, model.model_id)) else None
    return Baseline(named, summarise(audit, model, read.find_sae(audit, model, wanted)))
