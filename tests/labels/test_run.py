"""From an audit file to names, trials and figures, and what people do with names; through the command too."""

import csv
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from recaudit.errors import EnvironmentProblem, ExitCode
from recaudit.labels import LabelRequest, asking, label_latents, run
from recaudit.labels.edits import read_file
from recaudit.metrics.catalogue import BY_NAME
from recaudit.report.labels import sections
from recaudit.store import labels as stored
from recaudit.store import read, reading, writing
from tests.labels import worlds

MODEL = "sasrec_sae"


@pytest.fixture
def db(audit_path, tmp_path):
    return shutil.copy(audit_path, tmp_path / "audit.duckdb")


@pytest.fixture(scope="module")
def labelled(audit_path, tmp_path_factory):
    """The tiny audit with names by statistics, and by a script on a few latents."""
    path = shutil.copy(audit_path, tmp_path_factory.mktemp("labels") / "audit.duckdb")
    label_latents(LabelRequest(db=path, model=MODEL))
    script = worlds.Script(worlds.reads_genres)
    label_latents(
        LabelRequest(db=path, model=MODEL, labeller="ollama:script", transport=script, latents=4, workers=1)
    )
    return path


@pytest.fixture
def named(labelled, tmp_path):
    return shutil.copy(labelled, tmp_path / "audit.duckdb")


def rows(path, sql, parameters=()):
    with reading(path) as audit:
        return audit.rows(sql, parameters)


def dump(path):
    """Everything that naming writes, times apart."""
    return [
        rows(path, f"SELECT * FROM {table} ORDER BY ALL") for table in ("labels", "label_trials", "metrics")
    ]


def test_every_dictionary_is_named_and_nobody_is_on_both_sides(labelled):
    with reading(labelled) as audit:
        model = read.model_named(audit, MODEL)
        for sae in read.dictionaries(audit, model.model_id):
            table = stored.names(audit, sae, "statistics", "default")
            assert len(table) == sae.n_latents
        both = audit.rows(
            "SELECT t.sae_id, t.latent, labeller, user_id FROM label_trials t JOIN cases c ON c.model_id = t.model_id "
            "AND c.case_id = entity_id GROUP BY ALL HAVING count(DISTINCT role = 'construct') > 1 OR count(*) > 1"
        )
        assert both == []


def test_trials_carry_value_level_and_decile(labelled):
    found = rows(
        labelled,
        "SELECT t.value, t.level, decile, role, max_value, a.value FROM label_trials t JOIN latents l "
        "USING (sae_id, latent) LEFT JOIN activations a ON a.sae_id = t.sae_id AND a.latent = t.latent "
        "AND a.entity_kind = 'case' AND a.entity_id = t.entity_id WHERE t.sae_id = "
        "(SELECT sae_id FROM saes WHERE role = 'sae')",
    )
    assert len(found) > 100
    for value, level, decile, role, largest, stored_value in found:
        assert value == pytest.approx(stored_value or 0)
        assert level == int(np.ceil(10 * value / largest - 1e-6))
        assert (role in ("construct", "verify")) == (value > 0) == (decile > 0)


def test_the_item_shown_is_the_first_recommendation(labelled):
    with reading(labelled) as audit:
        model = read.model_named(audit, MODEL)
        wrong = audit.rows(
            "SELECT * FROM label_trials t JOIN recommendations r ON r.model_id = t.model_id AND r.case_id = entity_id "
            "AND rank = 1 AND r.sae_id IS NULL AND r.protocol = ? WHERE t.item_id <> r.item_id",
            [model.protocol],
        )
    assert wrong == []


def test_figures_have_names_and_controls_beside(labelled):
    found = rows(
        labelled, "SELECT metric, slice, value, low, high, n FROM metrics WHERE metric LIKE 'labels.%'"
    )
    assert {metric for metric, *_ in found} <= set(BY_NAME)
    for labeller, more in (("statistics", set()), ("ollama:script", {"shuffled"})):
        slices = [json.loads(slice_) for metric, slice_, *_ in found if metric == "labels.share@0.8"]
        controls = {slice_.get("control") for slice_ in slices if slice_["labeller"] == labeller}
        # The tiny world is random: statistics finds no name there, so it has none to shuffle.
        assert controls == {None, "untrained", "neurons", "pca", "popularity"} | more
    for _, _, value, low, high, _ in found:
        assert low is None or low <= value <= high


