"""A tiny model with everything looked at that a report shows, once, and the page that is made of it."""

import contextlib
import io
import shutil

import pytest

from recaudit import cli
from recaudit.report import html
from recaudit.report.build import context
from recaudit.report.document import compose
from recaudit.store import reading, writing

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'`[x](javascript:1)&\x1b[31m‮"


@pytest.fixture(scope="session")
def looked_at(audit_path, tmp_path_factory):
    """An audit with concepts, names, bias and an intervention. Read it; never write to it.

    With 30 items nothing is significant and most concepts have too few: even latents, and every concept, are said to
    be, and even latents have a name.
    """
    db = tmp_path_factory.mktemp("report") / "audit.duckdb"
    shutil.copy(audit_path, db)
    for command in ("concepts", "label", "bias"):
        ran(command, "sasrec_sae", "--db", db)
    ran("steer", "sasrec_sae", "--edit", "ablate latents=1", "--save", "kept", "--db", db)
    with writing(db) as audit:
        audit.connection.execute("UPDATE latent_concepts SET rank_q = latent % 2, enrichment_q = latent % 2")
        audit.connection.execute("UPDATE latent_scores SET q = latent % 2 WHERE score = 'concentration'")
        audit.connection.execute("UPDATE latent_bias SET q = latent % 2")
        audit.connection.execute(
            "UPDATE concept_coverage SET verdict = CASE WHEN name < 'D' THEN 'covered' ELSE 'not covered' END, latent = 2, "
            "auc = .75, low = .65, high = .85, within_auc = .7, random_auc = .6, q = .01"
        )
        audit.connection.execute(
            "UPDATE labels SET text = 'Horror', status = 'verified', confidence = .9 WHERE latent % 2 = 0"
        )
    return db


@pytest.fixture(scope="session")
def hostile(looked_at, tmp_path_factory):
    """The same audit with an attack in every text that came from a file."""
    db = tmp_path_factory.mktemp("hostile") / "audit.duckdb"
    shutil.copy(looked_at, db)
    texts = {
        "items": ["title"],
        "concepts": ["name", "kind"],
        "latent_concepts": ["name", "kind"],
        "concept_coverage": ["name", "kind"],
        "labels": ["text"],
        "findings": ["sentence", "evidence"],
        "models": ["checkpoint", "site", "tool", "architecture"],
        "receipts": ["file"],
        "datasets": ["name", "summary"],
        "saes": ["tool", "k_source"],
        "latent_bias": ["contrast"],
        "exposure": ["concept"],
    }
    with writing(db) as audit:
        for table, columns in texts.items():
            for column in columns:
                audit.connection.execute(f"UPDATE {table} SET {column} = {column} || ?", [HOSTILE])
    return db


def ran(*words):
    """A command that must succeed, in this process and unseen."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = cli.run_line([str(word) for word in words])
    assert code == 0, said.getvalue()


def page_of(db, model="sasrec_sae", **options):
    """The page of a model as text."""
    with reading(db) as audit:
        return html.render(compose(context(audit, model, **options)))


@pytest.fixture(scope="session")
def page(looked_at):
    """The page of everything, another model beside."""
    return page_of(looked_at, beside="sasrec")
