import json

import duckdb
import numpy as np
import torch

from recaudit.errors import ExitCode
from recaudit.store import read, reading
from tests import tiny


def ingest(cli, world, name="sasrec_sae", *flags):
    return cli("ingest", world.models[name], "--data", world.data, "--name", name, *flags)


def test_closing_words_say_what_was_read_and_what_is_next(cli, world):
    result = ingest(cli, world)
    assert result.code == 0
    assert result.out == ""
    assert "40 users, 30 items" in result.err
    assert "clean" in result.err
    assert "next: recaudit report sasrec_sae" in result.err


def test_any_duckdb_client_sees_raw_ids_vectors_and_codes(cli, world, tmp_path):
    ingest(cli, world)
    with duckdb.connect(tmp_path / "audit.duckdb", read_only=True) as db:
        assert db.sql("SELECT title, year FROM items WHERE raw_id = '3'").fetchall() == [
            ("Film [3] (1973)", 1973)
        ]
        kinds = dict(db.sql("SELECT kind, count(*) FROM cases GROUP BY kind").fetchall())
        assert kinds == {"test": 40, "valid": 40, "latest": 40, "train": 206}
        assert db.sql("SELECT count(*), min(value) > 0 FROM activations").fetchall()[0][1]
        per_case = db.sql(
            "SELECT max(n) FROM (SELECT count(*) n FROM activations JOIN saes USING (sae_id) WHERE role = 'sae' "
            "GROUP BY entity_id)"
        ).fetchall()
        assert per_case == [(tiny.K,)]
        vector = db.sql("SELECT vector FROM vectors_8 WHERE kind = 'item' LIMIT 1").fetchall()[0][0]
        assert len(vector) == tiny.DIM


def test_case_histories_end_before_their_target(audit_path):
    with reading(audit_path) as audit:
        found = audit.rows(
            "SELECT i.position, c.history_end FROM targets t JOIN cases c USING (model_id, case_id) "
            "JOIN models m USING (model_id) JOIN interactions i ON i.dataset_id = m.dataset_id "
            "AND i.user_id = c.user_id AND i.item_id = t.item_id WHERE m.name = 'sasrec'"
        )
    assert found
    assert all(position == end for position, end in found)


def test_data_with_nothing_held_out_still_gives_a_report(cli, world, tmp_path):
    data = tiny.write_data(tmp_path / "data")
    for split in ("dev", "test"):
        (data / f"{split}.csv").write_text("user_id\titem_id\ttime\n")
    assert cli("ingest", world.models["sasrec_sae"], "--data", data).code == 0
    result = cli("report", "-o", "r.json")
    assert result.code == 0, result.err
    report = json.loads((tmp_path / "r.json").read_text())
    assert "held out" in report["missing"]["ranking"]
    metrics = {row["metric"] for row in report["metrics"]}
    assert {"fidelity.overlap@10", "sae.l0"} <= metrics
    assert "ranking.ndcg@10" not in metrics
    assert "held out" in cli("report").out


def test_rows_that_are_not_finite_stay_out_of_everything(cli, world, tmp_path):
    state = tiny.bprmf()
    state["u_embeddings.weight"][3, 0] = float("nan")
    state["i_embeddings.weight"][7] = float("inf")
    torch.save(state, tmp_path / "BPRMF__tiny__0.pt")
    result = cli("ingest", "BPRMF__tiny__0.pt", "--data", world.data)
    assert result.code == 0
    assert "1 cases whose vector is not finite" in result.err
    assert cli("report").code == 0
    listed = json.loads(cli("recommend", "bprmf", "5", "-k", "30", "--include-seen", "--format", "json").out)
    assert len(listed["items"]) == 29
    assert "7" not in {item["item"] for item in listed["items"]}
    assert cli("recommend", "bprmf", "3").code == ExitCode.USAGE


def test_a_user_level_model_has_one_case_a_user(audit_path):
    with reading(audit_path) as audit:
        model = read.model_named(audit, "bprmf")
        cases = read.cases(audit, model, ("user",))
    assert len(cases) == tiny.USERS
    table = tiny.bprmf()["u_embeddings.weight"].numpy()
    np.testing.assert_array_equal(cases.vectors, table[cases.user + 1])


def test_the_same_name_needs_replace(cli, world):
    assert ingest(cli, world).code == 0
    again = ingest(cli, world)
    assert again.code == ExitCode.USAGE
    assert "--replace" in again.err
    assert ingest(cli, world, "sasrec_sae", "--replace").code == 0
    assert len(json.loads(cli("models", "--format", "json").out)["rows"]) == 1


def test_replacing_leaves_nothing_of_the_old_model(cli, world, tmp_path):
    ingest(cli, world)
    with duckdb.connect(tmp_path / "audit.duckdb", read_only=True) as db:
        before = {
            t: db.sql(f"SELECT count(*) FROM {t}").fetchall()
            for (t,) in db.sql("SELECT table_name FROM duckdb_tables()").fetchall()
        }
    ingest(cli, world, "sasrec_sae", "--replace")
    with duckdb.connect(tmp_path / "audit.duckdb", read_only=True) as db:
        after = {
            t: db.sql(f"SELECT count(*) FROM {t}").fetchall()
            for (t,) in db.sql("SELECT table_name FROM duckdb_tables()").fetchall()
        }
    del before["runs"], after["runs"]
    assert after == before


