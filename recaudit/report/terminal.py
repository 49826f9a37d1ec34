"""The report on a terminal, with rich. Narrow terminals get fewer columns, never broken lines."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from recaudit.report import layout
from recaudit.report.model import FindingRow, MetricRow, Report, TableSection
from recaudit.text import printable

_STYLES = {"serious": "bold red", "warning": "yellow", "info": "dim"}
_TEXT_COLUMNS = {"title", "item", "user", "split", "message"}
_TITLE_WIDTH = 40
_GOES_FIRST = ("n", "kind", "interval", "verdict")
"""Columns that leave a table which does not fit, in this order."""
ITEMS_SHOWN = 3


def render(report: Report, console: Console) -> None:
    """Print every section that the report has."""
    console.print(Group(*_sections(report, console.width)))


def _sections(report: Report, width: int) -> Iterator[RenderableType]:
    yield heading(f"Audit of {report.model['name']}")
    yield _facts(report)
    yield heading("What to know")
    yield findings(report.findings)
    if layout.ranking_lines(report):
        yield heading(f"Ranking, protocol {report.protocol['name']}")
        yield _caption(report.protocol["about"] + ".")
        yield _ranking(report)
    for prefix, title in (
        ("fidelity.", "Fidelity: reconstructed against original"),
        ("sae.", "Health of the sparse autoencoder"),
    ):
        rows = layout.other_metrics(report, prefix)
        if rows:
            yield heading(title)
            yield _metrics(rows)
    yield from _latents(report, width)
    for table in report.tables:
        if not table.name.startswith(layout.LATENT_ITEMS):
            yield from section(table, width)
    if report.missing:
        yield heading("Not run")
    for name, reason in report.missing.items():
        yield Text(f"  – {name}: {reason}", style="dim")


def render_tables(tables: list[TableSection], console: Console) -> None:
    """Print tables alone."""
    console.print(Group(*(part for table in tables for part in section(table, console.width))))


def section(table: TableSection, width: int) -> Iterator[RenderableType]:
    """A table under its heading, with what to see in it."""
    yield heading(table.title)
    if table.caption:
        yield _caption(table.caption)
    yield _table(table, width)


def heading(title: str) -> RenderableType:
    """A line across with a title in it."""
    return Group(Text(), Rule(Text(printable(title), style="bold"), align="left", style="dim"))


def _caption(text: str) -> RenderableType:
    return Padding(Text(printable(text), style="dim"), (0, 2))


def _facts(report: Report) -> RenderableType:
    model, sae = report.model, report.sae
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    facts.add_row(
        "  model",
        _plain(f"{model['tool']} {model['architecture']}, probed at: {model['site']} ({model['dim']} wide)"),
    )
    facts.add_row("  file", _plain(f"{model['checkpoint']}  sha256 {model['sha256'][:12]}…"))
    facts.add_row("  data", _plain(f"{report.dataset['name']}: {report.dataset['summary']}"))
    facts.add_row(
        "  cases",
        _plain(
            f"{model['cases']:,} inputs of {model['users']:,} users; {model['candidates']:,} items compete"
        ),
    )
    if sae is not None:
        k = f", k = {sae['k']} ({sae['k_source']})" if sae["k"] else ""
        facts.add_row("  SAE", _plain(f"{sae['tool']}, {sae['n_latents']:,} latents, {sae['activation']}{k}"))
    scanned = [receipt for receipt in model["receipts"] if receipt["role"] != "data"]
    scans = ", ".join(f"{receipt['role']} {receipt['verdict']}" for receipt in scanned)
    facts.add_row("  scan", _plain(f"{scans}; nothing in a file was executed"))
    return facts


def _plain(text: str) -> Text:
    return Text(printable(text))


def findings(rows: list[FindingRow]) -> RenderableType:
    """Sentences behind the mark of their severity."""
    lines = Table.grid(padding=(0, 1))
    lines.add_column(width=3, justify="right")
    lines.add_column(overflow="fold")
    for finding in rows:
        mark = Text(layout.MARKS[finding.severity], style=_STYLES[finding.severity])
        lines.add_row(mark, Text(printable(finding.sentence)))
    return lines


def _ranking(report: Report) -> RenderableType:
    lines = layout.ranking_lines(report)
    shown = [name for name in layout.RANKINGS if any(name in line.cells for line in lines)]
    table = _grid()
    table.add_column("")
    for name in shown:
        table.add_column(name)
    for line in lines:
        table.add_row(line.title, *(_value_and_interval(line.cells.get(name)) for name in shown))
    users = {cell.n for line in lines for cell in line.cells.values()}
    said = f"n = {', '.join(f'{n:,}' for n in sorted(users))} users; 95 % intervals by bootstrap over users."
    return Group(Padding(table, (0, 2)), _caption(said))


def _latents(report: Report, width: int) -> Iterator[RenderableType]:
    blocks = layout.latent_blocks(report)
    if not blocks:
        return
    yield heading("Strongest latents and their items")
    yield _caption(
        "Three orderings of the same pairs: how often, how strongly, and how much likelier than overall (lift). "
        "Popular items head the first two everywhere; lift shows what sets a latent apart."
    )
    orders = list(blocks[0].orders)
    cell = (width - 10) // len(orders) - 3
    table = _grid()
    for name in ("latent", *orders):
        table.add_column(name, no_wrap=True)
    for block in blocks:
        for place in range(min(ITEMS_SHOWN, max(map(len, block.orders.values())))):
            texts = [block.orders.get(order, [])[place : place + 1] for order in orders]
            label = Text(str(block.latent) if place == 0 else "", style="bold")
            table.add_row(label, *(Text(printable(t[0], cell)) if t else Text("") for t in texts))
        table.add_section()
    yield Padding(table, (0, 2))


def _value_and_interval(row: MetricRow | None) -> Text:
    if row is None:
        return Text("–")
    drawn = Text(f"{row.value:.4f} ")
    if row.low is not None and row.high is not None:
        drawn.append(f"{_short(row.low)}–{_short(row.high)}", style="dim")
    return drawn


def _short(value: float) -> str:
    return f"{value:.4f}".removeprefix("0")


def _metrics(rows: list[MetricRow]) -> RenderableType:
    table = _grid()
    for name, justify in (("", "left"), ("value", "right"), ("95 % interval", "right"), ("n", "right")):
        table.add_column(name, justify=justify, style="dim" if name == "95 % interval" else "")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(
            layout.title(row), layout.number(row.value), layout.interval(row), f"{row.n:,} {row.unit}"
        )
    return Padding(table, (0, 2))


def _table(section: TableSection, width: int) -> RenderableType:
    columns, rows = layout.joined(section)
    shown = _fitting(columns, rows, width)
    widths = _widths(shown, columns, rows, width)
    table = _grid()
    for name in shown:
        place = columns.index(name)
        texts = [row[place] for row in rows if isinstance(row[place], str)]
        wide = name in _TEXT_COLUMNS or not all(isinstance(text, layout.Figure) for text in texts)
        table.add_column(
            name,
            justify="left" if wide else "right",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if name == "title" else None,
            max_width=widths[name],
        )
    for row in rows:
        cells = dict(zip(columns, row, strict=True))
        table.add_row(*(Text(_cell(name, cells[name])) for name in shown))
    if len(rows) == section.shown_of:
        return Padding(table, (0, 2))
    return Group(Padding(table, (0, 2)), _caption(f"{len(rows)} of {section.shown_of:,} shown"))


def _fitting(columns: list[str], rows: list[list[object]], width: int) -> list[str]:
    """Drop the least telling columns where the terminal is narrow; every one is in the JSON."""
    if width >= 100:
        spare = set()
    else:
        spare = {"users", "mean", "q", "max_decoder_cosine", "item" if "title" in columns else "position"}
    kept = [name for name in columns if name not in spare]
    for name in _GOES_FIRST:
        if name in kept and _natural_width(kept, columns, rows) > width - 4:
            kept.remove(name)
    return kept


_LEAST_TEXT = 8


def _widths(kept: list[str], columns: list[str], rows: list[list[object]], width: int) -> dict[str, int]:
    """Width of each column; where they do not fit, the widest text gives way: half a number is none."""
    widths = {name: _widest(name, columns, rows) for name in kept}
    text = [name for name in kept if any(_is_text(row[columns.index(name)]) for row in rows)]
    while text and sum(widths.values()) + 3 * (len(kept) - 1) > width - 4:
        widest = max(text, key=lambda name: widths[name])
        if widths[widest] <= _LEAST_TEXT:
            break
        widths[widest] -= 1
    return widths


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, layout.Figure)


def _natural_width(kept: list[str], columns: list[str], rows: list[list[object]]) -> int:
    return sum(_widest(name, columns, rows) for name in kept) + 3 * (len(kept) - 1)


def _widest(name: str, columns: list[str], rows: list[list[object]]) -> int:
    place = columns.index(name)
    return max([cell_len(name), *(cell_len(_cell(name, row[place])) for row in rows)])


def _cell(name: str, value: object) -> str:
    if value is None:
        return "–"
    if name in {"latent", "item", "position", "user"}:
        return printable(value, _TITLE_WIDTH)
    return printable(value, 200) if isinstance(value, str) else layout.number(value)


def _grid() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