def test_the_same_seed_gives_the_same_rows(db, labelled):
    def by_statistics(path):
        return [[row for row in table if "script" not in str(row)] for table in dump(path)]

    for _ in range(2):
        label_latents(LabelRequest(db=db, model=MODEL))
        assert by_statistics(db) == by_statistics(labelled)
    label_latents(LabelRequest(db=db, model=MODEL, seed=1))
    assert by_statistics(db)[1] != by_statistics(labelled)[1]


def test_one_latent_alone_changes_nothing_else(named):
    (latent,) = rows(named, "SELECT min(latent) FROM label_trials WHERE sae_id = 0")[0]
    before = dump(named)
    label_latents(LabelRequest(db=named, model=MODEL, chosen=(latent,), seed=5))
    after = dump(named)
    for table in (0, 1):  # model, dictionary and latent come first in both
        assert [row for row in before[table] if row[1:3] != (0, latent)] == [
            row for row in after[table] if row[1:3] != (0, latent)
        ]
    assert before[1] != after[1]
    assert before[2] == after[2]


def test_a_sample_of_latents(db):
    done = label_latents(LabelRequest(db=db, model=MODEL, latents=4))
    assert len(done.verdicts) == 4
    assert all(one.evidence.refused is None for one in done.verdicts)


def test_the_published_procedure_is_marked_as_such(db):
    label_latents(LabelRequest(db=db, model=MODEL, protocol="recsae"))
    label_latents(LabelRequest(db=db, model=MODEL))
    with reading(db) as audit:
        sae = read.sae_of(audit, read.model_named(audit, MODEL))
        assert stored.labellers(audit, sae) == [("statistics", "default"), ("statistics", "recsae")]
    protocols = {p for (p,) in rows(db, "SELECT DISTINCT protocol FROM metrics WHERE metric LIKE 'labels.%'")}
    assert protocols == {"labels default", "labels recsae"}


def test_report_sections(labelled):
    with reading(labelled) as audit:
        model = read.model_named(audit, MODEL)
        found = sections(audit, model, read.sae_of(audit, model))
        for section in found:
            audit.rows(section.sql)
            assert all(len(row) == len(section.columns) for row in section.rows)
    by_script = next(section for section in found if section.name == "label_figures:ollama:script:default")
    controls = {"shuffled", "untrained", "neurons", "pca", "popularity"}
    assert {row[0] for row in by_script.rows[1:]} == controls
    assert by_script.rows[0][0] not in controls


