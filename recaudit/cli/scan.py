"""``recaudit scan``"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from recaudit.cli.output import format_option, note, show
from recaudit.errors import ExitCode, InputRefused
from recaudit.text import printable

_MARKS = {"clean": "✓", "warnings": "!", "refused": "✗"}
_COLUMNS = ["file", "format", "verdict", "sha256", "notes"]


@dataclass(frozen=True)
class _Scanned:
    file: str
    format: str | None
    verdict: str
    sha256: str | None
    notes: str

    def line(self) -> str:
        head = f"{_MARKS[self.verdict]} {printable(self.file, 60)}"
        kind = f" {self.format}" if self.format else ""
        said = f" ({printable(self.notes, 400)})" if self.notes else ""
        return f"{head}{kind}: {self.verdict}{said}"


@click.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--tensors", is_flag=True, help="List every tensor with its path, shape and type.")
@format_option
def scan(files: tuple[Path, ...], tensors: bool, format_: str) -> int:
    """Look into FILES without running anything in them.

    Exit code 0 when every file can be read safely (warnings are listed), 4 when one is refused.
    """
    if tensors:
        show(["file", "tensor", "shape", "type"], [row for path in files for row in _tensors(path)], format_)
        return ExitCode.OK
    scanned = [_scanned(path) for path in files]
    if format_ == "table":
        for result in scanned:
            click.echo(result.line())
    else:
        show(_COLUMNS, [[getattr(result, name) for name in _COLUMNS] for result in scanned], format_)
    return ExitCode.REFUSED if any(r.verdict == "refused" for r in scanned) else ExitCode.OK


def _scanned(path: Path) -> _Scanned:
    from recaudit.checkpoints import scan_file

    try:
        receipt = scan_file(path)
    except InputRefused as error:
        note(f"error: {error.message}\n  fix: {error.fix}")
        return _Scanned(path.name, None, "refused", None, error.message)
    notes = [f"{n.where}: {n.message}" if n.where else n.message for n in receipt.notes]
    if receipt.stubs:
        notes.append(f"{sum(receipt.stubs.values())} objects kept as inert stubs")
    return _Scanned(path.name, receipt.format, receipt.verdict, receipt.sha256, "; ".join(notes))


def _tensors(path: Path) -> list[list[str]]:
    from recaudit.checkpoints import read_checkpoint

    arrays = read_checkpoint(path).tensors()
    return [[path.name, key, "x".join(map(str, a.shape)), str(a.dtype)] for key, a in arrays.items()]
