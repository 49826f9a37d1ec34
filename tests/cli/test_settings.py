import pytest

from recaudit.errors import ExitCode


def test_file_gives_defaults_and_flags_win(cli, audit_path, tmp_path):
    (tmp_path / "recaudit.toml").write_text(f'[all]\ndb = "{audit_path}"\n[models]\nformat = "csv"\n')
    assert cli("models").out.startswith("model,tool,")
    (tmp_path / "recaudit.toml").write_text(f'[all]\ndb = "{audit_path}"\n[latents]\nlimit = 1\n')
    assert "1 of" in cli("latents", "sasrec_sae").err
    assert "2 of" in cli("latents", "sasrec_sae", "--limit", "2").err


def test_environment_beats_the_file(cli, audit_path, tmp_path, monkeypatch):
    (tmp_path / "recaudit.toml").write_text(f'[all]\ndb = "{audit_path}"\n[latents]\nlimit = 1\n')
    monkeypatch.setenv("RECAUDIT_LATENTS_LIMIT", "3")
    assert "3 of" in cli("latents", "sasrec_sae").err


def test_the_nearest_file_upward_is_read(cli, audit_path, tmp_path, monkeypatch):
    (tmp_path / "recaudit.toml").write_text(f'[all]\ndb = "{audit_path}"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert "bprmf" in cli("models").out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[latents]\nlimitt = 1\n", "line 2: unknown key `limitt`"),
        ("[latnets]\nlimit = 1\n", "line 1: unknown key `latnets`"),
        ("limit = 1\n", "line 1: `limit` stands outside a table"),
        ("[latents\n", "recaudit.toml"),
    ],
)
def test_mistakes_name_file_line_and_fix(cli, tmp_path, text, said):
    (tmp_path / "recaudit.toml").write_text(text)
    result = cli("latents")
    assert result.code == ExitCode.USAGE
    assert said in result.err
    assert "fix:" in result.err


def test_a_named_file_must_exist(cli):
    assert cli("--config", "none.toml", "models").code == ExitCode.USAGE
