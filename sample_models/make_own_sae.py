"""The autoencoder that recaudit itself trains on the sample SASRec, and its lines of ``manifest.json``.

    recaudit's own environment:  python sample_models/make_own_sae.py

Takes less than a minute on one core. The seed is fixed and one thread is used: the same machine gives the same tensors.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from recaudit import __version__
from recaudit.sae import check_reading
from recaudit.store import read, reading

HERE = Path(__file__).resolve().parent
NAME = "sasrec-recaudit-sae"


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        db = Path(work) / "sample.duckdb"

        def recaudit(*words: str | Path) -> None:
            subprocess.run([sys.executable, "-m", "recaudit", *map(str, words), "--db", str(db)], check=True)

        checkpoint, data, ids = HERE / "recbole-sasrec.pth", HERE / "movielens-small", HERE / "ids.csv"
        recaudit("ingest", checkpoint, "--data", data, "--ids", ids, "--name", "sasrec")
        recaudit("train", "sasrec", "--name", "own")
        recaudit("report", "sasrec", "--sae", "own", "-o", Path(work) / "report.json")
        shutil.rmtree(HERE / NAME, ignore_errors=True)
        recaudit("export-sae", "sasrec", "--sae", "own", "--to", "recaudit", "-o", HERE / NAME)
        described = describe(db)
    manifest = json.loads((HERE / "manifest.json").read_text("utf-8"))
    manifest["sae"][NAME] = described

    def fingerprint(file: Path) -> dict[str, object]:
        return {"bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}

    for file in sorted((HERE / NAME).iterdir()):
        manifest["files"][f"{NAME}/{file.name}"] = fingerprint(file)
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (HERE / "manifest.json").write_text(text + "\n", encoding="utf-8")


def describe(db: Path) -> dict[str, object]:
    """What a reader of the files should arrive at."""
    with reading(db) as audit:
        model = read.model_named(audit, "sasrec")
        sae = read.sae_of(audit, model, "own")
        vectors = read.cases(audit, model, ("test",)).vectors
        stated = check_reading(read.sae_spec(audit, model, sae), vectors).stated
        numbers = dict(
            audit.rows(
                "SELECT metric, round(value, 6) FROM metrics WHERE sae_id = ? AND metric IN ('fidelity.ndcg_ratio@10', "
                "'fidelity.overlap@10', 'fidelity.rbo@30', 'fidelity.kendall_tau@30', 'sae.dead_share') ORDER BY metric",
                [sae.sae_id],
            )
        )
    return {
        "tool": f"recaudit {__version__}",
        "explains": "recbole-sasrec.pth, last position of the sequence",
        "training": sae.training,
        "test_rows": {
            "vectors": len(vectors),
            "explained_variance": round(stated.explained_variance, 6),
            "l0": round(stated.l0, 4),
        },
        "metrics": numbers,
    }


if __name__ == "__main__":
    main()
