"""Property names that are almost right: Table Storage distinguishes them, people do not."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

_ALIKE = 0.8


def near_misses(wanted: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that probably mean the wanted one (`endDate`, `End_Date` or `EndDate `)."""
    plain = _plain(wanted)
    return tuple(sorted(name for name in names if name != wanted and _are_alike(_plain(name), plain)))


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def _are_alike(name: str, wanted: str) -> bool:
    return name == wanted or SequenceMatcher(a=name, b=wanted, autojunk=False).ratio() > _ALIKE
