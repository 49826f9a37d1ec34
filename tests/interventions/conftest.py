"""A small model with a dictionary of users and items, to steer."""

from pathlib import Path

import pytest

from recaudit.dictionaries.train import TrainRequest, train_dictionary
from recaudit.ingest import IngestRequest, ingest
from recaudit.sae.training.settings import Settings
from recaudit.store import reading
from recaudit.store.read import find_sae, model_named
from tests import tiny

USERS, ITEMS = 120, 60


@pytest.fixture(scope="session")
def steerable(tmp_path_factory) -> Path:
    """An audit of ``bprmf``, with the dictionary ``both``, and of ``sasrec``. Copy it to write."""
    folder = tmp_path_factory.mktemp("steerable")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "USERS", USERS)
        patch.setattr(tiny, "ITEMS", ITEMS)
        data, models = tiny.write_data(folder / "data"), tiny.write_models(folder / "models")
    path = folder / "audit.duckdb"
    for name in ("bprmf", "sasrec"):
        ingest(IngestRequest(models[name], data, path, name=name))
    settings = Settings(latents=24, k=3, site="both", max_steps=30)
    train_dictionary(TrainRequest(path, settings, model="bprmf", name="both"))
    return path


@pytest.fixture
def opened(steerable):
    """The audit, its model and dictionary."""
    with reading(steerable) as audit:
        model = model_named(audit, "bprmf")
        yield audit, model, find_sae(audit, model, "both")
