"""CSV cells that no spreadsheet runs as formulas.

Excel, LibreOffice and others treat a cell that begins with `=`, `+`, `-` or `@` as a formula; where the
locale has another list separator, a cell may begin in the middle of ours. An apostrophe makes it text.
Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import re

from enforcer.core.plain_text import plain

# Where some spreadsheet may see the beginning of a cell, and the full-width forms that some accept.
_BEGIN, _FORMULA = r"(^|[,;|\"])(\s*)", r"(?='*[=+\-@\uff1d\uff0b\uff0d\uff20])"
_UNGUARDED, _GUARDED = re.compile(_BEGIN + _FORMULA), re.compile(f"{_BEGIN}'{_FORMULA}")


def harmless(text: str) -> str:
    """Return a cell's text in one line, with an apostrophe wherever a formula could begin."""
    return _UNGUARDED.sub(r"\1\2'", plain(text))


def as_meant(cell: str) -> str:
    """Return the text of a cell without the apostrophes of `harmless`."""
    return _GUARDED.sub(r"\1\2", cell)
