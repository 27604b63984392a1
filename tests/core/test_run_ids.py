"""Run IDs: unique, sorted by time, and distinguished from other texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from enforcer.core.run_ids import is_run_id, new_run_id, run_id_prefix

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)


def test_run_ids_sort_by_time() -> None:
    times = [NOW + timedelta(seconds=seconds) for seconds in (0, 1, 3600, 86_400, 40 * 86_400)]
    assert [run_id_prefix(time) for time in times] == sorted(run_id_prefix(time) for time in times)


def test_a_new_run_has_an_id_of_its_own_even_in_the_same_second() -> None:
    first, second = new_run_id(NOW), new_run_id(NOW)
    assert first != second
    assert first.startswith("20261123T003000-")
    assert is_run_id(first)


@pytest.mark.parametrize(
    "text",
    ["", "20261123T003000", "20261123T003000-abcde", "20261123T003000-ABCDEF", "x20261123T003000-abcdef"],
)
def test_other_texts_are_not_run_ids(text: str) -> None:
    assert not is_run_id(text)
