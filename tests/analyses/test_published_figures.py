"""Real models on real data give the figures that the tools that trained them printed, to four decimals."""

import json

import pytest

from recaudit.analyses.audit import analyse
from recaudit.ingest import IngestRequest, ingest
from recaudit.store import read, reading, views
from tests.shared import SHARED, needs_shared

pytestmark = [pytest.mark.shared, needs_shared]

RECHORUS = ("bprmf", "sasrec", "lightgcn", "timirec")


def fixtures():
    return SHARED / "fixtures"


def audited(db, checkpoint, data, protocol, **request):
    ingest(IngestRequest(checkpoint, data, db, name="model", protocol=protocol, **request))
    analyse(db, None, None)
    with reading(db) as audit:
        model = read.model_named(audit, None)
        numbers = views.metrics(audit, model, protocol)
        saes = read.saes(audit, model.model_id)
    values = {(row.metric, row.slice): row.value for row in numbers.itertuples()}
    return values, saes


@pytest.mark.parametrize("name", RECHORUS)
def test_rechorus_on_movielens_1m(tmp_path, name):
    folder = fixtures() / "ml-1m-rechorus"
    models = {model["name"]: model for model in json.loads((folder / "manifest.json").read_text())["models"]}
    values, _ = audited(tmp_path / "a.duckdb", folder / models[name]["file"], folder / "data", "recsae")
    for printed, expected in models[name]["test"].items():
        metric = f"ranking.{printed.lower()}"
        assert values[metric, '{"ranking": "original"}'] == pytest.approx(expected, abs=5.1e-5), printed


def test_recbole_sasrec_of_the_popsteer_authors(tmp_path):
    folder = fixtures() / "checkpoints" / "popsteer-sasrec-ml1m"
    reference = json.loads((folder / "manifest.json").read_text())["reference"]
    values, _ = audited(
        tmp_path / "a.duckdb",
        next(folder.glob("*.pth")),
        SHARED / "data" / "ml-1m",
        "recbole-seq",
        ids=str(folder / "ids.parquet"),
    )
    assert values["ranking.ndcg@10", '{"ranking": "original"}'] == pytest.approx(
        reference["NDCG@10"], abs=1e-4
    )
    assert values["ranking.hr@10", '{"ranking": "original"}'] == pytest.approx(reference["HR@10"], abs=1e-4)


def test_the_self_check_knows_the_true_k_of_a_foreign_sae(tmp_path):
    folder = fixtures() / "checkpoints" / "recsae-update-sasrec-sae-ml1m"
    reference = json.loads((folder / "manifest.json").read_text())["reference"]
    data = fixtures() / "ml-1m-rechorus" / "data"
    values, (sae,) = audited(tmp_path / "a.duckdb", next(folder.glob("*.pt")), data, "recsae")
    readings = {r["name"]: r["explained_variance"] for r in sae.self_check["others"]}
    readings["k=16"] = sae.self_check["stated"]["explained_variance"]
    expected = reference["explained_variance"]
    # The reference rebuilt its histories from another copy of the data.
    assert readings["k=16"] == pytest.approx(expected["k=16"], abs=2e-3)
    assert readings["k = 8"] == pytest.approx(expected["k=8"], abs=2e-3)
    assert readings["k = 32"] == pytest.approx(expected["k=32"], abs=2e-3)
    assert values["ranking.hr@10", '{"ranking": "original"}'] == pytest.approx(reference["HR@10"], abs=1e-3)
