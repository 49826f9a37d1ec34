"""Run every analysis that an audit still lacks."""

from __future__ import annotations

from pathlib import Path

from recaudit.analyses import fidelity, findings, health, inputs, ranking
from recaudit.analyses.protocol import protocol_named
from recaudit.store import read, reading, write, writing


def is_analysed(db: Path, name: str | None, protocol: str | None) -> bool:
    """Whether the model's analyses under the protocol are stored; ``None`` means the model's own."""
    with reading(db) as audit:
        model = read.model_named(audit, name)
        return read.has_metrics(audit, model.model_id, protocol or model.protocol)


def analyse(db: Path, name: str | None, protocol: str | None, *, seed: int = 0) -> None:
    """Run ranking, fidelity, health and findings of a model and store them in one transaction."""
    with writing(db) as audit:
        model = read.model_named(audit, name)
        chosen = protocol_named(protocol or model.protocol)
        found = read.saes(audit, model.model_id)
        sae = found[0] if found else None
        run = write.Run("analyse", {"model": model.name, "protocol": chosen.name}, seed, [model.sha256])
        write.add_run(audit, run)
        loaded = inputs.load(audit, model, chosen, seed)
        ranking.analyse(audit, loaded, run)
        if sae is not None:
            fidelity.analyse(audit, loaded, sae, run)
            health.analyse(audit, model, sae, seed=seed, run=run)
        findings.collect(audit, model, sae, chosen.name, run)
