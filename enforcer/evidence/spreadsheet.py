"""The cases as CSV, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime

from enforcer.core.calendar.dates import instant
from enforcer.core.csv_cells import harmless
from enforcer.core.evidence.cases import Case

# Makes Excel read the file as UTF-8.
_MARK = "\ufeff"


def spreadsheet(cases: Iterable[Case]) -> bytes:
    """Return the cases as comma-separated CSV with a header: UTF-8 with a byte order mark."""
    columns = [field.name for field in fields(Case)]
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(getattr(case, column)) for column in columns] for case in cases)
    return (_MARK + text.getvalue()).encode()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return instant(value)
        case float():
            return f"{value:.3f}"
        case tuple():
            return harmless(" ".join(map(str, value)))
        case _:
            return harmless(str(value))