class TestLanguageModel:
    """With a scripted one: the whole way through the audit file."""

    def request(self, db, script, **more):
        return LabelRequest(
            db=db, model=MODEL, labeller="ollama:script", transport=script, latents=6, shuffles=2, **more
        )

    def test_a_second_run_asks_nothing_and_stores_the_same(self, db):
        first = label_latents(self.request(db, worlds.Script(worlds.reads_genres)))
        assert first.asked > 50
        before = dump(db)
        again = worlds.Script(lambda _: pytest.fail("asked again"))
        assert label_latents(self.request(db, again)).asked == 0
        assert dump(db) == before
        without_server = worlds.Script(lambda _: pytest.fail("asked again"), digest=None)
        assert label_latents(self.request(db, without_server)).asked == 0
        assert dump(db) == before

    def test_a_run_whose_server_died_goes_on(self, db, monkeypatch):
        monkeypatch.setattr(asking, "COMMIT_EVERY", 5)

        def dies(question):
            if len(script.asked) > 23:
                raise EnvironmentProblem("gone", fix="start it with `ollama serve`")
            return worlds.reads_genres(question)

        script = worlds.Script(dies)
        with pytest.raises(EnvironmentProblem):
            label_latents(self.request(db, script, workers=1))
        assert rows(db, "SELECT count(*) FROM answers") == [(23,)]
        assert rows(db, "SELECT count(*) FROM labels") == [(0,)]
        rest = worlds.Script(worlds.reads_genres)
        resumed = label_latents(self.request(db, rest))
        assert resumed.asked == len(rest.asked)
        total = rows(db, "SELECT count(*) FROM answers")[0][0]
        assert total == 23 + len(rest.asked)

    def test_a_chosen_latent_is_compared_with_names_there_are(self, db):
        usable = label_latents(self.request(db, worlds.Script(worlds.reads_genres))).latents
        more = LabelRequest(
            db=db,
            model=MODEL,
            labeller="ollama:script",
            transport=worlds.Script(worlds.reads_genres),
            chosen=(usable[0],),
        )
        done = label_latents(more)
        assert [one.evidence.latent for one in done.verdicts] == [usable[0]]
        assert done.verdicts[0].shuffled_confidences
        assert rows(db, "SELECT count(*) FROM labels WHERE sae_id = 0") == [(len(usable),)]

    def test_answers_say_where_they_come_from(self, db):
        label_latents(self.request(db, worlds.Script(worlds.reads_genres)))
        found = rows(db, "SELECT llm, llm_digest, template, prompt, options, answer FROM answers")
        for llm, digest, template, prompt, options, answer in found:
            assert (llm, digest) == ("script", "d1")
            assert template in ("name.v1.txt", "judge.v1.txt")
            assert [message["role"] for message in json.loads(prompt)] == ["system", "user"]
            assert json.loads(options)["temperature"] == 0
            json.loads(answer)

    def test_without_any_answer_trials_are_wrong_and_nothing_is_verified(self, db):
        script = worlds.Script(lambda q: worlds.reads_genres(q) if worlds.is_naming(q) else "no")
        done = label_latents(self.request(db, script))
        assert {one.confidence for one in done.verdicts} == {0.0}
        assert rows(db, "SELECT DISTINCT status FROM labels WHERE status = 'verified'") == []
        assert rows(db, "SELECT count(*) FROM label_trials WHERE predicted IS NOT NULL") == [(0,)]

    def test_no_server_and_nothing_known(self, db):
        with pytest.raises(EnvironmentProblem) as caught:
            label_latents(self.request(db, worlds.Script(worlds.reads_genres, digest=None)))
        assert "ollama serve" in caught.value.fix
        assert "ollama pull script" in caught.value.fix

    def test_a_model_replaced_meanwhile_is_noticed(self, db):
        def replaces(question):
            if len(script.asked) == 3:
                with writing(db) as audit:
                    audit.connection.execute("UPDATE models SET sha256 = 'other' WHERE name = ?", [MODEL])
            return worlds.reads_genres(question)

        script = worlds.Script(replaces)
        with pytest.raises(run.UsageError, match="replaced"):
            label_latents(self.request(db, script, workers=1))


