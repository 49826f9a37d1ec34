"""The audit of bias end to end on a small world, and its parts against numbers made another way."""

import json
import re
import shutil

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from recaudit.analyses.bias import groups, latents, lists, material, probes, synthetic
from recaudit.analyses.bias.command import Request, ensure
from recaudit.datasets.popularity import Band
from recaudit.errors import InputRefused, UsageError
from recaudit.ingest import IngestRequest, ingest
from recaudit.store import popularity as store
from recaudit.store import read, reading
from tests import tiny

USERS, ITEMS = 120, 60


@pytest.fixture(scope="module")
def biased(tmp_path_factory):
    """An audit of ``sasrec_sae`` with user groups from elsewhere and made-up users; read only."""
    folder = tmp_path_factory.mktemp("biased")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "USERS", USERS)
        patch.setattr(tiny, "ITEMS", ITEMS)
        data, models = tiny.write_data(folder / "data"), tiny.write_models(folder / "models")
        skew(data)
    path = folder / "audit.duckdb"
    for name in ("sasrec_sae", "bprmf"):
        ingest(IngestRequest(models[name], data, path, name=name))
    request = Request(
        path,
        "sasrec_sae",
        groups=attributes(folder / "people"),
        checkpoint=models["sasrec_sae"],
        synthetic=50,
    )
    ensure(request)
    return path, models


def skew(folder):
    """Interactions of which item 1 has most; the last two of each user are held out; items of one decade."""
    meta = folder / "item_meta_all_info.csv"
    meta.write_text(re.sub(r"\(\d{4}\)", "(1990)", meta.read_text()))
    rng = np.random.default_rng(5)
    share = 1 / np.arange(3, ITEMS + 3)
    rows = {"train": [], "dev": [], "test": []}
    for user in range(1, USERS + 1):
        for time, item in enumerate(rng.choice(ITEMS, 12, replace=False, p=share / share.sum()) + 1):
            rows[{11: "test", 10: "dev"}.get(time, "train")].append(f"{user}\t{item}\t{1000 + time}")
    for split, lines in rows.items():
        (folder / f"{split}.csv").write_text("\n".join(["user_id\titem_id\ttime", *lines]) + "\n")


def attributes(folder):
    """Data of the same users with their gender, as MovieLens-1M has it; the odd ones are F."""
    folder.mkdir()
    people = [f"{u}::{'F' if u % 2 else 'M'}::25::1::0" for u in range(1, USERS + 1)]
    (folder / "users.dat").write_text("\n".join(people) + "\n")
    (folder / "movies.dat").write_text("\n".join(f"{i}::Film {i} (1990)::Drama" for i in range(1, ITEMS + 1)))
    (folder / "ratings.dat").write_text(
        "\n".join(f"{u}::{1 + u % ITEMS}::5::{1000 + u}" for u in range(1, USERS + 1))
    )
    return folder


@pytest.fixture
def opened(biased):
    with reading(biased[0]) as audit:
        model = read.model_named(audit, "sasrec_sae")
        yield audit, model, read.find_sae(audit, model)


def value(audit, model, sae, metric, **slice_):
    frame = store.numbers(audit, model, sae)
    frame = frame[frame["sae"].isin(["", "sae"])]
    (row,) = frame[
        (frame["metric"] == metric) & (frame["slice"] == json.dumps(slice_, sort_keys=True))
    ].to_dict("records")
    return row


