"""Keeps the direction that one text asks for from reaching the text around it (Unicode UAX #9)."""

from __future__ import annotations

_EMBEDDINGS = "\u202a\u202b\u202d\u202e"
_ISOLATES = "\u2066\u2067\u2068"
_END_OF_EMBEDDING, _FIRST_STRONG, _END_OF_ISOLATE = "\u202c", "\u2068", "\u2069"


def closed(text: str) -> str:
    """Return the text so that it ends every turn of direction that it begins, and no other."""
    if text.isascii():
        return text
    kept: list[str] = []
    begun: list[str] = []
    for character in text:
        if character in _EMBEDDINGS or character in _ISOLATES:
            begun.append(character)
        elif character == _END_OF_EMBEDDING:
            if not begun or begun[-1] not in _EMBEDDINGS:
                continue
            begun.pop()
        elif character == _END_OF_ISOLATE:
            if not set(begun) & set(_ISOLATES):
                continue
            while begun.pop() not in _ISOLATES:
                pass
        kept.append(character)
    ends = (_END_OF_EMBEDDING if one in _EMBEDDINGS else _END_OF_ISOLATE for one in reversed(begun))
    return "".join(kept) + "".join(ends)


def isolated(text: str) -> str:
    """Return the text for where no markup can isolate it, such as a title."""
    return text if text.isascii() else f"{_FIRST_STRONG}{closed(text)}{_END_OF_ISOLATE}"
