"""The keys of rows and people: how they are compared, and which of them are readable.

Keys (of rows and records, from Entra, typed by callers) are compared in their `normalised` form. A key is
readable if it contains nothing but what people see; any other equals no readable key, so that nobody is
mistaken for somebody else. It may still mean somebody: `meanings` says whom, so that they are left alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

# One of a key's meanings: it may mean anybody.
ANYBODY = ""

_OBJECT_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LENGTH = 36
_BARE_OBJECT_ID = re.compile(r"([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})")
# No user principal name or mail address contains these; programs put them around addresses, or between them.
_PLAIN = r"[^@\s\x00-\x1f\x7f\"<>(){}\[\]:;,|\\]"
_ADDRESS = re.compile(rf"(?!['.]){_PLAIN}+@(?!\.){_PLAIN}+(?<!['.])")
_WRAPPING = " \t\r\n\"'<>{}()[],;."
_BETWEEN = re.compile(r"[\s\"<>(){}\[\];,|]+")
_SCHEMES = ("mailto:", "smtp:", "upn:")
_MOST_DECODINGS = 3

# Unicode's property Default_Ignorable_Code_Point, which Python's unicodedata lacks: DerivedCoreProperties.txt
# of Unicode 17.0 (https://www.unicode.org/Public/17.0.0/ucd/). A test compares it with what Node has.
_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Unicode's property Dash is category Pd and these (PropList.txt of the same version).
_DASHES_BESIDES = "\u2053\u207b\u208b\u2212"
_SOFT_HYPHEN = "\u00ad"
# What programs put in place of what they could not decode.
_REPLACEMENT = "\ufffd"
_HALF = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
# Invisible formats and blanks; then surrogates, private and unassigned characters, which may be anything.
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
_UNKNOWN = frozenset({"Cs", "Co", "Cn"})


def normalised(text: str) -> str:
    """Return the form in which keys are compared: NFC, in simple case folding.

    A RowKey cannot hold `#`, so a guest's user principal name has `%23` there. Unreadable text is returned
    unchanged: it equals no readable key.
    """
    if text.isascii() and "%" not in text:
        return text.lower()
    if not _is_readable(text):
        return text
    folded = "".join(map(_folded, unicodedata.normalize("NFC", text)))
    return unicodedata.normalize("NFC", folded).replace("%23", "#")


def readable(text: str) -> str:
    """Return the text as a normalised key; empty if it is not a readable one."""
    if not (is_address(text) or is_object_id(text)) or not _is_readable(text):
        return ""
    return normalised(text)


def is_object_id(text: str) -> bool:
    """Whether the text is an object ID, whatever its case."""
    return len(text) == _LENGTH and _OBJECT_ID.fullmatch(text.lower()) is not None


def is_address(text: str) -> bool:
    """Whether the text has the form of a user principal name or an e-mail address."""
    return _ADDRESS.fullmatch(text) is not None


def is_key(text: str) -> bool:
    """Whether the text is a readable key: an object ID or an address in which nothing is hidden."""
    return readable(text) != ""


def problem(text: str) -> str:
    """Say what is wrong with a key, and what would be right; empty if nothing is."""
    if is_key(text):
        return ""
    hidden = list(dict.fromkeys(_hidden_in(text))) if not text.isascii() else []
    if hidden:
        named = ", ".join(map(_named, hidden[:3])) + (", …" if len(hidden) > 3 else "")  # noqa: PLR2004
        return f"is {shown(text):.120}; write it without what people cannot see or tell from another: {named}"
    return (
        f"is {shown(text):.80}; it must be an object ID (xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, no braces), a"
        " user principal name or an e-mail address, with nothing around it"
    )


def shown(text: str) -> str:
    """Quote a text so that everything in it is visible: what is hidden is escaped."""
    return "".join(
        character if character.isascii() or not _is_hidden(character) else _escaped(character)
        for character in repr(text)
    )


def trimmed(text: str) -> str:
    """Return the text without blanks and invisible characters at either end."""
    begin, end = 0, len(text)
    while begin < end and _is_unseen(text[begin]):
        begin += 1
    while end > begin and _is_unseen(text[end - 1]):
        end -= 1
    return text[begin:end]


def trimming(text: str) -> str:
    """Say what `trimmed` removes; empty if nothing."""
    kept = trimmed(text)
    return (
        ""
        if kept == text
        else f"{shown(text)} was taken as {shown(kept)}: blanks or invisible characters around"
    )


def meanings(text: str) -> tuple[str, ...]:
    """Return the normalised keys of everybody a key means, or may mean.

    They include `ANYBODY` if it may also mean somebody else.
    """
    if key := readable(text):
        return (key,)
    decoded = _decoded(trimmed(text))
    wholes = {key for spelling in _without_the_unseen(decoded) if (key := _unwrapped(spelling))}
    if wholes and not any(map(_may_be_anything, decoded)):
        return tuple(sorted(wholes))
    parts = {key for part in _BETWEEN.split(_plain(decoded, unseen=" ")) if (key := _unwrapped(part))}
    return (ANYBODY, *sorted(wholes | parts))


def _is_readable(text: str) -> bool:
    """Whether nothing is hidden in the text: no invisible, unknown or look-alike characters."""
    if "%" in text and "%" in text.replace("%23", ""):
        return False
    if text.isascii():
        return True
    form = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFKC", form) == form and not any(map(_is_hidden, text))


def _hidden_in(text: str) -> Iterator[str]:
    return (one for one in text if not one.isascii() and _is_hidden(one))


@lru_cache(maxsize=4096)
def _is_hidden(character: str) -> bool:
    """Whether people cannot see the character, or cannot tell it from another."""
    form = unicodedata.normalize("NFC", character)
    return (
        _is_unseen(character)
        or unicodedata.category(character) in _UNKNOWN
        or character == _REPLACEMENT
        or (_is_dash(character) and character != "-")
        or unicodedata.normalize("NFKC", form) != form
        # KELVIN SIGN is K in NFC and looks like K, but Entra may treat it as another letter.
        or (len(form) == 1 and form != character)
    )


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN or _IGNORABLE.match(character) is not None


def _is_dash(character: str) -> bool:
    return unicodedata.category(character) == "Pd" or character in _DASHES_BESIDES


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    """Return the character in simple case folding; Python has only full folding, in which ß is ss.

    They differ where full folding turns one character into several. Simple folding is then the lower case, if
    that is one character (CaseFolding.txt: status S), or else the character itself.
    """
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _named(character: str) -> str:
    name = unicodedata.name(character, "a character without a name")
    return f"U+{ord(character):04X} {name}"


def _decoded(text: str) -> str:
    """Decode percent-encoding, perhaps several times; surrogates come escaped."""
    text = _HALF.sub(_REPLACEMENT, text)
    for _ in range(_MOST_DECODINGS):
        text = unquote(text)
    return text


def _may_be_anything(character: str) -> bool:
    """Whether nobody can tell what this character of a key is, or was."""
    category = unicodedata.category(character)
    return category in _UNKNOWN or category == "Zs" or character in f"%{_REPLACEMENT}"


def _without_the_unseen(text: str) -> Iterator[str]:
    """Yield the text without invisible characters. A soft hyphen may be a dash, or nothing."""
    yield _plain(text, unseen="")
    if _SOFT_HYPHEN in text:
        yield _plain(text.replace(_SOFT_HYPHEN, "-"), unseen="")


def _plain(text: str, *, unseen: str) -> str:
    """Write odd letters and dashes as plain ones, and the invisible as `unseen`."""
    return unicodedata.normalize("NFKC", "".join(_plain_character(one, unseen) for one in text))


def _plain_character(character: str, unseen: str) -> str:
    if _is_dash(character):
        return "-"
    if character.isascii() and character != "%":
        return character
    return unseen if _is_unseen(character) or _may_be_anything(character) else character


def _unwrapped(text: str) -> str:
    """Return the normalised key without what programs put around it; empty if there is none."""
    key = normalised(text).strip(_WRAPPING)
    for scheme in _SCHEMES:
        key = key.removeprefix(scheme)
    if bare := _BARE_OBJECT_ID.fullmatch(key):
        return "-".join(bare.groups())
    return normalised(key) if is_key(key) else ""
