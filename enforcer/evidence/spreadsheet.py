"""CSV that no spreadsheet runs as formulas.

Excel, LibreOffice and others treat a cell that begins with `=`, `+`, `-` or `@` as a formula; where the
locale has another list separator, a cell may begin in the middle of ours. An apostrophe makes it text.
Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime

from enforcer.core.calendar.dates import instant
from enforcer.core.evidence.cases import Case
from enforcer.core.plain_text import CONTROL

# Includes the full-width forms, which some spreadsheets accept.
_FORMULA = re.compile(r"(^|[,;|\t\r\n\"'])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
_CONTROL = re.compile(f"[{CONTROL}]+")
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


def harmless(text: str) -> str:
    """Return the text in a form that no spreadsheet treats as a formula."""
    return _FORMULA.sub(r"\1\2'", _CONTROL.sub(" ", text))


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
