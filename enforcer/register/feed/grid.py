"""A table as a file has it: numbered rows of cells, without a meaning yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

# Only workbooks have cells that are not texts.
type Cell = str | int | float | date | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row with something in it.

    Attributes:
        number: Its number in an editor or spreadsheet; the first is 1.
    """

    number: int
    cells: tuple[Cell, ...]

    def cell(self, column: int) -> Cell:
        return self.cells[column] if column < len(self.cells) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """All rows with something in them.

    Attributes:
        epoch: The day 0 of a workbook's serial numbers; None for text files, which have none.
        notes: How the file was read, where that is not obvious.
    """

    rows: tuple[Row, ...]
    epoch: datetime | None = None
    notes: tuple[str, ...] = ()


def text_of(cell: Cell) -> str:
    """Return a cell as people see it: whole numbers without a fraction, days without a time."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    return str(cell)
