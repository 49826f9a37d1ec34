"""Run every analysis that an audit still lacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recaudit.analyses import fidelity, findings, health, inputs, ranking
from recaudit.analyses.protocol import protocol_named
from recaudit.store import Audit, read, reading, write, writing
from recaudit.store.read import Model, Sae


def is_analysed(db: Path, name: str | None, protocol: str | None, sae: str | None = None) -> bool:
    """Whether the analyses of the model, and of one of its dictionaries, under the protocol are stored.

    Args:
        protocol: None means the model's own.
        sae: name of a dictionary; None means the newest autoencoder, where there is one.
    """
    with reading(db) as audit:
        model = read.model_named(audit, name)
        chosen = read.find_sae(audit, model, sae)
        asked = (None,) if chosen is None else (None, chosen)
        return all(_done(audit, model, protocol or model.protocol, one) for one in asked)


def _done(audit: Audit, model: Model, protocol: str, sae: Sae | None) -> bool:
    if sae is not None:
        return read.has_metrics(audit, model.model_id, protocol, sae)
    if read.has_metrics(audit, model.model_id, protocol):
        return True
    # Without anything held out a model as it is has lists, but no number.
    return read.has_lists(audit, model.model_id, protocol)


def analyse(
    db: Path,
    name: str | None,
    protocol: str | None,
    *,
    sae: str | None = None,
    seed: int = 0,
    again: bool = False,
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Run ranking, fidelity, health and findings of a model and one dictionary; store them in one transaction.

    Arguments as for ``is_analysed``, and

    Args:
        again: also run the ranking that is stored; the rest is always run.
        arguments: for the ``runs`` table, beside the model's, the protocol's and the dictionary's name.
    """
    with writing(db) as audit:
        model = read.model_named(audit, name)
        chosen = protocol_named(protocol or model.protocol)
        dictionary = read.find_sae(audit, model, sae)
        said = {
            "model": model.name,
            "protocol": chosen.name,
            **({"sae": sae} if sae else {}),
            **(arguments or {}),
        }
        run = write.Run("analyse", said, seed, [model.sha256])
        write.add_run(audit, run)
        loaded = inputs.load(audit, model, chosen, seed)
        if again or not _done(audit, model, chosen.name, None):
            ranking.analyse(audit, loaded, run)
        if dictionary is not None:
            fidelity.analyse(audit, loaded, dictionary, run)
            health.analyse(audit, model, dictionary, seed=seed, run=run)
        findings.collect(audit, model, dictionary, chosen.name, run)
