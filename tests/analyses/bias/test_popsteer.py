"""PopSteer's published statistics come out exactly; what is not its folder is refused."""

import pytest

from recaudit.analyses.bias import popsteer
from recaudit.errors import InputRefused
from tests.shared import SHARED, needs_shared

ML_1M = {
    "latents": 4096, "d > 0": 140, "d < 0": 3956, "median d": -3.27, "smallest d": -6.59, "largest d": 3.50,
    "|d| > 0.8": 3853, "head items": 113, "mid items": 1066, "tail items": 2237, "interactions": 981_491,
}  # fmt: skip
LAST_FM = {
    "latents": 4096, "d > 0": 1669, "d < 0": 2427, "median d": -0.227, "smallest d": -4.80, "largest d": 2.49,
    "|d| > 0.8": 1655, "head items": 42, "mid items": 1157, "tail items": 1776, "interactions": 60_200,
}  # fmt: skip


@needs_shared
@pytest.mark.shared
@pytest.mark.parametrize(("data", "published"), [("ml-1m", ML_1M), ("lastfm", LAST_FM)])
def test_published_statistics(data, published):
    found = popsteer.read_folder(SHARED / "fixtures" / "popsteer" / data)
    figures = dict(found.figures())
    assert {name: figures[name] for name in published} == pytest.approx(published, abs=0.006)
    assert found.d == pytest.approx(found.listed, rel=1e-12)
    assert found.labelled_otherwise() == 0


def write(folder):
    (folder / "row_stats_popular.csv").write_text(",mean,std\n0,2,1\n1,0,1\n")
    (folder / "row_stats_unpopular.csv").write_text(",mean,std\n0,1,1\n1,2,3\n")
    (folder / "cohens_d.csv").write_text(f",cohen_d\n0,1.0\n1,{-2 / 5**0.5}\n")
    counts = [("a", 40, 1), ("b", 30, 0), ("c", 20, 0), ("d", 10, -1)]
    lines = [
        "item_id:token,interaction_count,popularity_label",
        *(f"{i},{n},{label}" for i, n, label in counts),
    ]
    (folder / "item_popularity_labels_with_titles.csv").write_text("\n".join(lines) + "\n")


def test_by_hand(cli, tmp_path):
    write(tmp_path)
    found = popsteer.read_folder(tmp_path)
    assert found.d == pytest.approx(found.listed)
    assert found.labels.tolist() == [0, 0, 0, -1]  # the first item alone is over a fifth
    done = cli("bias", "--popsteer", tmp_path)
    assert done.code == 0
    assert "never fire" in done.err
    assert "tail items" in done.out


def test_refuses_another_table(tmp_path):
    write(tmp_path)
    (tmp_path / "cohens_d.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputRefused, match="cohen_d"):
        popsteer.read_folder(tmp_path)
    (tmp_path / "cohens_d.csv").write_text(",cohen_d\n0,1.0\n")
    with pytest.raises(InputRefused, match="differ in length"):
        popsteer.read_folder(tmp_path)
