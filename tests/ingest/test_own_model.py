"""The two ways in for files of no known tool: the worked examples of docs/your-own-model.md, run."""

import json

import numpy as np
import pytest
import torch

from recaudit.errors import ExitCode

ITEMS, USERS, DIM = 12, 9, 4


@pytest.fixture
def here(tmp_path, cli):
    """An empty working directory with data and a checkpoint of nobody's making."""
    rng = np.random.default_rng(0)
    rows = "".join(f"{u},{i},{t}\n" for u in range(USERS) for t, i in enumerate(rng.permutation(ITEMS)[:5]))
    (tmp_path / "ratings.csv").write_text("user_id,item_id,timestamp\n" + rows)
    tables = {"a": torch.randn(USERS, DIM), "b": torch.randn(ITEMS, DIM), "c": torch.randn(ITEMS)}
    torch.save({"net": tables, "epoch": 3}, tmp_path / "model.pt")
    np.savez(tmp_path / "towers.npz", items=rng.normal(size=(ITEMS, DIM)))
    return tmp_path


def ingest(cli, *arguments):
    return cli("ingest", *arguments, "--data", "ratings.csv", "--ids", "rows", "--name", "mine")


def listed(cli, user):
    answer = json.loads(cli("recommend", "mine", user, "-k", "3", "--include-seen", "--format", "json").out)
    return [(item["item"], item["score"]) for item in answer["items"]]


def test_scan_lists_paths_for_the_map(cli, here):
    out = cli("scan", "--tensors", "model.pt", "--format", "csv").out
    assert "model.pt,net/b,12x4,float32" in out


def test_map(cli, here):
    (here / "m.toml").write_text(
        'link = "sigmoid"\n[tensors]\nuser = "net/a"\nitem = "net/b"\nitem_bias = "net/c"\n'
    )
    assert ingest(cli, "model.pt", "--map", "m.toml").code == 0
    net = torch.load(here / "model.pt")["net"]
    scores = torch.sigmoid(net["b"] @ net["a"][2] + net["c"])
    best = scores.argsort(descending=True)[:3]
    assert [item for item, _ in listed(cli, "2")] == [str(int(row)) for row in best]
    assert [score for _, score in listed(cli, "2")] == pytest.approx(scores[best].tolist(), abs=1e-6)


def test_map_with_cosine(cli, here):
    (here / "m.toml").write_text('score = "cosine"\n[tensors]\nuser = "net/a"\nitem = "net/b"\n')
    assert ingest(cli, "model.pt", "--map", "m.toml").code == 0
    net = torch.load(here / "model.pt")["net"]
    expected = torch.nn.functional.cosine_similarity(net["b"], net["a"][2]).max()
    assert listed(cli, "2")[0][1] == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ('[tensors]\nuser = "net/x"\nitem = "net/b"\n', ExitCode.REFUSED, "no tensor at net/x"),
        ('fmily = "dot"\n', ExitCode.USAGE, "did you mean family?"),
        ('family = "dott"\n', ExitCode.USAGE, "did you mean dot?"),
        ("[tensors\n", ExitCode.USAGE, "not a readable TOML file"),
    ],
)
def test_map_mistakes(cli, here, text, code, said):
    (here / "m.toml").write_text(text)
    result = ingest(cli, "model.pt", "--map", "m.toml")
    assert result.code == code
    assert said in result.err


ADAPTER = """
import numpy as np

class TwoTowers:
    reads = "sequence"
    history_length = 50

    def __init__(self, checkpoint):
        self.items = np.load(checkpoint)["items"]

    def item_vectors(self):
        return self.items

    def represent(self, users, histories):
        return np.stack([self.items[history].mean(axis=0) for history in histories])
"""


def test_adapter_runs_on_the_users_word_and_the_receipt_says_so(cli, here):
    (here / "my_towers.py").write_text(ADAPTER)
    result = ingest(cli, "towers.npz", "--adapter", "my_towers:TwoTowers")
    assert result.code == 0, result.err
    assert "was run to open this file" in result.err
    rows = json.loads(
        cli("sql", "SELECT verdict, format FROM receipts WHERE role = 'model'", "--format", "json").out
    )
    assert rows["rows"] == [{"verdict": "warnings", "format": "adapter"}]
    assert len(listed(cli, "2")) == 3


@pytest.mark.parametrize("name", ["no_such_module:X", "json:NoSuchClass", "json"])
def test_adapter_mistakes(cli, here, name):
    result = ingest(cli, "towers.npz", "--adapter", name)
    assert result.code == ExitCode.USAGE
    assert "--adapter" in result.err


def test_tool_overrules_detection(cli, world):
    given = (world.models["bprmf"], "--data", world.data)
    assert cli("ingest", *given, "--tool", "rechorus").code == 0
    refused = cli("ingest", *given, "--tool", "recbole")
    assert refused.code == ExitCode.REFUSED
    assert "recbole writes no file like this" in refused.err
    unknown = cli("ingest", *given, "--tool", "recbol")
    assert unknown.code == ExitCode.USAGE
    assert "recbole" in unknown.err
