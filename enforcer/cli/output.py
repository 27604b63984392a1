"""Data goes to stdout, as a table for people, JSON or CSV for programs; everything else goes to stderr."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click
import msgspec

from enforcer.core.csv_cells import harmless
from enforcer.core.plain_text import plain

if TYPE_CHECKING:
    from rich.table import Table as RichTable
    from rich.text import Text

_WIDEST, _UNLIMITED = 120, 10_000
_NARROWEST_PROSE = 30
_GAP = 2  # columns
_FORMAT, _VERBOSE = "enforcer.output", "enforcer.verbose"  # in the context of a command
# What a cell says, in the colour that people expect of it.
_COLOURS = {
    **dict.fromkeys(("failed", "stuck", "no", "not_blocked", "denied", "incomplete"), "red"),
    **dict.fromkeys(("warning", "held", "running", "skipped", "report", "withhold", "queued"), "yellow"),
    **dict.fromkeys(("ok", "complete", "done", "removed", "revoked", "blocked", "verified"), "green"),
}
_TOLD = (("error:", "red"), ("HELD", "yellow"), ("warning:", "yellow"))


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people; the first column names what the row is about.

    Attributes:
        prose: The columns that may be wrapped.
        ids: The columns of IDs behind a name: for people, only with `-v`.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    prose: Sequence[str] = ()
    ids: Sequence[str] = ()


def output_option[F: Callable[..., object]](command: F) -> F:
    """Add `--output table|json|csv` and `-v`; by default a table on a terminal, JSON elsewhere."""
    output = click.option(
        "--output",
        "-o",
        "as_json",
        type=click.Choice(["table", "json", "csv"]),
        callback=_choose,
        help="A table for people; JSON or CSV for programs. [default: table on a terminal, else json]",
    )
    verbose = click.option(
        "--verbose",
        "-v",
        is_flag=True,
        expose_value=False,
        callback=lambda context, _option, value: context.meta.update({_VERBOSE: value}),
        help="Also show the IDs behind the names.",
    )
    return output(verbose(command))


def _choose(context: click.Context, _option: click.Parameter, value: str | None) -> bool:
    """Remember what is written; return whether it is JSON."""
    chosen = value or ("table" if sys.stdout.isatty() else "json")
    context.meta[_FORMAT] = chosen
    return chosen == "json"


def _chosen(name: str) -> object:
    context = click.get_current_context(silent=True)
    return context.meta.get(name) if context else None


def json_text(data: object) -> str:
    """Return data as indented JSON, with a final line break."""
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode() + "\n"


def write_json(data: object) -> None:
    """Write JSON to stdout, indented."""
    click.echo(json_text(data), nl=False)


def write_tables(*tables: Table) -> None:
    """Write tables to stdout: all of them as CSV, or for people.

    For people, as wide as the terminal but at most 120 columns; an empty one as one line. What does not fit
    becomes a block for each row, so that no cell is broken into pieces.
    """
    if _chosen(_FORMAT) == "csv":
        click.echo("\n".join(map(_csv, tables)), nl=False)
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    # Off a terminal nobody counts columns.
    width = min(console.width, _WIDEST) if sys.stdout.isatty() else _UNLIMITED
    console.width = width
    for full in tables:
        table = full if _chosen(_VERBOSE) else _without_ids(full)
        if not table.rows:
            console.print(Text(f"{table.title}: none"))
            continue
        console.print(Text(table.title, style="bold"))
        if _fits(table, width):
            console.print(_grid(table))
            continue
        for name, *others in table.rows:
            pairs = zip(table.columns[1:], others, strict=True)
            console.print(_styled(name))
            for column, value in pairs:
                if value not in (None, ""):
                    console.print(Padding(Text(f"{column}: ") + _styled(value), (0, 0, 0, 4), expand=False))


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(["" if value is None else harmless(_cell(value)) for value in row] for row in table.rows)
    return text.getvalue()


def _without_ids(table: Table) -> Table:
    shown = [index for index, column in enumerate(table.columns) if column not in table.ids]
    return replace(
        table,
        columns=[table.columns[index] for index in shown],
        rows=[[row[index] for index in shown] for row in table.rows],
    )


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
        grid.add_row(*map(_styled, row))
    return grid


def tell(message: str) -> None:
    """Write a message to stderr; what went wrong or waits is in colour, unless NO_COLOR is set."""
    colour = next((colour for begin, colour in _TOLD if message.startswith(begin)), None)
    plainly = False if os.environ.get("NO_COLOR") or colour is None else None
    click.secho(message, fg=colour, err=True, color=plainly)


def _styled(value: object) -> Text:
    """Return a cell as Text, not markup: it may hold what other people wrote."""
    from rich.text import Text

    cell = _cell(value)
    return Text(cell, style=_COLOURS.get(cell, ""))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Control characters could draw on the operator's screen.
    return plain(str(value), instead="�")
