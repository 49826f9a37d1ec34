"""The declared audit that the tests of plans share, and how they read what a run says."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recaudit.cli.declared import sections
from recaudit.plan import Plan, read_plan

AUDITS = Path(__file__).resolve().parents[2] / "audits"

DECLARED = """\
about = "the tiny world"
source = "tests/tiny.py writes it"

[model]
checkpoint = "model.pt"
data = "data"
protocol = "recsae"
heads = 2

[[dictionary]]
name = "small"
latents = 16
k = 4
batch = 64
steps = 20

[[dictionary]]
name = "wide"
latents = 32
k = 3
batch = 64
steps = 20

[analyse]
seed = 0

[concepts]
sae = "small"

[cav]
permutations = 19
bootstraps = 20
least-items = 10
least-interactions = 0

[label]
sae = "small"
shuffles = 2

[report]
outputs = ["report.md", "report.json"]
"""

INGEST, SMALL, WIDE = "ingest tiny", "train small", "train wide"
ANALYSE_SMALL, ANALYSE_WIDE = "analyse small, recsae", "analyse wide, recsae"
CONCEPTS = "concepts small"
CAV = "cav all negatives, one-vs-rest, centre-norm, free null"
LABEL = "label small, statistics, protocol default"
REPORTS = ["report report.md", "report report.json"]
STEPS = [INGEST, SMALL, WIDE, ANALYSE_SMALL, ANALYSE_WIDE, CONCEPTS, CAV, LABEL, *REPORTS]

MADE = ("tiny.duckdb", "report.md", "report-files", "report.json")


@dataclass(frozen=True)
class Project:
    """A folder with a declared audit, and the command line in it."""

    folder: Path
    cli: Callable[..., Any]

    @property
    def toml(self) -> Path:
        return self.folder / "tiny.toml"

    @property
    def db(self) -> Path:
        return self.folder / "tiny.duckdb"

    def run(self, *arguments: object) -> Any:
        return self.cli("run", self.toml.name, *arguments)

    def due(self, *arguments: object) -> list[str]:
        """Titles of the steps that a dry run would do."""
        result = self.run("--dry-run", *arguments)
        assert result.code == 0, result.err
        return done(result.err)

    def change(self, before: str, after: str) -> None:
        """Edit the TOML at its first such place."""
        text = self.toml.read_text()
        assert before in text
        self.toml.write_text(text.replace(before, after, 1))

    def plan(self) -> Plan:
        return read_plan(self.toml, sections())


def said(err: str) -> dict[str, str]:
    """Title of each step -> mark and reason, from the lines on stderr."""
    found = {}
    for line in err.splitlines():
        match = re.match(r"  ([–▸+✗]) (\w+ .+?)(?:: (.*))?$", line)
        if match:
            found[match[2]] = f"{match[1]} {match[3] or ''}".rstrip()
    return found


def done(err: str) -> list[str]:
    """Titles of the steps that were done, or would be, in order."""
    return [title for title, words in said(err).items() if words[0] in "▸+"]
