"""A world of the tiny kind with users and items enough to train on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from recaudit.ingest import IngestRequest, ingest
from tests import tiny

USERS, ITEMS = 120, 60


@pytest.fixture(scope="session")
def larger_world(tmp_path_factory) -> dict[str, Path]:
    """``data``, and checkpoints: ``bprmf`` reads users, ``sasrec`` histories, ``vae`` profiles."""
    folder = tmp_path_factory.mktemp("larger")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "USERS", USERS)
        patch.setattr(tiny, "ITEMS", ITEMS)
        found = {"data": tiny.write_data(folder / "data"), **tiny.write_models(folder / "models")}
    found |= {"vae": write_vae(folder / "vae.pth"), "ids": write_ids(folder / "ids.csv")}
    return found | {"table": write_table(found["data"], folder / "table.csv")}


def write_vae(path: Path) -> Path:
    """rectorch's variational autoencoder: 7 hidden, 4 latent."""
    rng = torch.Generator().manual_seed(4)
    shapes = {
        "enc_layers.0": (7, ITEMS),
        "enc_layers.1": (8, 7),
        "dec_layers.0": (7, 4),
        "dec_layers.1": (ITEMS, 7),
    }
    state = {}
    for name, shape in shapes.items():
        state[f"{name}.weight"] = torch.randn(*shape, generator=rng) / 2
        state[f"{name}.bias"] = torch.randn(shape[0], generator=rng) / 2
    torch.save({"epoch": 1, "state_dict": state, "optimizer": {}, "gradient_updates": 10}, path)
    return path


def write_ids(path: Path) -> Path:
    path.write_text("kind,row,raw_id\n" + "".join(f"item,{row},{row + 1}\n" for row in range(ITEMS)))
    return path


def write_table(data: Path, path: Path) -> Path:
    """The same interactions in one table, whose ids are not the model's rows."""
    rows = ["user_id,item_id,timestamp,split"]
    for file, split in (("train", "train"), ("dev", "valid"), ("test", "test")):
        lines = (data / f"{file}.csv").read_text().splitlines()[1:]
        rows += [f"{line.replace(chr(9), ',')},{split}" for line in lines]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="session")
def stored(larger_world, tmp_path_factory) -> Path:
    """An audit of the three models. Copy it; never write to it."""
    path = tmp_path_factory.mktemp("stored") / "audit.duckdb"
    for name in ("bprmf", "sasrec", "vae"):
        data, ids = ("table", str(larger_world["ids"])) if name == "vae" else ("data", None)
        ingest(IngestRequest(larger_world[name], larger_world[data], path, name=name, ids=ids))
    return path


@pytest.fixture
def audit(stored, tmp_path) -> Path:
    """A copy to write to, where commands look for it."""
    return Path(shutil.copy(stored, tmp_path / "audit.duckdb"))
