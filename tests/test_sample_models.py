"""The shipped models: ingested as the README says, they give what the tool that trained them printed."""

import json
from pathlib import Path

import pytest

from recaudit.analyses.audit import analyse
from recaudit.analyses.recommend import recommended
from recaudit.checkpoints import read_checkpoint, tools
from recaudit.ingest import IngestRequest, ingest
from recaudit.sae import check_reading
from recaudit.store import read, reading, views

SAMPLES = Path(__file__).resolve().parents[1] / "sample_models"
MANIFEST = json.loads((SAMPLES / "manifest.json").read_text())


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    db = tmp_path_factory.mktemp("samples") / "audit.duckdb"
    for name, protocol in (("sasrec", "recbole-seq"), ("bpr", "history")):
        sae = SAMPLES / "sasrec-sae" if name == "sasrec" else None
        ingest(
            IngestRequest(
                SAMPLES / f"recbole-{name}.pth",
                SAMPLES / "movielens-small",
                db,
                name=name,
                sae=sae,
                ids=str(SAMPLES / "ids.csv"),
                protocol=protocol,
            )
        )
        analyse(db, name, None)
    with reading(db) as opened:
        yield opened


@pytest.mark.parametrize("name", ["sasrec", "bpr"])
@pytest.mark.parametrize("k", [5, 10, 20, 50])
def test_figures_that_recbole_printed(audit, name, k):
    model = read.model_named(audit, name)
    ours = {
        row.metric: row.value
        for row in views.metrics(audit, model, model.protocol).itertuples()
        if row.slice == '{"ranking": "original"}'
    }
    printed = MANIFEST["models"][f"recbole-{name}.pth"]["test"]
    assert ours[f"ranking.hr@{k}"] == pytest.approx(printed[f"recall@{k}"], abs=5e-5)
    assert ours[f"ranking.ndcg@{k}"] == pytest.approx(printed[f"ndcg@{k}"], abs=5e-5)


def test_fidelity_computed_with_sparsify_itself(audit):
    model = read.model_named(audit, "sasrec")
    numbers = views.metrics(audit, model, model.protocol)
    explained = numbers[
        (numbers["metric"] == "fidelity.explained_variance") & (numbers["slice"] == '{"cases": "test"}')
    ]
    theirs = MANIFEST["sae"]["sasrec-sae"]
    assert explained["value"].item() == pytest.approx(theirs["test_rows"]["explained_variance"], abs=1e-4)
    again = numbers[
        (numbers["metric"] == "ranking.ndcg@10") & (numbers["slice"] == '{"ranking": "reconstructed"}')
    ]
    printed = theirs["ranking"]["reconstructed"]["nothing masked"]["ndcg@10"]
    assert again["value"].item() == pytest.approx(printed, abs=5e-5)


@pytest.fixture(scope="module")
def checks(audit):
    """Each autoencoder of the folder, read anew and run on SASRec's test rows."""
    vectors = read.cases(audit, read.model_named(audit, "sasrec"), ("test",)).vectors
    folders = [name for name in MANIFEST["sae"] if (SAMPLES / name).is_dir()]
    specs = {name: tools.read_sae(read_checkpoint(SAMPLES / name), tools.Hints()) for name in folders}
    return {name: check_reading(spec, vectors) for name, spec in specs.items()}


def test_our_own_autoencoder_is_read_as_it_was_written(checks):
    check = checks["sasrec-recaudit-sae"]
    said = MANIFEST["sae"]["sasrec-recaudit-sae"]["test_rows"]
    assert check.rows == said["vectors"]
    assert check.stated.explained_variance == pytest.approx(said["explained_variance"], abs=1e-5)
    assert check.stated.explained_variance > check.best_other.explained_variance
    assert check.stated.l0 == said["l0"] == 8


def test_our_own_autoencoder_explains_as_much_as_the_foreign_one(checks):
    """To half a hundredth: sparsify's was trained on all users' histories, ours on those of nine in ten."""
    ours, theirs = checks["sasrec-recaudit-sae"], checks["sasrec-sae"]
    assert ours.stated.explained_variance > theirs.stated.explained_variance - 0.005


@pytest.mark.parametrize("name", ["sasrec", "bpr"])
def test_golden_users(audit, name):
    for golden in MANIFEST["models"][f"recbole-{name}.pth"]["golden"]:
        for seen, theirs in ((None, golden["top"]), ("history", golden["top_unseen"])):
            ours = recommended(audit, name, golden["user"], k=20, seen=seen)
            assert [item for item, _, _ in ours] == [item for item, _ in theirs]
            assert [score for *_, score in ours] == pytest.approx([score for _, score in theirs], rel=1e-4)


def test_sizes_stay_small():
    files = [path for path in SAMPLES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 6_000_000
