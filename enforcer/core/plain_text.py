"""What people write ends up in tables, ledgers, mails, files and on screens: one line, no control characters.

Everything else is theirs: wide and unbreakable blanks, and what joins letters or emoji.
"""

from __future__ import annotations

import re

# Unicode's Cc, Zl and Zp, as they stand between the brackets of a regular expression, also of JSON Schema.
CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# Halves of characters, too: a shell can hand them over, and no file can hold them.
_NOT_PLAIN = re.compile(rf"[{CONTROL}\ud800-\udfff]")


def is_plain(text: str) -> bool:
    """Whether the text is one line without control characters."""
    return _NOT_PLAIN.search(text) is None


def plain(text: str, *, instead: str = " ") -> str:
    """Return the text with something else in the place of each character that `is_plain` does not want."""
    return _NOT_PLAIN.sub(lambda _: instead, text)
