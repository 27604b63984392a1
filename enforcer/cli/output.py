"""Data goes to stdout, as a table for people and as JSON for programs; all else goes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import click
import msgspec

from enforcer.core.plain_text import plain


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


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
    """Return data as indented JSON, with a line's end."""
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n"


def write_json(data: object) -> None:
    """Write JSON to stdout, indented."""
    click.echo(json_text(data), nl=False)


def write_tables(*tables: Table) -> None:
    """Write tables to stdout; an empty one as a line that says so."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    # Off a terminal nothing may be cut off, however wide it gets.
    console = Console(file=sys.stdout) if sys.stdout.isatty() else Console(file=sys.stdout, width=250)
    for table in tables:
        if not table.rows:
            console.print(Text(f"{table.title}: none"))
            continue
        drawn = RichTable(title=Text(table.title), title_justify="left", box=box.SIMPLE_HEAD)
        for column in table.columns:
            drawn.add_column(Text(column), overflow="fold")
        for row in table.rows:
            # Text, not markup: the cells hold what other people wrote.
            drawn.add_row(*(Text(_cell(value)) for value in row))
        console.print(drawn)


def tell(message: str) -> None:
    """Tell a person something, on stderr."""
    click.echo(message, err=True)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Control characters could draw on the operator's screen.
    return plain(str(value), instead="�")