def test_k_is_never_guessed(cli, world, tmp_path):
    nameless = tmp_path / "model.pt"
    nameless.write_bytes(world.models["sasrec_sae"].read_bytes())
    result = cli("ingest", nameless, "--data", world.data)
    assert result.code == ExitCode.REFUSED
    assert "--heads" in result.err
    result = cli("ingest", nameless, "--data", world.data, "--heads", "2")
    assert result.code == ExitCode.REFUSED
    assert "--k" in result.err
    assert cli("ingest", nameless, "--data", world.data, "--heads", "2", "--k", "4").code == 0


def test_a_wrong_k_is_said(cli, world):
    result = ingest(cli, world, "sasrec_sae", "--k", "1")
    assert result.code == 0
    assert "may be misread" in result.err or "No reading" in result.err


def test_data_of_another_catalogue_is_refused(cli, world, tmp_path):
    other = tiny.write_data(tmp_path / "other", seed=5)
    text = (other / "train.csv").read_text()
    (other / "train.csv").write_text(text + "1\t999\t5000\n")
    result = cli("ingest", world.models["bprmf"], "--data", other)
    assert result.code == ExitCode.REFUSED
    assert "999" in result.err
    assert "31 rows" in result.err


def test_an_id_map_of_another_catalogue_is_refused(cli, world, tmp_path):
    (tmp_path / "ids.csv").write_text("kind,row,raw_id\n" + "".join(f"item,{i},x{i}\n" for i in range(1, 31)))
    rows = "".join(f"{user},{item},{item}\n" for user in range(9) for item in range(1, 9))
    (tmp_path / "interactions.csv").write_text("user_id,item_id,timestamp\n" + rows)
    result = cli("ingest", world.models["sasrec"], "--data", "interactions.csv", "--ids", "ids.csv")
    assert result.code == ExitCode.REFUSED
    assert "30 of the 30 items of the id map are not in the data" in result.err
    assert "x1" in result.err


def test_an_id_map_of_a_larger_model_is_refused(cli, world, tmp_path):
    (tmp_path / "ids.csv").write_text("kind,row,raw_id\n" + "".join(f"item,{i},{i}\n" for i in range(1, 99)))
    result = cli("ingest", world.models["sasrec"], "--data", world.data, "--ids", "ids.csv")
    assert result.code == ExitCode.REFUSED
    assert "31 rows" in result.err


def test_a_missing_id_map_is_asked_for(cli, world, tmp_path):
    (tmp_path / "interactions.csv").write_text("user_id,item_id,timestamp\n1,1,1\n1,2,2\n1,3,3\n")
    result = cli("ingest", world.models["sasrec"], "--data", "interactions.csv")
    assert result.code == ExitCode.REFUSED
    assert "--ids FILE" in result.err
    assert "--ids rows" in result.err


def test_a_graph_model_without_training_rows_is_refused(cli, world, tmp_path):
    state = {
        "encoder.embedding_dict.user_emb": torch.randn(41, 8),
        "encoder.embedding_dict.item_emb": torch.randn(31, 8),
    }
    torch.save(state, tmp_path / "LightGCN__tiny__0__n_layers=2.pt")
    data = tiny.write_data(tmp_path / "data")
    header, *rows = (data / "train.csv").read_text().splitlines()
    (data / "test.csv").write_text("\n".join([header, *rows]) + "\n")
    (data / "train.csv").write_text(header + "\n")
    result = cli("ingest", "LightGCN__tiny__0__n_layers=2.pt", "--data", data)
    assert result.code == ExitCode.REFUSED
    assert "LightGCN propagates over the training interactions" in result.err


def test_an_sae_of_another_width_is_refused(cli, world, tmp_path):
    state = {
        "encoder.weight": torch.randn(16, 5),
        "encoder.bias": torch.zeros(16),
        "W_dec": torch.randn(16, 5),
        "b_dec": torch.zeros(5),
    }
    torch.save(state, tmp_path / "SAE__sae_k=2.pt")
    result = cli("ingest", world.models["bprmf"], "--data", world.data, "--sae", "SAE__sae_k=2.pt")
    assert result.code == ExitCode.REFUSED
    assert "width 5" in result.err
    assert "8 wide" in result.err
    assert not (tmp_path / "audit.duckdb").exists()


def test_hostile_titles_stay_text(cli, world, tmp_path):
    data = tiny.write_data(tmp_path / "data")
    meta = (
        (data / "item_meta_all_info.csv").read_text().replace("Film [1]", "\x1b[2J'); DROP TABLE items; --")
    )
    (data / "item_meta_all_info.csv").write_text(meta)
    assert cli("ingest", world.models["sasrec_sae"], "--data", data).code == 0
    for command in (
        ("report",),
        ("recommend", "sasrec", "5", "-k", "30", "--include-seen"),
        ("latents", "--user", "5"),
    ):
        result = cli(*command)
        assert result.code == 0, result.err
        assert "\x1b" not in result.out + result.err
    assert "\\x1b[2J" in cli("recommend", "sasrec", "5", "-k", "30", "--include-seen").out
