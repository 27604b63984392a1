"""Reads a CSV file as HR systems write it, and names every line that cannot be used."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from enforcer.core.contractors import RegisterRow
from enforcer.core.csv_cells import as_meant
from enforcer.core.exceptions import InputError
from enforcer.core.keys import normalised, trimmed, trimming
from enforcer.core.plain_text import is_plain

# Column names used by HR systems, in lower case, letters and digits only.
_COLUMNS = {
    "user": (
        "user", "rowkey", "id", "objectid", "userid", "entraid", "entraobjectid", "userprincipalname", "upn",
        "username", "email", "emailaddress", "mail", "contractor", "account", "login",
    ),
    "end": (
        "enddate", "end", "contractend", "contractenddate", "lastday", "expires", "expiry", "expirydate",
        "validto", "validuntil", "until",
    ),
    "start": ("startdate", "start", "contractstart", "contractstartdate", "firstday", "validfrom", "from"),
    "display_name": ("displayname", "name", "fullname"),
    "company": ("company", "vendor", "supplier", "employer", "organisation", "organization"),
    "sponsor": ("sponsor", "sponsoremail", "manager", "manageremail", "owner"),
    "note": ("note", "notes", "comment", "remark"),
    "group_id": ("groupid", "group", "partitionkey"),
}  # fmt: skip
_FIELD_OF = {name: field for field, names in _COLUMNS.items() for name in names}
# The most characters in a cell. A note grows with every offboarding.
LONGEST = {"display_name": 1000, "company": 1000, "note": 4000}
_LONGEST = 1000
# Not worth a warning around a name: many programs write them.
_BLANKS = " \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the file, and the row that it asks for.

    Attributes:
        number: The line number in an editor; the header is line 1.
        warning: What was read otherwise than written; empty if nothing was.
    """

    number: int
    row: RegisterRow
    warning: str = ""


class CsvError(InputError):
    """The file cannot be used; `problems` names every bad line and why."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems), field="file")


def read_csv(content: bytes, check: Callable[[Line], str]) -> list[Line]:
    """Read all lines.

    Args:
        content: UTF-8, with or without a byte order mark; cells separated by `;`, `,` or tab.
        check: Returns what is wrong with a line; empty if nothing is.

    Raises:
        CsvError: Names every bad line; nothing in such a file may be used.
    """
    rows = _rows(_text(content))
    if not rows:
        raise CsvError(["the file is empty; its first line must name the columns"])
    fields = _fields(*rows[0])
    problems: list[str] = []
    lines: list[Line] = []
    for number, cells in rows[1:]:
        try:
            line = _line(number, fields, cells)
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        problem = check(line)
        if problem:
            problems.append(f"line {number}: {problem}")
        lines.append(line)
    problems += _duplicates(lines)
    if problems:
        raise CsvError(sorted(problems, key=_line_number))
    return lines


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content[: error.start].count(b"\n") + 1
        raise CsvError(
            [f"line {number}: is not UTF-8 (byte 0x{content[error.start]:02x}); save the file as UTF-8"]
        ) from error


def _rows(text: str) -> list[tuple[int, list[str]]]:
    lines = io.StringIO(text, newline=None)
    header = next((line for line in lines if any(mark.isalnum() for mark in line)), "")
    delimiter = max(";,\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        begins = 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((begins, cells))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise CsvError([f"line {reader.line_num}: {error}"]) from error
    return rows


def _fields(number: int, header: list[str]) -> list[str]:
    """Return the field in each column; empty for an unknown column."""
    fields = [_FIELD_OF.get(_plain(name), "") for name in header]
    problems = [
        f"line {number}: no column says {what}; name one {names[0]!r}"
        for what, names in (
            ("who the contractor is", _COLUMNS["user"]),
            ("when access ends", _COLUMNS["end"]),
        )
        if not set(fields) & {_FIELD_OF[names[0]]}
    ]
    for field in dict.fromkeys(fields):
        if field and fields.count(field) > 1:
            names = ", ".join(repr(name) for name, of in zip(header, fields, strict=True) if of == field)
            problems.append(f"line {number}: the columns {names} mean the same; keep one")
    if problems:
        raise CsvError(problems)
    return fields


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _line(number: int, fields: list[str], cells: list[str]) -> Line:
    if len(cells) > len(fields) and any(cell.strip() for cell in cells[len(fields) :]):
        raise ValueError(f"has {len(cells)} cells, the header has {len(fields)}")
    values: dict[str, Any] = {field: _cell(cell) for field, cell in zip(fields, cells, strict=False) if field}
    for field, value in values.items():
        longest = LONGEST.get(field, _LONGEST)
        if len(value) > longest:
            raise ValueError(f"{field} has {len(value)} characters; at most {longest} fit")
        if not is_plain(value):
            raise ValueError(f"{field} contains control characters: {value!r:.60}")
    typed = dict(zip(fields, cells, strict=False)).get("user", "").strip(_BLANKS)
    warning = trimming(typed)
    user, end, start = (values.pop(field, "") for field in ("user", "end", "start"))
    if warning:
        user = trimmed(user)
    if not user:
        raise ValueError("does not say who the contractor is")
    if not end:
        raise ValueError("has no end date")
    row = RegisterRow(row_key=user, end_date=end, start_date=start or None, **values)
    return Line(number=number, row=row, warning=warning and f"line {number}: {warning}")


def _cell(cell: str) -> str:
    """Strip a cell, and take off the apostrophes that our export puts before formulas."""
    return as_meant(cell.strip())


def _duplicates(lines: list[Line]) -> list[str]:
    first: dict[tuple[str, str], int] = {}
    problems = []
    for line in lines:
        number = first.setdefault((line.row.group_id.lower(), normalised(line.row.row_key)), line.number)
        if number != line.number:
            problems.append(f"line {line.number}: {line.row.row_key} is already in line {number}")
    return problems


def _line_number(problem: str) -> int:
    return int(problem.removeprefix("line ").partition(":")[0])
