"""A conditioned model: named conditions become cases, and lists under them are the model's own."""

import json

import numpy as np
import pytest
import torch

from recaudit.errors import ExitCode
from tests import tiny

NAMES = ("calm", "loud", "odd")
HIDDEN, LATENT = 7, 4


@pytest.fixture
def ingested(cli, tmp_path):
    """rectorch's conditioned VAE over the tiny world's items, ingested under the name ``cvae``."""
    generator = torch.Generator().manual_seed(0)
    rand = lambda *shape: torch.randn(*shape, generator=generator) / 3  # noqa: E731
    n = tiny.ITEMS
    state = {
        "enc_layers.0.weight": rand(HIDDEN, n + len(NAMES)),
        "enc_layers.0.bias": rand(HIDDEN),
        "enc_layers.1.weight": rand(2 * LATENT, HIDDEN),
        "enc_layers.1.bias": rand(2 * LATENT),
        "dec_layers.0.weight": rand(HIDDEN, LATENT),
        "dec_layers.0.bias": rand(HIDDEN),
        "dec_layers.1.weight": rand(n, HIDDEN),
        "dec_layers.1.bias": rand(n),
    }
    checkpoint = {"epoch": 1, "state_dict": state, "optimizer": {}, "gradient_updates": 10}
    torch.save(checkpoint, tmp_path / "chkpt.pth")
    data = tiny.write_data(tmp_path / "data")
    ids = "".join(f"item,{row},{row + 1}\n" for row in range(n))
    (tmp_path / "ids.csv").write_text("kind,row,raw_id\n" + ids)
    (data / "item_meta_all_info.csv").unlink()

    def run(*flags):
        rows = []
        for split in ("train", "dev", "test"):
            lines = (data / f"{split}.csv").read_text().splitlines()[1:]
            rows += [f"{line.replace(chr(9), ',')},{'valid' if split == 'dev' else split}" for line in lines]
        (tmp_path / "r.csv").write_text("user_id,item_id,timestamp,split\n" + "\n".join(rows) + "\n")
        return cli("ingest", "chkpt.pth", "--data", "r.csv", "--ids", "ids.csv", "--name", "cvae", *flags)

    return run, state, data


def scores(state, items, condition):
    row = np.zeros(tiny.ITEMS)
    row[items] = 1 / np.sqrt(len(items))
    one_hot = np.zeros(len(NAMES))
    if condition is not None:
        one_hot[condition] = 1
    w = {key: tensor.numpy().astype(float) for key, tensor in state.items()}
    x = np.tanh(w["enc_layers.0.weight"] @ np.concatenate([row, one_hot]) + w["enc_layers.0.bias"])
    z = (w["enc_layers.1.weight"] @ x + w["enc_layers.1.bias"])[:LATENT]
    return (
        w["dec_layers.1.weight"] @ np.tanh(w["dec_layers.0.weight"] @ z + w["dec_layers.0.bias"])
        + w["dec_layers.1.bias"]
    )


@pytest.mark.parametrize("condition", [None, 0, 2])
def test_lists_under_a_condition(cli, ingested, condition):
    run, state, data = ingested
    assert run("--conditions", ",".join(NAMES)).code == 0
    flags = () if condition is None else ("--condition", NAMES[condition])
    answer = json.loads(
        cli("recommend", "cvae", "5", "-k", "30", "--include-seen", "--format", "json", *flags).out
    )
    lines = [
        line.split("\t")
        for s in ("train", "dev")
        for line in (data / f"{s}.csv").read_text().splitlines()[1:]
    ]
    items = [int(item) - 1 for user, item, _ in lines if user == "5"]
    expected = scores(state, items, condition)
    assert {item["item"]: item["score"] for item in answer["items"]} == pytest.approx(
        {str(row + 1): score for row, score in enumerate(expected)}, abs=1e-4
    )


def test_a_file_may_name_them(cli, ingested, tmp_path):
    (tmp_path / "names.txt").write_text("\n".join(NAMES) + "\n")
    assert ingested[0]("--conditions", "names.txt").code == 0
    assert cli("recommend", "cvae", "5", "--condition", "odd").code == 0


def test_the_number_of_names_must_fit(ingested):
    result = ingested[0]("--conditions", "a,b")
    assert result.code == ExitCode.REFUSED
    assert "2 conditions are named but the model takes 3" in result.err


def test_unknown_conditions_list_the_known(cli, ingested):
    ingested[0]("--conditions", ",".join(NAMES))
    result = cli("recommend", "cvae", "5", "--condition", "lod")
    assert result.code == ExitCode.USAGE
    assert "calm, loud, odd" in result.err


def test_too_many_cases_become_a_seeded_sample(cli, ingested, monkeypatch):
    monkeypatch.setattr("recaudit.ingest.cases._CONDITIONED_CELLS", 10 * len(NAMES) * HIDDEN)
    result = ingested[0]("--conditions", ",".join(NAMES))
    assert "30 users without conditioned cases" in result.err
    rows = cli("sql", "SELECT count(*) AS n FROM cases WHERE kind = 'conditioned'", "--format", "csv").out
    assert rows == "n\n30\n"
