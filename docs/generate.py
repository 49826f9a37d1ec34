"""Write the reference pages that come from the code: run ``python docs/generate.py`` after changing it.

``tests/test_docs.py`` fails while a page and the code disagree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click

from recaudit.cli import COMMANDS, recaudit
from recaudit.cli.declared import sections
from recaudit.errors import ExitCode
from recaudit.gates.outputs.json import schema as gate_schema
from recaudit.metrics.catalogue import CATALOGUE
from recaudit.plan import SectionKeys
from recaudit.report.json import schema
from recaudit.report.markdown import table_lines
from recaudit.store.schema import SCHEMA_VERSION, Table, tables, vectors_table

DOCS = Path(__file__).parent


def pages() -> dict[str, str]:
    """File name to content of every generated page."""
    return {
        "metrics.md": _page(_metrics()),
        "audit-file.md": _page(_audit_file()),
        "commands.md": _page(_commands()),
        "exit-codes.md": _page(_exit_codes()),
        "audit-toml.md": _page(_audit_toml()),
        "report.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        "gate.schema.json": json.dumps(gate_schema(), indent=2, ensure_ascii=False) + "\n",
    }


def _page(lines: Iterator[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


def _metrics() -> Iterator[str]:
    yield "# Metrics"
    yield ""
    yield "Every number in an audit has one of these names; they are a public interface and never change meaning."
    yield "A number is stored with its slice, 95 % interval, n, protocol and seed (table `metrics`)."
    yield ""
    rows = [[f"`{d.name}`", d.definition, d.range, d.better, d.source] for d in CATALOGUE]
    yield "| name | definition | range | better | source |"
    yield "|---|---|---|---|---|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _audit_file() -> Iterator[str]:
    yield "# The audit file"
    yield ""
    yield f"One DuckDB file, schema version {SCHEMA_VERSION}. Any DuckDB client opens it; `recaudit sql QUERY` does too."
    yield "One process may write, or many may read. Ids ending in `_id` are dense and start at 0; `raw_id` is the id in"
    yield "the data, as text."
    for table in (*tables(), vectors_table(64)):
        yield from _table(table)
    yield ""
    yield "Vectors are in one table per width in use: a model 64 wide has its in `vectors_64`."


def _table(table: Table) -> Iterator[str]:
    yield from ("", f"## `{table.name}`", "", f"One row is {table.row}.", "")
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for name, kind, meaning in table.columns:
        yield f"| `{name}` | {kind.replace(' NOT NULL', '').replace(' PRIMARY KEY', '').replace(' UNIQUE', '')} | {meaning} |"


_SETTINGS = """\
## Settings

Flags win over `RECAUDIT_COMMAND_OPTION` variables (`RECAUDIT_REPORT_PROTOCOL=recsae`), those over `recaudit.toml`, that over the
defaults. The nearest `recaudit.toml` is read, from the folder a command is given in upward, or the one of `recaudit --config FILE`.
A table a command holds its options by their long names, `[all]` those of every command; an unknown key is an error that names the
nearest known one.

```toml
[all]
db = "audits/main.duckdb"

[report]
protocol = "recsae"

[tui.keys]
"go.back" = "escape,left"
```""".splitlines()


def _commands() -> Iterator[str]:
    yield "# Commands"
    yield ""
    yield from _SETTINGS
    for name in COMMANDS:
        context = click.Context(recaudit, info_name="recaudit")
        command = recaudit.get_command(context, name)
        assert command is not None
        help_ = command.get_help(
            click.Context(command, info_name=name, parent=context, max_content_width=100)
        )
        yield from ("", f"## {name}", "", "```", help_, "```")


def _audit_toml() -> Iterator[str]:
    yield "# The TOML of an audit"
    yield ""
    yield "What `recaudit run` reads; [audits as code](audits.md) says how to work with it. A key is the long option of the"
    yield "command that its section names and means the same; it has the command's default. `about` and `source` stand"
    yield "at the top, before any section: what is audited, and where somebody who lacks the files gets them."
    for section in sections().values():
        yield from _section(section)


def _section(section: SectionKeys) -> Iterator[str]:
    title = f"[[{section.name}]]" if section.many else f"[{section.name}]"
    several = (
        ["", f"May be given several times; once it may be written `[{section.name}]`."]
        if section.many
        else []
    )
    yield from ("", f"## `{title}`", "", section.about, *several, "")
    rows = []
    for key in section.keys.values():
        default = "**required**" if key.name in section.required else _default(key.default)
        rows.append([f"`{key.name}`", key.kind.value, default, key.about])
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    yield from (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def _default(value: object) -> str:
    return "" if value in (None, ()) else f"`{json.dumps(value)}`"


def _exit_codes() -> Iterator[str]:
    meanings = {
        ExitCode.OK: "done; for a gate: every required check passed",
        ExitCode.GATE_FAILED: "a gate check failed, whatever else went wrong beside it",
        ExitCode.USAGE: "a flag, name or setting that cannot be",
        ExitCode.NO_VERDICT: "no verdict: data the question needs is missing, nothing was checked, or under `--strict` "
        "something is undecided or was skipped",
        ExitCode.REFUSED: "an input file is unsafe, damaged, contradictory or of no known format",
        ExitCode.ENVIRONMENT: "the machine is in the way: locked audit file, missing package or server, full disk",
        ExitCode.INTERNAL: "a bug in recaudit; never 1, which says that a gate failed",
        ExitCode.INTERRUPTED: "interrupted",
    }
    yield "# Exit codes"
    yield ""
    yield from table_lines(["code", "meaning"], [[str(int(code)), meanings[code]] for code in ExitCode])


if __name__ == "__main__":
    for name, content in pages().items():
        (DOCS / name).write_text(content, encoding="utf-8")
