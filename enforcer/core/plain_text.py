"""What people write goes into tables, ledgers, mails, files and terminals: one line, no control characters.

Everything else is allowed, such as wide and non-breaking spaces, and joiners of letters or emoji.
"""

from __future__ import annotations

import re

# Unicode's Cc, Zl and Zp, as a character class for regular expressions, also those of JSON Schema.
CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# Lone surrogates, too: a shell can pass them, and no file can hold them.
_NOT_PLAIN = re.compile(rf"[{CONTROL}\ud800-\udfff]")


def is_plain(text: str) -> bool:
    """Whether the text is one line without control characters."""
    return _NOT_PLAIN.search(text) is None


def plain(text: str, *, instead: str = " ") -> str:
    """Return the text with each character that is not plain replaced."""
    return _NOT_PLAIN.sub(lambda _: instead, text)
