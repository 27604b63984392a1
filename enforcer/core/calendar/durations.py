"""Durations as people read them."""

from __future__ import annotations

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
# "24 h 56 min" says more about an SLA in hours than "1 d".
_FIRST_DAYS = 2 * _DAY


def in_words(seconds: float | None) -> str:
    """Return a duration in its two largest units; empty if there is none."""
    if seconds is None:
        return ""
    if seconds < 0:
        return f"-{in_words(-seconds)}"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole, _MINUTE, "min", 1, "s")
    if whole < _FIRST_DAYS:
        return _two(whole, _HOUR, "h", _MINUTE, "min")
    return _two(whole, _DAY, "d", _HOUR, "h")


def _two(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    count, rest = divmod(whole, large)
    rest //= small
    return f"{count} {large_name} {rest} {small_name}" if rest else f"{count} {large_name}"
