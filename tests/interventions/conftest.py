"""A small model with a dictionary of users and items, to steer."""

from pathlib import Path

import numpy as np
import pytest
import torch

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
        write_skewed(data)
        torch.save(biased(), models["bprmf"])
    path = folder / "audit.duckdb"
    for name in ("bprmf", "sasrec"):
        ingest(IngestRequest(models[name], data, path, name=name))
    settings = Settings(latents=24, k=3, site="both", max_steps=30)
    train_dictionary(TrainRequest(path, settings, model="bprmf", name="both"))
    return path


def write_skewed(folder: Path) -> None:
    """Interactions of which item 1 has most and item 60 least; the last two of each user are held out."""
    rng = np.random.default_rng(5)
    share = 1 / np.arange(3, ITEMS + 3)
    rows: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for user in range(1, USERS + 1):
        items = rng.choice(ITEMS, 12, replace=False, p=share / share.sum()) + 1
        for time, item in enumerate(items):
            split = {11: "test", 10: "dev"}.get(time, "train")
            rows[split].append(f"{user}\t{item}\t{1000 + time}")
    for split, lines in rows.items():
        (folder / f"{split}.csv").write_text("\n".join(["user_id\titem_id\ttime", *lines]) + "\n")


def biased() -> dict[str, torch.Tensor]:
    """A model whose first dimension is popularity, for every user."""
    state = tiny.bprmf()
    state["i_embeddings.weight"][1:, 0] = torch.linspace(2, -2, ITEMS)
    state["u_embeddings.weight"][:, 0] = state["u_embeddings.weight"][:, 0].abs() + 0.5
    return state


@pytest.fixture
def opened(steerable):
    """The audit, its model and dictionary."""
    with reading(steerable) as audit:
        model = model_named(audit, "bprmf")
        yield audit, model, find_sae(audit, model, "both")