def test_lists_by_plain_loops(opened):
    audit, model, sae = opened
    counts = read.train_counts(audit, model.dataset_id)
    rows = audit.rows(
        "SELECT user_id, list(item_id) FROM recommendations JOIN cases USING (model_id, case_id) "
        "WHERE model_id = ? AND sae_id IS NULL AND kind = 'latest' AND rank <= 10 GROUP BY user_id",
        [model.model_id],
    )
    profile = dict(
        audit.rows("SELECT user_id, list(item_id) FROM interactions WHERE split = 'train' GROUP BY user_id")
    )
    arp = [np.mean(counts[items]) for _, items in rows]
    had = [np.mean(counts[profile[user]]) for user, _ in rows]
    for name, expected in (
        ("arp", np.mean(arp)),
        ("lift", np.mean((np.array(arp) - had) / had)),
        (
            "coverage",
            len({i for _, items in rows for i in items}) / len(read.catalogue(audit, model).item_id),
        ),
    ):
        row = value(audit, model, None, f"popularity.{name}@10", ranking="original")
        assert row["value"] == pytest.approx(expected)
        assert row["low"] <= row["value"] <= row["high"]
    assert value(audit, model, sae, "popularity.gini@10", ranking="reconstructed")["n"] == USERS


def test_groups_from_another_data_set(opened):
    audit, model, sae = opened
    halves = [value(audit, model, None, "fairness.ndcg@10", group=f"gender={g}") for g in "FM"]
    gap = value(audit, model, None, "fairness.ndcg_gap@10", attribute="gender")
    assert gap["value"] == pytest.approx(abs(halves[0]["value"] - halves[1]["value"]))
    # Nothing about these users depends on their gender.
    assert value(audit, model, None, "fairness.ndcg_gap_p@10", attribute="gender")["value"] > 0.05
    probe = value(audit, model, None, "fairness.probe_auc", attribute="gender", features="vectors")
    assert probe["low"] < 0.6
    assert value(audit, model, sae, "fairness.probe_auc", attribute="gender", features="codes")["n"] == USERS


def test_latents_by_scipy(opened):
    audit, model, sae = opened
    found = latents.of_cases(audit, model, sae)
    loaded = material.load(audit, model)
    had = loaded.profile_mean(np.log1p(loaded.counts))[found.entity]
    frame = store.latent_bias(audit, sae, contrast="profile popularity", part="activation").set_index(
        "latent"
    )
    # All profiles are as long, so there is nothing to be partial to.
    for place, latent in enumerate(found.latent[:6]):
        expected = spearmanr(found.activation[:, [place]].toarray()[:, 0], had).statistic
        assert frame.loc[latent, "value"] == pytest.approx(expected)
    assert {"synthetic", "synthetic matched", "tail share", "gender=F"} <= set(store.contrasts(audit, sae))
    every = store.latent_bias(audit, sae)
    assert ((every["q"] >= every["p"] - 1e-12) & (every["q"] <= 1)).all()
    assert set(every["latent"]) <= set(found.latent.tolist())


def test_exposure_adds_up(opened):
    audit, model, _ = opened
    frame = store.exposure(audit, model)
    assert frame.groupby("kind")[
        ["share", "catalogue_share", "profile_share"]
    ].sum().to_numpy() == pytest.approx(1)


