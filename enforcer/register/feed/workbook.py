"""Excel workbooks: one sheet as a grid. `openpyxl` is loaded only where somebody brings one."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime, time
from typing import TYPE_CHECKING, Any

from enforcer.register.feed.grid import Cell, Grid, Row
from enforcer.register.feed.problems import of_file
from enforcer.register.feed.texts import Names

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

_MOST_UNPACKED = 200 * 1024 * 1024  # bytes; twenty thousand lines take some 10 MB
_HEADER_WITHIN = 30  # rows


def read_workbook(content: bytes, sheet: str, names: Names) -> Grid:
    """Read a sheet.

    Args:
        content: The .xlsx file.
        sheet: The sheet's name; empty for the only one that names columns.
        names: How many columns the cells of a row name.

    Raises:
        FileError: It is not a workbook, or it is not clear which sheet is meant.
    """
    with_values = _opened(content)
    try:
        sheets = {name: tuple(_rows(with_values[name])) for name in _wanted(with_values, sheet)}
    finally:
        with_values.close()
    chosen = sheet if sheet in sheets else _chosen(sheets, names)
    notes = (f"sheet {chosen!r} was read",) if len(with_values.sheetnames) > 1 else ()
    return Grid(rows=sheets[chosen], epoch=with_values.epoch, notes=notes)


def _opened(content: bytes) -> Workbook:
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
        if unpacked > _MOST_UNPACKED:
            raise of_file(
                f"the workbook is {unpacked} bytes large when unpacked; at most {_MOST_UNPACKED} fit"
            )
        return openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, SyntaxError) as error:
        raise of_file(f"the file is not a workbook of Excel ({error}); save it as .xlsx") from error


def _wanted(workbook: Workbook, sheet: str) -> list[str]:
    found = [name for name in workbook.sheetnames if name.lower() == sheet.strip().lower()]
    if sheet and not found:
        raise of_file(f"there is no sheet {sheet!r:.60}; the workbook has {_listed(workbook.sheetnames)}")
    visible = [each.title for each in workbook.worksheets if each.sheet_state == "visible"]
    return found or visible


def _chosen(sheets: dict[str, tuple[Row, ...]], names: Names) -> str:
    if len(sheets) == 1:
        return next(iter(sheets))
    named = {name: _names(rows, names) for name, rows in sheets.items()}
    best = [name for name, count in named.items() if count and count == max(named.values())]
    if len(best) == 1:
        return best[0]
    raise of_file(f"the workbook has several sheets; name one with --sheet: {_listed(best or sheets)}")


def _names(rows: tuple[Row, ...], names: Names) -> int:
    beginning = rows[:_HEADER_WITHIN]
    return max((names(tuple(map(str, row.cells))) for row in beginning), default=0)


def _rows(sheet: Any) -> Iterator[Row]:
    sheet.reset_dimensions()  # programs that write workbooks often leave them wrong
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = tuple(map(_cell, values))
        if any(cell != "" and str(cell).strip() for cell in cells):
            yield Row(number=number, cells=cells)


def _cell(value: object) -> Cell:
    if value is None:
        return ""
    if isinstance(value, bool | time):
        return str(value)
    return value if isinstance(value, str | int | float | datetime) else str(value)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
