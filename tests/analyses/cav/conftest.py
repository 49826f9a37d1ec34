"""A shipped model ingested and its CAVs stored, once, with few draws."""

from pathlib import Path

import pytest

from recaudit.analyses.cav import against_ratings, quality
from recaudit.analyses.cav.command import ensure
from recaudit.analyses.cav.settings import Settings
from recaudit.ingest import IngestRequest, ingest

SAMPLES = Path(__file__).resolve().parents[3] / "sample_models"
FEW = ("--permutations", "19", "--bootstraps", "20")


@pytest.fixture(scope="session")
def sampled(tmp_path_factory):
    """An audit of the sample SASRec with its autoencoder. Read it; never write to it."""
    db = tmp_path_factory.mktemp("cav") / "audit.duckdb"
    ingest(
        IngestRequest(
            SAMPLES / "recbole-sasrec.pth",
            SAMPLES / "movielens-small",
            db,
            name="sasrec",
            sae=SAMPLES / "sasrec-sae",
            ids=str(SAMPLES / "ids.csv"),
            protocol="recbole-seq",
            vectors=0,  # no training histories: CAVs look at newest cases alone
        )
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(against_ratings, "RATING_DRAWS", 60)
        patch.setattr(quality, "_NULL_COSINES", 1000)
        ensure(db, None, Settings(permutations=19, bootstraps=20, repeats=2))
    return db