def test_made_up_users(opened):
    audit, model, _ = opened
    loaded = material.load(audit, model)
    plain = synthetic.twins(loaded, 50, 3)
    assert (loaded.bands[plain.head] == Band.HEAD).all()
    assert (loaded.bands[plain.tail] == Band.TAIL).all()
    assert np.diff(plain.offsets).max() <= model.history_length
    years = synthetic.years(audit, loaded)
    pairs = synthetic.matched_twins(loaded, years, 50, 3)
    genre = loaded.kind("genre").toarray() > 0
    assert (genre[pairs.head] & genre[pairs.tail]).any(axis=1).all()
    assert (years[pairs.head] // 10 == years[pairs.tail] // 10).all()
    assert (synthetic.matched_twins(loaded, years, 50, 3).tail == pairs.tail).all()


def test_nobody_is_made_up_for_a_table(biased):
    path, models = biased
    with pytest.raises(UsageError, match="row of a table"):
        ensure(Request(path, "bprmf", checkpoint=models["bprmf"]))
    with pytest.raises(InputRefused, match="not the file"):
        ensure(Request(path, "sasrec_sae", checkpoint=models["sasrec"]))


def test_command(biased, cli, tmp_path):
    path = shutil.copy(biased[0], tmp_path / "copy.duckdb")
    done = cli("bias", "sasrec_sae", "--db", path)
    assert done.code == 0
    assert "gini@10" in done.out
    assert "gender=F" in done.out
    assert "Lists hold" in done.err
    rows = json.loads(cli("bias", "sasrec_sae", "--db", path, "--format", "json").out)["rows"]
    assert {"popularity.latents", "fairness.ndcg@10"} <= {row["metric"] for row in rows}
    wrong = cli("bias", "sasrec_sae", "--db", path, "--contrast", "moon")
    assert wrong.code == 2
    assert "profile popularity" in wrong.err
    alone = cli("bias", "bprmf", "--db", path)
    assert alone.code == 0
    assert "popularity" not in alone.out.split("user groups")[-1].split("attributes")[0]
    report = cli("report", "sasrec_sae", "--db", path)
    assert report.code == 0
    assert "Exposure of concepts" in report.out


def test_same_seed_same_numbers(biased, tmp_path):
    path = shutil.copy(biased[0], tmp_path / "copy.duckdb")
    frames = []
    for _ in range(2):
        ensure(Request(path, "sasrec_sae", again=True))
        with reading(path) as audit:
            model = read.model_named(audit, "sasrec_sae")
            frames.append(store.numbers(audit, model, read.find_sae(audit, model)))
    assert frames[0].equals(frames[1])


def test_gap_finds_a_real_one():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], 300)
    sums = np.column_stack([rng.random(600) < np.where(label, 0.5, 0.2), np.ones(600)]).astype(float)
    value, low, high, p = groups.ndcg_gap(sums, label, 0)
    assert low < 0.3 < high
    assert p < 0.01
    assert low > 0.15
    assert groups.ndcg_gap(sums, rng.permutation(label), 0)[3] > 0.05
    assert value == pytest.approx(abs(sums[label == 0, 0].mean() - sums[label == 1, 0].mean()))


def test_probe_finds_a_direction_and_no_more():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, 8))
    member = x[:, 0] + rng.standard_normal(600) > 0
    own = [material.Group("side", "a", member), material.Group("side", "b", ~member)]
    users = np.arange(600)
    (found,) = probes.probe_auc(x, users, {"side": own}, "vectors", 0)
    ideal = roc_auc_score(member, x[:, 0])
    assert found.value == pytest.approx(ideal, abs=0.03)
    assert found.low < found.value < found.high
    (blind,) = probes.probe_auc(x[:, 1:], users, {"side": own}, "vectors", 0)
    assert blind.value == pytest.approx(0.5, abs=0.06)


def test_extremes_break_ties_by_popularity():
    share = np.array([0, 0, 0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, np.nan, 0.9])
    head, tail = latents.extremes(share, np.arange(11.0))
    assert np.flatnonzero(head).tolist() == [2]
    assert np.flatnonzero(tail).tolist() == [10]


def test_lists_keep_places():
    columns = {"user_id": np.array([4, 4, 9]), "rank": np.array([1, 2, 1]), "item_id": np.array([7, 8, 7])}
    found = lists.from_columns(columns)
    assert found.users.tolist() == [4, 9]
    assert found.items[:, :3].tolist() == [[7, 8, -1], [7, -1, -1]]


def test_what_is_stored_is_of_one_run(biased, tmp_path):
    path = tmp_path / "audit.duckdb"
    shutil.copy(biased[0], path)
    ensure(Request(path, "sasrec_sae", again=True))
    with reading(path) as audit:
        model = read.model_named(audit, "sasrec_sae")
        known = store.contrasts(audit, read.sae_of(audit, model))
        assert "tail share" in known
        assert not {"synthetic", "synthetic matched"} & set(known)
        assert audit.rows("SELECT count(DISTINCT run_id) FROM latent_bias") == [(1,)]
