"""A conditioned model: its code space is the network's own, the controls are what they say, and nDCG is by hand."""

import json
import shutil

import numpy as np
import pytest
import torch

from recaudit.analyses.cav import conditioned_ranking, latent_space
from recaudit.analyses.cav.command import ensure
from recaudit.analyses.cav.settings import Settings
from recaudit.datasets import ReadOptions
from recaudit.errors import ExitCode
from recaudit.ingest import IngestRequest, ingest
from recaudit.report import cav as report
from recaudit.store import conditions, read, reading
from tests import tiny

# Two of the three have a concept of that name in the tiny world; the last has none.
NAMES = ("Horror", "Comedy", "Drama", "odd")
HIDDEN, LATENT = 9, 5


def write_plain(folder):
    """The tiny world as one table of interactions with a split, and one of items."""
    data = tiny.write_data(folder / "data")
    rows = []
    for split, file in (("train", "train"), ("valid", "dev"), ("test", "test")):
        lines = (data / f"{file}.csv").read_text().splitlines()[1:]
        rows += [f"{line.replace(chr(9), ',')},{split}" for line in lines]
    (folder / "r.csv").write_text("user_id,item_id,timestamp,split\n" + "\n".join(rows) + "\n")
    meta = [line.split("\t") for line in (data / "item_meta_all_info.csv").read_text().splitlines()[1:]]
    (folder / "items.csv").write_text(
        "item_id,title,genres\n" + "".join(f"{item},{title},{genres}\n" for item, _, title, genres in meta)
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """rectorch's conditioned VAE over the tiny world, ingested and looked at once: its folder and its weights."""
    folder = tmp_path_factory.mktemp("conditioned")
    generator = torch.Generator().manual_seed(0)
    rand = lambda *shape: torch.randn(*shape, generator=generator) / 2  # noqa: E731
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
    torch.save(
        {"epoch": 1, "state_dict": state, "optimizer": {}, "gradient_updates": 1}, folder / "chkpt.pth"
    )
    rows = "".join(f"item,{row},{row + 1}\n" for row in range(n))
    (folder / "ids.csv").write_text("kind,row,raw_id\n" + rows)
    write_plain(folder)
    request = IngestRequest(
        folder / "chkpt.pth",
        folder / "r.csv",
        folder / "audit.duckdb",
        name="cvae",
        ids=str(folder / "ids.csv"),
        options=ReadOptions(items=folder / "items.csv"),
        conditions=NAMES,
    )
    ingest(request)
    settings = Settings(permutations=19, bootstraps=20, least_items=10, least_interactions=0)
    ensure(request.db, "cvae", settings, checkpoint=request.checkpoint)
    return folder, {key: tensor.numpy().astype(float) for key, tensor in state.items()}


@pytest.fixture
def ingested(made, tmp_path):
    """A copy of its files to work on; returns its weights."""
    folder, weights = made
    for name in ("chkpt.pth", "audit.duckdb"):
        shutil.copy(folder / name, tmp_path)
    return weights


# The tiny world has 30 items; a CAV needs ten on either side.
FEW = ("--permutations", "19", "--bootstraps", "20", "--least-items", "10", "--least-interactions", "0")


def rows_of(path, query):
    with reading(path) as audit:
        return audit.rows(query)


def test_everything_is_stored_and_said(cli, ingested, tmp_path):
    result = cli("cav", "cvae", *FEW)
    assert result.code == 0, result.err
    assert "fitting" not in result.err
    assert "untrained network" in result.err
    assert "condition columns alone" in result.err
    db = tmp_path / "audit.duckdb"
    spaces = dict(rows_of(db, "SELECT space, count(*) FROM condition_distances GROUP BY space"))
    assert spaces == dict.fromkeys(("probe", "latent", "untrained", "columns"), 6) | {"items": 3}
    for metric in ("cav.silhouette", "cav.condition_match", "cav.condition_ndcg@100"):
        assert rows_of(db, f"SELECT 1 FROM metrics WHERE metric = '{metric}'")
    for (query,) in rows_of(db, "SELECT evidence FROM findings WHERE protocol = 'conditions'"):
        assert json.loads(cli("sql", query, "--format", "json").out)["rows"]
    with reading(db) as audit:
        sections = report.sections(audit, read.model_named(audit, "cvae"))
    (table,) = [section for section in sections if section.name == "conditions"]
    assert {row[0] for row in table.rows} == {*NAMES, "(none)"}
    assert all(len(str(row[2]).split(", ")) == 3 for row in table.rows if row[0] != "(none)")
    assert json.loads(cli("sql", table.sql, "--format", "json").out)["rows"]


def test_distances_are_those_of_the_networks_codes(ingested, tmp_path):
    db = tmp_path / "audit.duckdb"
    w = ingested
    with reading(db) as audit:
        model = read.model_named(audit, "cvae")
        users, items = conditions.profile_items(audit, model)
        (stored,) = audit.rows(
            "SELECT distance FROM condition_distances WHERE space = 'latent' AND condition = 'Horror' AND other = 'odd'"
        )
        (columns,) = audit.rows(
            "SELECT distance FROM condition_distances WHERE space = 'columns' AND condition = 'Comedy' AND other = 'Drama'"
        )
        (items_apart,) = audit.rows(
            "SELECT distance FROM condition_distances WHERE space = 'items' AND condition = 'Comedy' AND other = 'Drama'"
        )
    item_row = dict(enumerate(_rows_by_item(db)))
    means = []
    for condition in (0, 3):
        codes = []
        for user in np.unique(users):
            r = np.zeros(tiny.ITEMS)
            r[[item_row[item] for item in items[users == user]]] = 1
            one_hot = np.eye(len(NAMES))[condition]
            hidden = np.tanh(
                w["enc_layers.0.weight"] @ np.concatenate([r / np.linalg.norm(r), one_hot])
                + w["enc_layers.0.bias"]
            )
            codes.append((w["enc_layers.1.weight"] @ hidden + w["enc_layers.1.bias"])[:LATENT])
        means.append(np.mean(codes, axis=0))
    assert stored[0] == pytest.approx(np.linalg.norm(means[0] - means[1]), rel=1e-4)
    weight = w["enc_layers.0.weight"][:, tiny.ITEMS :]
    assert columns[0] == pytest.approx(np.linalg.norm(weight[:, 1] - weight[:, 2]), rel=1e-5)
    assert items_apart[0] == pytest.approx(0.5)  # every drama is a comedy, half of the comedies are dramas


def _rows_by_item(db):
    return [row for (row,) in rows_of(db, "SELECT row FROM model_items ORDER BY item_id")]


def test_dropping_conditions_refits_without_them(cli, ingested, tmp_path):
    db = tmp_path / "audit.duckdb"
    before = rows_of(db, "SELECT variance FROM condition_axes WHERE space = 'latent' ORDER BY axis")
    assert cli("cav", "cvae", *FEW, "--drop", "odd", "--checkpoint", "chkpt.pth").code == 0
    spaces = dict(rows_of(db, "SELECT space, count(*) FROM condition_distances GROUP BY space"))
    assert spaces == dict.fromkeys(("probe", "latent", "untrained", "columns", "items"), 3)
    assert not rows_of(db, "SELECT 1 FROM condition_points WHERE condition = 'odd'")
    assert rows_of(db, "SELECT variance FROM condition_axes WHERE space = 'latent' ORDER BY axis") != before
    ((dropped,),) = rows_of(db, "SELECT DISTINCT dropped FROM condition_axes")
    assert dropped == ["odd"]
    assert cli("cav", "cvae", *FEW, "--drop", "unheard").code == ExitCode.USAGE
    assert cli("cav", "cvae", *FEW, "--drop", "odd", "--drop", "Drama").code == ExitCode.USAGE


def test_the_plane_shows_the_stored_cases(ingested, tmp_path):
    with reading(tmp_path / "audit.duckdb") as audit:
        model = read.model_named(audit, "cvae")
        axes = conditions.axes(audit, model, "latent")
        found = conditions.plane(audit, model, "latent", most=-1)
        some = conditions.plane(audit, model, "latent", chosen=(1, 3), most=7)
        assert conditions.plane(audit, model, "latent", chosen=(1, 99)) is None
        assert conditions.plane(audit, model, "nowhere") is None
        user, place = audit.rows(
            "SELECT raw_id, place FROM condition_points JOIN users USING (user_id) WHERE space = 'latent' AND condition = 'odd'"
        )[0]
    best = axes.sort_values("eta_squared", ascending=False)["axis"].head(2)
    assert found.axes == tuple(sorted(best))
    assert set(found.eta_squared) == set(axes.set_index("axis").loc[best, "eta_squared"])
    assert found.n == len(found.points)
    point = found.points[(found.points["user"] == user) & (found.points["condition"] == "odd")].iloc[0]
    assert (point["x"], point["y"]) == tuple(pytest.approx(place[axis - 1]) for axis in found.axes)
    assert {*found.labels["condition"]} == {*NAMES, None}
    odd = found.points[found.points["condition"] == "odd"]
    label = found.labels[found.labels["condition"] == "odd"].iloc[0]
    assert (label["x"], label["y"]) == (pytest.approx(odd["x"].mean()), pytest.approx(odd["y"].mean()))
    assert some.axes == (1, 3)
    assert len(some.points) == 7
    assert some.n == found.n


def test_another_file_is_refused(cli, ingested, tmp_path):
    checkpoint = torch.load(tmp_path / "chkpt.pth", weights_only=True)
    torch.save({**checkpoint, "epoch": 2}, tmp_path / "other.pth")
    result = cli("cav", "cvae", *FEW, "--checkpoint", "other.pth")
    assert result.code == ExitCode.REFUSED
    assert "chkpt.pth itself" in result.err


def test_a_model_without_conditions_takes_no_checkpoint(cli, audit_path, world):
    result = cli("cav", "bprmf", "--checkpoint", world.models["bprmf"], "--db", audit_path)
    assert result.code == ExitCode.USAGE


def test_ndcg_by_hand():
    lists = np.array([[5, 3, 8], [1, 2, -1]])
    wanted = [np.array([3, 8, 9]), np.array([7])]
    ideal = 1 + 1 / np.log2(3) + 0.5
    np.testing.assert_allclose(conditioned_ranking.ndcg(lists, wanted), [(1 / np.log2(3) + 0.5) / ideal, 0])


def test_components_are_numpys_and_find_the_axis_of_conditions():
    rng = np.random.default_rng(0)
    condition = np.tile(np.arange(-1, 3), 50)
    x = rng.normal(size=(200, 6)) * [3, 1, 1, 1, 1, 1]
    x[:, 1] += 4 * condition
    found = latent_space.components(x, condition, np.ones(200, bool))
    size = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    np.testing.assert_allclose(found.variance, size[:5] / size.sum())
    np.testing.assert_allclose(np.var(found.places(x), axis=0) * 200, size[:5])
    assert found.eta_squared.argmax() == 0
    assert found.eta_squared[0] > 0.7


@pytest.mark.parametrize(("shift", "apart"), [(0.0, False), (3.0, True)])
def test_silhouette_against_labels_shuffled_within_users(shift, apart):
    rng = np.random.default_rng(1)
    user, condition = np.repeat(np.arange(30), 3), np.tile(np.arange(3), 30)
    x = rng.normal(size=(90, 4)) + 3 * rng.normal(size=(30, 4))[user] * (shift == 0)
    x[:, 0] += shift * condition
    found = latent_space.apart(x, user, condition, 0)
    assert (found.value > found.shuffled) is apart


def test_pairs_that_training_can_have_shown_are_looked_at_alone():
    rng = np.random.default_rng(2)
    user, condition = np.repeat(np.arange(20), 4), np.tile(np.arange(-1, 3), 20)
    x = rng.normal(size=(80, 3)) + np.eye(3)[condition]
    known = (condition < 0) | (rng.random(80) < 0.6)
    found = latent_space.laid_out("s", x, user, condition, 3, 0, known).known
    told = condition >= 0
    assert found.share == pytest.approx(known[told].mean())
    means = np.array([x[(condition == number) & known].mean(axis=0) for number in range(3)])
    np.testing.assert_allclose(found.distance[0, 1], np.linalg.norm(means[0] - means[1]))
    assert found.apart.n == (known & told).sum()
    assert latent_space.laid_out("s", x, user, condition, 3, 0, np.ones(80, bool)).known is None
    no_pair_left = known & (condition != 2)
    assert latent_space.laid_out("s", x, user, condition, 3, 0, no_pair_left).known is None


def test_known_pairs_are_those_whose_concept_the_user_has(ingested, tmp_path):
    db = tmp_path / "audit.duckdb"
    ((has, pairs),) = rows_of(
        db,
        """
        SELECT count(*) FILTER (condition = 'odd' OR EXISTS (
            SELECT 1 FROM interactions i JOIN item_concepts USING (item_id) JOIN concepts c USING (concept_id)
            WHERE i.user_id = p.user_id AND split <> 'test' AND c.name = condition
        )), count(*) FROM condition_points p WHERE space = 'probe' AND condition IS NOT NULL
        """,
    )
    told = rows_of(db, "SELECT sentence FROM findings WHERE code = 'condition-known-pairs'")
    assert has < pairs, "the tiny world should have users without some concept"
    assert f"in {has / pairs:.0%} of these pairs" in told[0][0]


def test_a_user_under_every_condition(cli, ingested, tmp_path):
    """On the component with the largest eta squared; this network knows no concept, which hides no condition."""
    shown = cli("profile", "cvae", "5")
    assert shown.code == 0
    assert "no concept is present" in shown.err
    lines = [line for line in shown.out.splitlines() if "●" in line]
    assert {line.split()[0] for line in lines} == {*NAMES, "(none)"}
    db = tmp_path / "audit.duckdb"
    ((axis,),) = rows_of(db, "SELECT arg_max(axis, eta_squared) FROM condition_axes WHERE space = 'latent'")
    places = rows_of(
        db,
        "SELECT coalesce(condition, '(none)') FROM condition_points JOIN users USING (user_id) "
        f"WHERE raw_id = '5' AND space = 'latent' ORDER BY place[{axis}]",
    )
    assert f"component {axis}" in shown.out
    assert [line.split()[0] for line in lines] == [name for (name,) in places]
    assert cli("profile", "cvae", "5", "--format", "json").code == ExitCode.NO_VERDICT