class TestCommand:
    """As a user types it."""

    def test_label_and_list(self, cli, db):
        done = cli("label", MODEL, "--db", db, "--format", "json")
        assert done.code == 0
        table = {row["names of"]: row for row in json.loads(done.out)["rows"]}
        assert set(table) == {"latents", "untrained", "neurons", "pca", "popularity"}
        assert "next: recaudit labels" in done.err
        listed = json.loads(
            cli("labels", MODEL, "--db", db, "--all", "--limit", "-1", "--format", "json").out
        )
        assert len(listed["rows"]) == 32
        for row in listed["rows"]:
            assert (row["name"] is not None) == (row["status"] in ("verified", "by hand"))

    def test_nothing_named_yet(self, cli, db):
        result = cli("labels", MODEL, "--db", db)
        assert result.code == ExitCode.NO_VERDICT
        assert f"recaudit label {MODEL}" in result.err

    @pytest.mark.parametrize(
        "flags", [("--with", "gpt"), ("--with", "ollama:"), ("--latent", "99"), ("--protocol", "x")]
    )
    def test_flags_that_cannot_be(self, cli, db, flags):
        assert cli("label", MODEL, "--db", db, *flags).code == ExitCode.USAGE

    def test_no_sae(self, cli, db):
        assert cli("label", "bprmf", "--db", db).code == ExitCode.NO_VERDICT

    def test_no_audit(self, cli, tmp_path):
        assert cli("label", "--db", tmp_path / "none.duckdb").code == ExitCode.USAGE
        assert not (tmp_path / "none.duckdb").exists()

    def test_no_server(self, cli, db):
        result = cli("label", MODEL, "--db", db, "--with", "ollama:x", "--host", "http://127.0.0.1:1")
        assert result.code == ExitCode.ENVIRONMENT
        assert "ollama serve" in result.err

    def test_set_history_and_take_back(self, cli, named):
        for text, author in (("Slashers", "ann"), ("Horror of the 80s", "bob"), ("", "ann")):
            done = cli("labels", MODEL, "--db", named, "--latent", 3, "--set", text, "--author", author)
            assert done.code == 0, done.err
            if text:
                listed = json.loads(cli("labels", MODEL, "--db", named, "--format", "json").out)["rows"]
                assert (listed[0]["name"], listed[0]["status"], listed[0]["author"]) == (
                    text,
                    "by hand",
                    author,
                )
        changes = json.loads(cli("labels", MODEL, "--db", named, "--history", "--format", "json").out)["rows"]
        assert [(c["before"], c["text"], c["author"]) for c in changes] == [
            (None, "Slashers", "ann"),
            ("Slashers", "Horror of the 80s", "bob"),
            ("Horror of the 80s", None, "ann"),
        ]

    @pytest.mark.parametrize(
        "flags",
        [
            ("--set", "x"),
            ("--set", "x", "--latent", "3"),
            ("--set", "x" * 300, "--latent", "3", "--author", "a"),
            ("--set", "\x1b[2J", "--latent", "3", "--author", "a"),
            ("--set", "x", "--latent", "300", "--author", "a"),
            ("--sample", "3"),
            ("--tree", "--history"),
            ("--labeller", "nobody"),
            ("--export", "x.docx"),
        ],
    )
    def test_edits_that_cannot_be(self, cli, named, flags):
        result = cli("labels", MODEL, "--db", named, *flags)
        assert result.code == ExitCode.USAGE
        assert "fix:" in result.err
        assert rows(named, "SELECT count(*) FROM label_history") == [(0,)]

    def test_a_flat_dictionary_has_no_tree(self, cli, named):
        result = cli("labels", MODEL, "--db", named, "--tree")
        assert result.code == ExitCode.NO_VERDICT
        assert "--matryoshka" in result.err

    def test_trials_of_a_latent(self, cli, named):
        latent = rows(named, "SELECT latent FROM labels WHERE n_verify > 0 AND sae_id = 0 LIMIT 1")[0][0]
        listed = json.loads(cli("labels", MODEL, "--db", named, "--latent", latent, "--format", "json").out)
        assert {row["role"] for row in listed["rows"]} >= {"construct", "verify", "random"}
        assert all(row["item"].startswith("Film [") for row in listed["rows"])


