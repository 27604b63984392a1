"""CSV that a spreadsheet shows and never runs.

Excel, LibreOffice and others take a cell that begins with `=`, `+`, `-` or `@` for a formula, and where the
list separator of their language is another one, a cell may begin in the middle of ours. An apostrophe makes
it text. Source: OWASP, "CSV Injection".
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

# Also in full width, which some spreadsheets read alike.
_FORMULA = re.compile(r"(^|[,;|\t\r\n\"'])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
_CONTROL = re.compile(f"[{CONTROL}]+")
# By this Excel knows that it is UTF-8.
_MARK = "\ufeff"


def spreadsheet(cases: Iterable[Case]) -> bytes:
    """Return the cases as CSV: UTF-8 with a mark, commas, a header, one line for each."""
    columns = [field.name for field in fields(Case)]
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(getattr(case, column)) for column in columns] for case in cases)
    return (_MARK + text.getvalue()).encode()


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
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
