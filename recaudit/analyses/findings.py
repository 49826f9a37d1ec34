"""What the numbers say, in sentences. Each carries the SQL that lists its evidence.

Thresholds are here and nowhere else; they choose words, never verdicts: gates have their own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from recaudit.analyses.health import DENSE, RARE
from recaudit.store import Audit, read, views, write
from recaudit.store.read import Model, Sae
from recaudit.store.write import Finding, Run
from recaudit.text import printable

FAITHFUL, UNFAITHFUL = 0.95, 0.80
"""NDCG kept above which an SAE explains the model it was trained on, and below which it explains another."""
FEW_USERS = 500
HEAVY_SHARE = 0.25
MANY_DEAD = 0.2
MANY_RARE = 0.5
LEARNED_BY_HEART, FEWEST_HELD_OUT = 0.1, 50
"""Explained variance that vectors held out from a training lose against those that were not; of fewer vectors it says little."""
CLEARLY_BETTER = 0.01
"""Explained variance by which another reading of an SAE must win before the stated one is in doubt."""
NOT_ITS_VECTORS = 0.2
"""Explained variance below which an SAE was not trained on the vectors it is run on."""


def collect(audit: Audit, model: Model, sae: Sae | None, protocol: str, run: Run) -> None:
    """Write the findings of a model and its dictionary under a protocol, replacing earlier ones."""
    numbers = views.metrics(audit, model, protocol, sae)
    found: list[tuple[int | None, Finding]] = [
        (None, finding)
        for finding in (
            *_against_popularity(numbers, model, protocol),
            *_few_test_users(audit, model),
            *_receipts(audit, model),
            *_unused_tensors(model),
        )
    ]
    if sae is not None:
        about_sae = (
            *_fidelity(numbers, model, protocol),
            *reading_findings(sae),
            *_dead(numbers, sae),
            *_rare(numbers, sae),
            *_by_heart(sae),
            *_dense(audit, sae),
        )
        found += [(sae.sae_id, finding) for finding in about_sae]
    write.replace_findings(
        audit, model.model_id, protocol, found, run, sae_id=None if sae is None else sae.sae_id
    )


def _number(numbers: pd.DataFrame, metric: str, **slice_: str) -> pd.Series | None:
    wanted = json.dumps(slice_, sort_keys=True)
    found = numbers[(numbers["metric"] == metric) & (numbers["slice"] == wanted)]
    return None if found.empty else found.iloc[0]


def _interval(number: pd.Series, digits: int = 3) -> str:
    return f"{number['value']:.{digits}f} [{number['low']:.{digits}f}, {number['high']:.{digits}f}]"


def _metric_sql(model: Model, metric: str, protocol: str) -> str:
    return (
        f"SELECT * FROM metrics WHERE model_id = {model.model_id} AND metric = '{metric}' "
        f"AND protocol = '{protocol}'"
    )


def _against_popularity(numbers: pd.DataFrame, model: Model, protocol: str) -> list[Finding]:
    gained = _number(numbers, "ranking.ndcg_over_popularity@10")
    own = _number(numbers, "ranking.ndcg@10", ranking="original")
    popular = _number(numbers, "ranking.ndcg@10", ranking="popularity")
    if gained is None or own is None or popular is None:
        return []
    compared = (
        f"NDCG@10 {own['value']:.4f} against {popular['value']:.4f}, paired difference {_interval(gained, 4)}"
    )
    if gained["low"] > 0:
        severity, said = "info", "The model ranks better than plain popularity"
    elif gained["high"] < 0:
        severity, said = "serious", "The model ranks worse than plain popularity"
    else:
        severity, said = "warning", "The data cannot tell the model from plain popularity"
    evidence = _metric_sql(model, "ranking.ndcg_over_popularity@10", protocol)
    return [Finding("beats-popularity", severity, f"{said}: {compared}.", evidence)]


def _few_test_users(audit: Audit, model: Model) -> list[Finding]:
    rows = views.test_rows_by_user(audit, model)
    total, users = int(rows["rows"].sum()), len(rows)
    if not total:
        return []
    heaviest = rows["rows"].head(5).sum() / max(total, 1)
    if users >= FEW_USERS and heaviest < HEAVY_SHARE:
        return []
    sentence = f"Ranking figures rest on {users:,} users with {total:,} test rows"
    if users > 5:
        sentence += f"; the five heaviest own {heaviest:.0%} of them"
    evidence = (
        "SELECT c.user_id, count(*) AS rows FROM targets t JOIN cases c USING (model_id, case_id) "
        f"WHERE model_id = {model.model_id} AND split = 'test' GROUP BY ALL ORDER BY rows DESC"
    )
    return [
        Finding("few-test-users", "warning", sentence + ". Intervals are over users, not rows.", evidence)
    ]


def _receipts(audit: Audit, model: Model) -> list[Finding]:
    findings = []
    for receipt in views.receipts(audit, model).to_dict("records"):
        evidence = f"SELECT notes, stubs FROM receipts WHERE sha256 = '{receipt['sha256']}'"
        stubs = json.loads(receipt["stubs"])
        if stubs:
            names = ", ".join(printable(name, 60) for name in list(stubs)[:4])
            findings.append(
                Finding(
                    f"stubs:{receipt['role']}",
                    "info",
                    f"The {receipt['role']} file names {len(stubs)} classes that were kept as inert stubs and never "
                    f"run ({names}).",
                    evidence,
                )
            )
        for note in json.loads(receipt["notes"]):
            if note["level"] == "warning":
                where = f"{printable(note['where'], 60)}: " if note["where"] else ""
                findings.append(
                    Finding(
                        f"{note['code']}:{receipt['role']}",
                        "warning",
                        f"In the {receipt['role']} file: {where}{printable(note['message'], 200)}.",
                        evidence,
                    )
                )
    return findings


def _unused_tensors(model: Model) -> list[Finding]:
    if not model.unused:
        return []
    shown = ", ".join(printable(name, 48) for name in model.unused[:3])
    more = f" and {len(model.unused) - 3} more" if len(model.unused) > 3 else ""
    return [
        Finding(
            "unused-tensors",
            "info",
            f"{len(model.unused)} tensors of the checkpoint play no part in {model.tool}'s {model.architecture} "
            f"({shown}{more}).",
            f"SELECT unused FROM models WHERE model_id = {model.model_id}",
        )
    ]


def _fidelity(numbers: pd.DataFrame, model: Model, protocol: str) -> list[Finding]:
    kept = _number(numbers, "fidelity.ndcg_ratio@10")
    overlap = _number(numbers, "fidelity.overlap@10")
    if kept is None:
        return []
    severity = "info" if kept["low"] >= FAITHFUL else "serious" if kept["high"] < UNFAITHFUL else "warning"
    sentence = f"The sparse autoencoder keeps {_interval(kept)} of the model's NDCG@10"
    if overlap is not None:
        sentence += f" and {overlap['value']:.0%} of its first ten recommendations"
    if severity == "serious":
        sentence += "; its latents describe a different recommender"
    evidence = _metric_sql(model, "fidelity.ndcg_ratio@10", protocol)
    return [Finding("fidelity", severity, sentence + ".", evidence)]


def reading_findings(sae: Sae) -> list[Finding]:
    """Whether the stated reading of the SAE fits its behaviour, from the stored self-check; controls have none."""
    check = sae.self_check
    if not check:
        return []
    stated = check["stated"]["explained_variance"]
    others = [(r["explained_variance"], r["name"]) for r in check["others"]]
    best, name = max(others, default=(float("-inf"), ""))
    evidence = f"SELECT self_check FROM saes WHERE sae_id = {sae.sae_id}"
    read_as = f"{sae.activation}, k = {sae.k} from {sae.k_source}" if sae.k else sae.activation
    if max(best, stated) < NOT_ITS_VECTORS:
        return [
            Finding(
                "sae-reading",
                "serious",
                f"No reading of the sparse autoencoder fits these vectors: as stated ({read_as}) it explains "
                f"{stated:.3f} of the variance, where predicting the mean explains 0; it was trained on something else.",
                evidence,
            )
        ]
    if best > stated + CLEARLY_BETTER:
        return [
            Finding(
                "sae-reading",
                "serious",
                f"The sparse autoencoder may be misread: as stated ({read_as}) it explains {stated:.3f} of the "
                f"variance, with {name} {best:.3f}.",
                evidence,
            )
        ]
    return [
        Finding(
            "sae-reading",
            "info",
            f"The stated reading of the sparse autoencoder ({read_as}) explains {stated:.3f} of the variance; "
            f"of {len(others)} other readings none does better"
            + (f" (next: {name}, {best:.3f})." if others else "."),
            evidence,
        )
    ]


def _dead(numbers: pd.DataFrame, sae: Sae) -> list[Finding]:
    dead = _number(numbers, "sae.dead_share")
    if dead is None:
        return []
    n_dead = round(dead["value"] * sae.n_latents)
    said = f"{n_dead:,} of the {sae.n_latents:,} latents ({dead['value']:.0%}) fire on no case."
    many = dead["value"] > MANY_DEAD
    if many:
        said += f" A dictionary of {sae.n_latents - n_dead:,} may do as well."
    return [
        Finding(
            "dead-latents",
            "warning" if many else "info",
            said if n_dead else f"Every one of the {sae.n_latents:,} latents fires on some case.",
            f"SELECT latent FROM latents WHERE sae_id = {sae.sae_id} AND dead",
        )
    ]


def _rare(numbers: pd.DataFrame, sae: Sae) -> list[Finding]:
    rare = _number(numbers, "sae.rare_share")
    if rare is None or rare["value"] <= MANY_RARE:
        return []
    return [
        Finding(
            "rare-latents",
            "warning",
            f"{round(rare['value'] * sae.n_latents):,} of the {sae.n_latents:,} latents ({rare['value']:.0%}) fire on fewer "
            f"than {RARE} of the cases looked at: too few to name them or to show that they stand for anything.",
            f"SELECT latent, n_cases FROM latents WHERE sae_id = {sae.sae_id} AND n_cases < {RARE}",
        )
    ]


def learned_by_heart(record: Mapping[str, Any]) -> bool:
    """Whether a training explains vectors that it was trained on far better than others.

    Args:
        record: ``Trained.record()``; one of an earlier version lacks what this asks for.
    """
    explained = record.get("explained_variance")
    if explained is None or min(record["held_out"].values()) < FEWEST_HELD_OUT:
        return False
    return bool(explained["trained_on"] - explained["held_out"] > LEARNED_BY_HEART)


def _by_heart(sae: Sae) -> list[Finding]:
    if not sae.training or not learned_by_heart(sae.training):
        return []
    explained = sae.training["explained_variance"]
    return [
        Finding(
            "learned-by-heart",
            "warning",
            f"The dictionary explains {explained['trained_on']:.2f} of the variance of vectors that it was trained on and "
            f"{explained['held_out']:.2f} of others: it has learned some by heart, and figures on those flatter it. As many principal axes "
            f"as latents are active explain {explained['held_out_by_axes']:.2f} of the others.",
            f"SELECT training FROM saes WHERE sae_id = {sae.sae_id}",
        )
    ]


def _dense(audit: Audit, sae: Sae) -> list[Finding]:
    columns = read.latent_columns(audit, sae)
    dense = columns["latent"][columns["density"] > DENSE]
    if not len(dense):
        return []
    shown = ", ".join(str(latent) for latent in dense[:5])
    return [
        Finding(
            "dense-latents",
            "info",
            f"Latents that fire for more than {DENSE:.0%} of users and act like a bias: {len(dense)} "
            f"({shown}{', …' if len(dense) > 5 else ''}).",
            f"SELECT latent, density FROM latents WHERE sae_id = {sae.sae_id} AND density > {DENSE} "
            "ORDER BY density DESC",
        )
    ]