@pytest.mark.parametrize("form", ["toml", "csv"])
class TestExchange:
    """Names out to a file, changed, and in again."""

    def export(self, cli, named, form, name="names"):
        path = named.parent / f"{name}.{form}"
        assert cli("labels", MODEL, "--db", named, "--export", path).code == 0
        return path

    def put(self, path, latent, text):
        """Change a name in the file as a person with an editor or a spreadsheet would."""
        if path.suffix == ".csv":
            table = list(csv.DictReader(io.StringIO(path.read_text())))
            for row in table:
                row["text"] = text if row["latent"] == str(latent) else row["text"]
            out = io.StringIO()
            writer = csv.DictWriter(out, table[0].keys())
            writer.writeheader()
            writer.writerows(table)
            path.write_text(out.getvalue())
            return
        before, _, after = path.read_text().partition(f"latent = {latent}\n")
        line, _, rest = after.partition("\n")
        assert line.startswith("text = ")
        path.write_text(f"{before}latent = {latent}\ntext = {json.dumps(text)}\n{rest}")

    def a_latent(self, named):
        return rows(named, "SELECT min(latent) FROM labels WHERE sae_id = 0 AND text IS NOT NULL")[0][0]

    @pytest.fixture
    def named(self, labelled, tmp_path):
        path = shutil.copy(labelled, tmp_path / "audit.duckdb")
        with writing(path) as audit:  # the tiny world's latents have no names: give two of them some
            audit.connection.execute(
                "UPDATE labels SET text = 'Horror \"x\" \\ =1', status = 'not verified' WHERE sae_id = 0 AND latent < 2"
            )
        return path

    def test_unchanged_file_changes_nothing(self, cli, named, form):
        path = self.export(cli, named, form)
        assert len(read_file(path).labels) >= 2
        result = cli("labels", MODEL, "--db", named, "--import", path, "--author", "ann")
        assert "changes nothing" in result.err
        assert rows(named, "SELECT count(*) FROM label_history") == [(0,)]

    @pytest.mark.parametrize("text", ["Horror & co", '=SUM("a")', "Ünïcode – ok", "'quoted'"])
    def test_a_changed_name_comes_back_as_it_was_written(self, cli, named, form, text):
        path, latent = self.export(cli, named, form), self.a_latent(named)
        self.put(path, latent, text)
        result = cli("labels", MODEL, "--db", named, "--import", path, "--author", "ann")
        assert result.code == 0, result.err
        assert rows(named, "SELECT text, author FROM labels WHERE labeller = 'person'") == [(text, "ann")]
        again = self.export(cli, named, form, "again")
        lines = {line.latent: line for line in read_file(again).labels}
        assert lines[latent].text == lines[latent].was == text

    def test_a_name_that_somebody_changed_meanwhile_is_a_conflict(self, cli, named, form):
        path, latent = self.export(cli, named, form), self.a_latent(named)
        self.put(path, latent, "From the file")
        self.put(path, latent + 1, "Another")
        cli("labels", MODEL, "--db", named, "--latent", latent, "--set", "Meanwhile", "--author", "bob")
        result = cli("labels", MODEL, "--db", named, "--import", path, "--author", "ann")
        assert result.code == ExitCode.USAGE
        assert "Meanwhile" in result.err
        assert "From the file" in result.err
        assert rows(named, "SELECT text FROM labels WHERE labeller = 'person'") == [("Meanwhile",)]
        forced = cli("labels", MODEL, "--db", named, "--import", path, "--author", "ann", "--force")
        assert forced.code == 0
        found = rows(named, "SELECT text FROM labels WHERE labeller = 'person' ORDER BY latent")
        assert found == [("From the file",), ("Another",)]

    def test_a_file_of_another_dictionary_is_refused(self, cli, named, form):
        path = self.export(cli, named, form)
        sha = rows(named, "SELECT sha256 FROM saes WHERE sae_id = 0")[0][0]
        path.write_text(path.read_text().replace(sha, "0" * 64))
        result = cli("labels", MODEL, "--db", named, "--import", path, "--author", "ann")
        assert result.code == ExitCode.USAGE
        assert "another dictionary" in result.err


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.toml", "label = 3"),
        ("x.toml", "[[label]]\nlatent = 'a'\ntext = ''\nwas = ''"),
        ("x.toml", "[[label]]\nlatent = 1\ntext = 3\nwas = ''"),
        ("x.toml", "[[label"),
        ("x.toml", "[[label]]\nlatent = 1\ntext = ''\nwas = ''\n[[label]]\nlatent = 1\ntext = ''\nwas = ''"),
        ("x.csv", "latent,text\n1,a\n"),
        ("x.csv", "sae_sha256,latent,text,was\na,1,x,\nb,2,y,\n"),
        ("x.toml", b"\xff\xfe"),
    ],
)
def test_files_that_are_no_label_files(cli, named, tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = cli("labels", MODEL, "--db", named, "--import", path, "--author", "ann")
    assert result.code == ExitCode.REFUSED
    assert "fix:" in result.err


def test_settings_need_evidence_on_both_sides():
    for settings in run.settings_named("default"), run.settings_named("recsae"):
        assert settings.construct >= settings.least
        assert replace(settings, least=1).least == 1
