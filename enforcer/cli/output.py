"""Data goes to stdout, as a table for people or as JSON for programs; everything else goes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import msgspec

from enforcer.core.plain_text import plain

if TYPE_CHECKING:
    from rich.table import Table as RichTable

_WIDEST, _UNLIMITED = 120, 10_000
_NARROWEST_PROSE = 30
_GAP = 2  # columns


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people; the first column names what the row is about.

    Attributes:
        prose: The columns that may be wrapped.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    prose: Sequence[str] = ()


def output_option[F: Callable[..., object]](command: F) -> F:
    """Add `--output table|json`; by default a table on a terminal, JSON elsewhere."""
    option = click.option(
        "--output",
        "-o",
        "as_json",
        type=click.Choice(["table", "json"]),
        callback=lambda _context, _option, value: (value or _default()) == "json",
        help="A table for people, or JSON for programs. [default: table on a terminal, else json]",
    )
    return option(command)


def _default() -> str:
    return "table" if sys.stdout.isatty() else "json"


def json_text(data: object) -> str:
    """Return data as indented JSON, with a final line break."""
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n"


def write_json(data: object) -> None:
    """Write JSON to stdout, indented."""
    click.echo(json_text(data), nl=False)


def write_tables(*tables: Table) -> None:
    """Write tables to stdout, as wide as the terminal but at most 120 columns; an empty one as one line.

    What does not fit becomes a block for each row, so that no cell is broken into pieces.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(file=sys.stdout)
    # Off a terminal nobody counts columns.
    width = min(console.width, _WIDEST) if sys.stdout.isatty() else _UNLIMITED
    console.width = width
    for table in tables:
        if not table.rows:
            console.print(Text(f"{table.title}: none"))
            continue
        console.print(Text(table.title, style="bold"))
        if _fits(table, width):
            console.print(_grid(table))
            continue
        for name, *others in table.rows:
            pairs = zip(table.columns[1:], others, strict=True)
            details = [f"{column}: {_cell(value)}" for column, value in pairs if value not in (None, "")]
            console.print(Text(_cell(name)))
            console.print(Padding(Text("\n".join(details)), (0, 0, 0, 4), expand=False))


def _fits(table: Table, width: int) -> bool:
    from rich.cells import cell_len

    needed = _GAP * (len(table.columns) - 1)
    for column, *values in zip(table.columns, *table.rows, strict=True):
        natural = max(cell_len(_cell(value)) for value in (column, *values))
        needed += min(natural, _NARROWEST_PROSE) if column in table.prose else natural
    return needed <= width


def _grid(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    grid = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in table.columns:
        grid.add_column(Text(column), overflow="fold", no_wrap=column not in table.prose)
    for row in table.rows:
        # Text, not markup: the cells hold what other people wrote.
        grid.add_row(*(Text(_cell(value)) for value in row))
    return grid


def tell(message: str) -> None:
    """Write a message to stderr."""
    click.echo(message, err=True)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Control characters could draw on the operator's screen.
    return plain(str(value), instead="�")
