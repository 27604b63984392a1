"""Reads a file of an HR system: bytes become a grid, its columns are found, its lines become rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from enforcer.core.contractors import RegisterRow
from enforcer.core.csv_cells import as_meant
from enforcer.core.keys import is_address, is_object_id, normalised, trimmed, trimming
from enforcer.core.plain_text import is_plain
from enforcer.register.feed.column_names import Field
from enforcer.register.feed.columns import Columns, Doubt, count_named, find_columns
from enforcer.register.feed.day_orders import DateError, DateOrder, DateReader, reader_for
from enforcer.register.feed.grid import Cell, Grid, Row, text_of
from enforcer.register.feed.problems import FileError, Problem, of_file
from enforcer.register.feed.texts import decoded, read_text
from enforcer.register.feed.workbook import read_workbook
from enforcer.register.lengths import LONGEST, LONGEST_OTHER

_LARGEST = 50 * 1024 * 1024  # bytes
_FORMS = (
    (
        b"\xd0\xcf\x11\xe0",
        "an old .xls workbook, or one with a password; save it as .xlsx without one",
    ),
    (b"%PDF", "a PDF; export the report as .xlsx or CSV"),
    (b"\x1f\x8b", "compressed; unpack it first"),
)
_ZIP = b"PK\x03\x04"
_WEB_PAGE = re.compile(rb"\s*<(!doctype|html|head|\?xml|table)", re.IGNORECASE)
_TOTAL = re.compile(
    r"(grand )?(total|totals|sum|summe|gesamt|insgesamt|anzahl|count|records?|rows?|subtotal|total general"
    r"|somme|suma)\b",
    re.IGNORECASE,
)
# Blanks and line breaks that programs write into cells; they become one blank.
_BREAKS = re.compile(r"[ \t]*[\r\n\t\u2028\u2029]+[ \t]*")
# Not worth a warning around a name: many programs write them.
_BLANKS = " \t\r\n"
_GONE = re.compile(
    r"terminated|inactive|ended|closed|completed|cancel|beendet|inaktiv|ausgeschieden|gekundigt|gekündigt"
    r"|termin|resili|résili|inactif|inactiv|finaliz|baja|parti$",
    re.IGNORECASE,
)
_TEXTS = {Field.NAME: "display_name", Field.COMPANY: "company", Field.NOTE: "note"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What somebody said about a file.

    Attributes:
        mapping: Columns' names by field: user, end, start, name, company, sponsor, note.
        order: How dates of numbers are read.
        encoding: Of a text file that is not Unicode.
        sheet: Of a workbook with several.
        group_id: The managed group of lines that name none.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    order: DateOrder | None = None
    encoding: str = ""
    sheet: str = ""
    group_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the file, and the row that it asks for.

    Attributes:
        number: The line number in an editor; the first is 1.
        others: Further keys of the person in the line, normalised; they must mean the same person.
        status: What the HR system says about the contract, where that is its end.
        warning: What was read otherwise than written; empty if nothing was.
    """

    number: int
    row: RegisterRow
    others: tuple[str, ...] = ()
    status: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A file that could be read.

    Attributes:
        notes: How it was understood: sheet, columns, dates, rows left out.
        doubts: Ignored columns that may be wanted.
    """

    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    @property
    def warnings(self) -> list[str]:
        return [line.warning for line in self.lines if line.warning]


class _LineError(ValueError):
    def __init__(self, text: str, kind: str = "") -> None:
        self.kind = kind or text
        super().__init__(text)


def read_feed(content: bytes, reading: Reading, check: Callable[[Line], str]) -> Feed:
    """Read all lines of a file.

    Args:
        content: A workbook (.xlsx), or a text with a column delimiter.
        reading: What somebody said about it.
        check: Returns what is wrong with a line; empty if nothing is.

    Raises:
        EncodingError: Somebody must say in which encoding the text is.
        FileError: Names every bad line; nothing in such a file may be used.
    """
    grid = _grid(content, reading)
    columns = find_columns(grid, reading.mapping)
    rows, totals = _without_total(columns)
    try:
        dates = reader_for(_date_cells(columns, rows), reading.order, grid.epoch)
    except DateError as error:
        raise of_file(str(error)) from error
    lines, problems = _lines(
        rows, _LineReader(columns=columns, dates=dates, group_id=reading.group_id), check
    )
    if problems:
        raise FileError(problems)
    if not lines:
        raise of_file(
            f"the file has no lines below its header (line {columns.header.number}); nothing to import"
        )
    skipped = sorted((*columns.skipped, *totals))
    left_out = f"left out, as they name no contractor: {_numbers(skipped)}" if skipped else ""
    notes = (*grid.notes, columns.told, left_out, dates.note)
    return Feed(lines=tuple(lines), notes=tuple(filter(None, notes)), doubts=columns.doubts)


def _grid(content: bytes, reading: Reading) -> Grid:
    if len(content) > _LARGEST:
        raise of_file(f"the file is {len(content)} bytes large; at most {_LARGEST} are read")
    if content.startswith(_ZIP):
        return read_workbook(content, reading.sheet, count_named)
    for beginning, form in _FORMS:
        if content.startswith(beginning):
            raise of_file(f"the file is {form}")
    if _WEB_PAGE.match(content[:200].removeprefix(b"\xef\xbb\xbf")):
        raise of_file(
            "the file is a web page, not a table: whatever downloaded it was probably asked to sign in."
            " Export the report again as .xlsx or CSV"
        )
    if reading.sheet:
        raise of_file("--sheet chooses a sheet of a workbook, but the file is a text")
    return read_text(decoded(content, reading.encoding), count_named)


def _date_cells(columns: Columns, rows: Sequence[Row]) -> Iterable[Cell]:
    at = [columns.used[field] for field in (Field.END, Field.START) if field in columns.used]
    return [row.cell(column) for row in rows for column in at]


def _without_total(columns: Columns) -> tuple[Sequence[Row], list[int]]:
    """Leave out a last row that sums up: it says "total" and has no end date."""
    rows = columns.rows
    if rows:
        last = rows[-1]
        texts = [text for cell in last.cells if (text := trimmed(text_of(cell)))]
        no_end = not trimmed(text_of(last.cell(columns.used[Field.END])))
        if texts and no_end and _TOTAL.match(texts[0]) and "@" not in texts[0]:
            return rows[:-1], [last.number]
    return rows, []


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineReader:
    columns: Columns
    dates: DateReader
    group_id: str

    def read(self, row: Row) -> Line:
        """Return a row of the grid as a line. Raises `_LineError`."""
        self._require_few_cells(row)
        key, others, warning = self._keys(row)
        end = self._date(row, Field.END)
        if not end:
            raise _LineError("has no end date")
        wanted = RegisterRow(
            group_id=self._group(row),
            row_key=key,
            end_date=end,
            start_date=self._date(row, Field.START) or None,
            display_name=self._name(row),
            company=self._text(row, Field.COMPANY),
            sponsor=self._sponsor(row),
            note=self._text(row, Field.NOTE),
        )
        status = self._text(row, Field.STATUS)
        return Line(
            number=row.number,
            row=wanted,
            others=others,
            status=status if _GONE.match(status) else "",
            warning=warning and f"line {row.number}: {warning}",
        )

    def _require_few_cells(self, row: Row) -> None:
        width = len(self.columns.header.cells)
        if any(text_of(cell).strip() for cell in row.cells[width:]):
            raise _LineError(
                f"has {len(row.cells)} cells, the header has {width}", "has more cells than the header"
            )

    def _keys(self, row: Row) -> tuple[str, tuple[str, ...], str]:
        """Return the first key of the line, its others, and what was taken off around them."""
        keys: list[str] = []
        warning = ""
        for column in self.columns.identifying:
            typed = as_meant(text_of(row.cell(column)).strip(_BLANKS))
            key = as_meant(trimmed(typed))
            if not key:
                continue
            if len(key) > LONGEST_OTHER or not is_plain(key):
                raise _LineError(
                    f"{self.columns.name(column)} is {key!r:.80}", "has an unusable name of a user"
                )
            warning = warning or trimming(typed)
            keys.append(key)
        if not keys:
            raise _LineError("does not say who the contractor is")
        # A column of addresses may have something else where Entra has none; another column then decides.
        fitting = [key for key in keys if is_address(key) or is_object_id(key)]
        first, *others = fitting or keys[:1]
        same = {normalised(first)}
        return first, tuple(dict.fromkeys(one for one in map(normalised, others) if one not in same)), warning

    def _date(self, row: Row, of: Field) -> str:
        if of not in self.columns.used:
            return ""
        cell = row.cell(self.columns.used[of])
        if isinstance(cell, str):
            cell = as_meant(trimmed(cell))
            if len(cell) > LONGEST_OTHER:
                raise _LineError(
                    f"{of} has {len(cell)} characters; at most {LONGEST_OTHER} fit", "is too long"
                )
        if cell == "":
            return ""
        try:
            return self.dates.read(cell)
        except DateError as error:
            raise _LineError(f"the {of} date {error}", f"the {of} date {error.kind}") from error

    def _group(self, row: Row) -> str:
        named = self._text(row, Field.GROUP) or self._text(row, Field.TEAM)
        if named and self.group_id and named.lower() != self.group_id.lower():
            raise _LineError(f"is for group {named}, but --group is {self.group_id}", "is for another group")
        return named or self.group_id

    def _name(self, row: Row) -> str:
        if Field.NAME in self.columns.used:
            return self._text(row, Field.NAME)
        return f"{self._text(row, Field.FIRST_NAME)} {self._text(row, Field.LAST_NAME)}".strip()

    def _sponsor(self, row: Row) -> str:
        return self._text(row, Field.SPONSOR) or self._text(row, Field.MANAGER)

    def _text(self, row: Row, of: Field) -> str:
        if of not in self.columns.used:
            return ""
        text = as_meant(_BREAKS.sub(" ", text_of(row.cell(self.columns.used[of])).strip()))
        longest = LONGEST.get(_TEXTS.get(of, ""), LONGEST_OTHER)
        if len(text) > longest:
            raise _too_long(of, text, longest)
        if not is_plain(text):
            raise _LineError(
                f"{of} contains control characters: {text!r:.60}", f"{of} contains control characters"
            )
        return text


def _too_long(of: Field, text: str, longest: int) -> _LineError:
    return _LineError(f"{of} has {len(text)} characters; at most {longest} fit", f"{of} is too long")


def _lines(
    rows: Sequence[Row], reader: _LineReader, check: Callable[[Line], str]
) -> tuple[list[Line], list[Problem]]:
    lines: list[Line] = []
    problems: list[Problem] = []
    for row in rows:
        try:
            line = reader.read(row)
        except _LineError as error:
            problems.append(Problem(line=row.number, kind=error.kind, text=str(error)))
            continue
        if problem := check(line):
            problems.append(Problem(line=row.number, kind="cannot be registered", text=problem))
        lines.append(line)
    return lines, problems + _duplicates(lines)


def _duplicates(lines: Sequence[Line]) -> list[Problem]:
    first: dict[tuple[str, str], int] = {}
    problems = []
    for line in lines:
        number = first.setdefault((line.row.group_id.lower(), normalised(line.row.row_key)), line.number)
        if number != line.number:
            text = f"{line.row.row_key} is already in line {number}; keep the line that is right"
            problems.append(Problem(line=line.number, kind="names somebody twice", text=text))
    return problems


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return f"line{'s' * (len(numbers) > 1)} {shown}{' …' * (len(numbers) > 10)}"  # noqa: PLR2004
