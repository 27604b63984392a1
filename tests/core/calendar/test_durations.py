from __future__ import annotations

import pytest

from enforcer.core.calendar.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (3_600, "1 h"),
        (5_400, "1 h 30 min"),
        (86_400, "24 h"),
        (89_760, "24 h 56 min"),
        (172_800, "2 d"),
        (180_061, "2 d 2 h"),
        (-90, "-1 min 30 s"),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert in_words(seconds) == text


def test_a_missing_duration_is_empty() -> None:
    assert in_words(None) == ""
