"""``recaudit scan``"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from recaudit.cli.output import format_option, note, show
from recaudit.errors import ExitCode, InputRefused, UsageError
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
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the findings to a .sarif file.",
)
@format_option
def scan(files: tuple[Path, ...], tensors: bool, output: Path | None, format_: str) -> int:
    """Look into FILES without running anything in them.

    Exit code 0 when every file can be read safely (warnings are listed), 4 when one is refused.
    """
    if tensors:
        show(["file", "tensor", "shape", "type"], [row for path in files for row in _tensors(path)], format_)
        return ExitCode.OK
    if output is not None and output.suffix != ".sarif":
        raise UsageError(f"{printable(output)}: findings are a .sarif file", fix="end the name in .sarif")
    scanned = [_scanned(path) for path in files]
    if output is not None:
        _write_sarif(output, files, scanned)
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


_LEVELS = {"clean": ("pass", "none"), "warnings": ("fail", "warning"), "refused": ("fail", "error")}
_RULES = {
    "clean": "Nothing in the file could run.",
    "warnings": "The file can be read safely; what the scan noticed in it deserves a look.",
    "refused": "The file is unsafe, damaged or of no known format, and is not opened.",
}


def _write_sarif(output: Path, files: tuple[Path, ...], scanned: list[_Scanned]) -> None:
    from recaudit.gates.keeping import write_whole
    from recaudit.gates.outputs.sarif import Result, document

    results = [
        Result(
            found.verdict,
            *_LEVELS[found.verdict],
            f"{path.name}: {found.verdict}. {found.notes}".rstrip(),
            path.as_posix(),
            properties={"format": found.format, "sha256": found.sha256},
        )
        for path, found in zip(files, scanned, strict=True)
    ]
    write_whole(output, document(results, _RULES, success=True))
    note(f"wrote {printable(output)}")


def _tensors(path: Path) -> list[list[str]]:
    from recaudit.checkpoints import read_checkpoint

    arrays = read_checkpoint(path).tensors()
    return [[path.name, key, "x".join(map(str, a.shape)), str(a.dtype)] for key, a in arrays.items()]
