import subprocess
import sys

import duckdb
import pytest

from recaudit.errors import EnvironmentProblem, InputRefused, UsageError
from recaudit.store import reading, writing
from recaudit.store.schema import SCHEMA_VERSION, VERSIONS, Table, migration, tables


def test_a_new_file_gets_every_table(tmp_path):
    path = tmp_path / "a.duckdb"
    with writing(path) as audit:
        assert audit.path == path
    with reading(path) as audit:
        found = {name for (name,) in audit.rows("SELECT table_name FROM duckdb_tables()")}
        assert found == {table.name for table in tables()} | {"meta"}
        assert audit.rows("SELECT schema_version FROM meta") == [(SCHEMA_VERSION,)]
    assert [p.name for p in tmp_path.iterdir()] == ["a.duckdb"]


def test_a_failed_run_leaves_no_new_file(tmp_path):
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "a.duckdb"):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_failed_run_leaves_an_old_file_as_it_was(tmp_path):
    path = tmp_path / "a.duckdb"
    with writing(path):
        pass
    with pytest.raises(ZeroDivisionError):
        _delete_and_fail(path)
    with reading(path) as audit:
        assert audit.rows("SELECT schema_version FROM meta") == [(SCHEMA_VERSION,)]


def _delete_and_fail(path):
    with writing(path) as audit:
        audit.connection.execute("DELETE FROM meta")
        _ = 1 / 0


def test_debris_of_a_killed_run_is_swept_up(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    debris = tmp_path / f".a.duckdb.{dead.pid}.building"
    debris.write_bytes(b"half")
    with writing(tmp_path / "a.duckdb"):
        pass
    assert not debris.exists()


def test_missing_file(tmp_path):
    with pytest.raises(UsageError, match="no such audit file"), reading(tmp_path / "none.duckdb"):
        pass


def test_not_a_database(tmp_path):
    path = tmp_path / "a.duckdb"
    path.write_text("hello, this is text and no database at all" * 100)
    with pytest.raises(InputRefused, match="not an audit file"), reading(path):
        pass


def test_another_database(tmp_path):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE sales (x INTEGER)")
    with pytest.raises(InputRefused, match="no audit"), writing(path):
        pass


def test_a_newer_file_is_refused(tmp_path):
    path = tmp_path / "a.duckdb"
    with writing(path) as audit:
        audit.connection.execute("UPDATE meta SET schema_version = ?", [SCHEMA_VERSION + 1])
    with pytest.raises(InputRefused, match="newer"), reading(path):
        pass


def test_an_older_file_is_migrated_by_the_next_writer(tmp_path, monkeypatch):
    path = tmp_path / "a.duckdb"
    with writing(path):
        pass
    extra = Table("extra", "an extra", (("x", "INTEGER", ""),))
    monkeypatch.setattr("recaudit.store.schema.VERSIONS", (*VERSIONS, (extra,)))
    monkeypatch.setattr("recaudit.store.audit.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(InputRefused, match="older"), reading(path):
        pass
    with writing(path):
        pass
    with reading(path) as audit:
        assert audit.has_table("extra")
        assert audit.rows("SELECT schema_version FROM meta") == [(SCHEMA_VERSION + 1,)]


def test_a_migrated_file_has_the_columns_of_a_new_one(tmp_path):
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    with duckdb.connect(old) as connection:
        for statement in migration(0):
            connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES (1, '0.1')")
    columns = []
    for path in (old, new):
        with writing(path):
            pass
        with reading(path) as audit:
            columns.append(
                audit.rows("SELECT table_name, column_name, data_type FROM duckdb_columns() ORDER BY ALL")
            )
    assert columns[0] == columns[1]


def test_a_lock_names_its_holder(tmp_path):
    path = tmp_path / "a.duckdb"
    with writing(path):
        pass
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('locked', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(EnvironmentProblem, match=f"PID {holder.pid}"), reading(path):
            pass
    finally:
        holder.communicate("")


def test_many_may_read(tmp_path):
    path = tmp_path / "a.duckdb"
    with writing(path):
        pass
    code = (
        f"import duckdb; print(duckdb.connect({str(path)!r}, read_only=True).execute('FROM meta').fetchall())"
    )
    with reading(path):
        seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert str(SCHEMA_VERSION) in seen.stdout


def test_a_query_reaches_no_other_file(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    path = tmp_path / "a.duckdb"
    with writing(path):
        pass
    with reading(path) as audit, pytest.raises(duckdb.Error):
        audit.rows(f"SELECT * FROM read_csv('{secret}')")
