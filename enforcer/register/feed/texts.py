"""Text files: their encoding, their delimiter, their rows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable

from enforcer.register.feed.grid import Grid, Row
from enforcer.register.feed.problems import EncodingError, FileError, Problem, of_file

_DELIMITERS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*')
_BEGINNING = 65_536  # characters, in which the delimiter must show
_SAMPLE = 4_096  # bytes, in which UTF-16 shows by its zeros
_LIKELY = "windows-1252"

type Names = Callable[[tuple[str, ...]], int]


def decoded(content: bytes, encoding: str) -> str:
    """Return the text of a file.

    Args:
        content: The file.
        encoding: Its encoding if somebody said so; otherwise Unicode is recognised, and nothing else.

    Raises:
        EncodingError: It is not Unicode, and nobody said what it is.
        FileError: It is not in the encoding that was given, or there is none of that name.
    """
    encoding = encoding or _unicode(content)
    try:
        text = content.decode(encoding)
    except LookupError:
        raise of_file(f"there is no encoding {encoding!r:.40}; use utf-8, utf-16, windows-1252 …") from None
    except UnicodeDecodeError as error:
        raise _undecodable(content, encoding, error.start) from error
    return text.removeprefix("\ufeff")


def read_text(text: str, names: Names) -> Grid:
    """Split a text into rows.

    Args:
        text: Delimited by the one of `,` `;` tab and `|` whose cells name the most columns.
        names: How many columns the cells of a row name.

    Raises:
        FileError: A quoted cell does not end.
    """
    said = _SEPARATOR.match(text)
    delimiter = said[1] if said else _delimiter(text, names)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(number=begins, cells=tuple(cells)))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise FileError([Problem(line=reader.line_num, kind="is not CSV", text=str(error))]) from error
    return Grid(rows=tuple(rows))


def _unicode(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    sample = content[:_SAMPLE]
    pairs = max(len(sample) // 2, 1)
    # Most characters of a table are ASCII, so that in UTF-16 every other byte is zero.
    if sample[1::2].count(0) * 2 > pairs and not sample[0::2].count(0):
        return "utf-16-le"
    if sample[0::2].count(0) * 2 > pairs and not sample[1::2].count(0):
        return "utf-16-be"
    return "utf-8"


def _undecodable(content: bytes, encoding: str, at: int) -> FileError:
    number = content[:at].count(b"\n") + 1
    byte = f"byte 0x{content[at]:02x}" if at < len(content) else "its end"
    if encoding != "utf-8":
        return FileError([Problem(line=number, kind=f"not {encoding}", text=f"is not {encoding} ({byte})")])
    line = content.splitlines()[number - 1] if content.splitlines()[number - 1 :] else content
    sample = line.decode(_LIKELY, "replace").strip()[:80]
    text = (
        f"is not UTF-8 ({byte}); save the file as UTF-8, or, if it reads {sample!r},"
        f" say so with --encoding {_LIKELY}"
    )
    return EncodingError(Problem(line=number, kind="not UTF-8", text=text), likely=_LIKELY, sample=sample)


def _delimiter(text: str, names: Names) -> str:
    beginning = text[:_BEGINNING]
    lines = beginning.splitlines()
    header = next((line for line in lines if any(mark.isalnum() for mark in line)), "")

    def named(delimiter: str) -> tuple[int, int]:
        rows = csv.reader(io.StringIO(beginning, newline=""), delimiter=delimiter)
        best = 0
        try:
            for _, cells in zip(range(30), rows, strict=False):
                best = max(best, names(tuple(cells)))
        except csv.Error:
            return best, 0
        return best, header.count(delimiter)

    return max(_DELIMITERS, key=named)
