"""What people write goes into tables, ledgers, mails, files and terminals: one line, no control characters.

Everything else is allowed, such as wide and non-breaking spaces, and joiners of letters or emoji.
"""

from __future__ import annotations

import re
import unicodedata

# Unicode's Cc, Zl and Zp, as a character class for regular expressions, also those of JSON Schema.
CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
# Lone surrogates, too: a shell can pass them, and no file can hold them.
_NOT_PLAIN = re.compile(rf"[{CONTROL}\ud800-\udfff]")


# What sets the direction of letters (Bidi_Control): it can make a name read as another text.
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Words of which a mail program makes a link. A dot between letters may end a title ("Dr.Müller"): there the
# link goes, but the letters stay.
_LINK = re.compile(r"://|@|\bwww\.|\b(?:mailto|tel|callto):", re.IGNORECASE)
_DOT = re.compile(r"(?<=\w)\.(?=\w{2})")


def without_links(text: str) -> str:
    """Return a name as one line with nothing in it that a mail program turns into a link, or around."""
    shown = _BIDI.sub("", plain(unicodedata.normalize("NFKC", text)))
    return " ".join("…" if _LINK.search(word) else _DOT.sub(". ", word) for word in shown.split())


def is_plain(text: str) -> bool:
    """Whether the text is one line without control characters."""
    return _NOT_PLAIN.search(text) is None


def plain(text: str, *, instead: str = " ") -> str:
    """Return the text with each character that is not plain replaced."""
    return _NOT_PLAIN.sub(lambda _: instead, text)
