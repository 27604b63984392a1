"""Which names of properties were probably meant to be another one."""

from __future__ import annotations

import pytest

from enforcer.core.property_names import near_misses


@pytest.mark.parametrize(
    "name",
    ["endDate", "enddate", "ENDDATE", "EndDate ", "End_Date", "End-Date", "EndDat", "EndDates", "EndeDate"],
)
def test_what_is_almost_the_name_was_probably_meant(name: str) -> None:
    assert near_misses("EndDate", ["Company", name, "Note"]) == (name,)


@pytest.mark.parametrize("name", ["EndDate", "StartDate", "Date", "End", "Sponsor", "", "endowed", "ddEnate"])
def test_the_name_itself_and_any_other_word_were_not(name: str) -> None:
    assert near_misses("EndDate", [name]) == ()


def test_several_come_in_order() -> None:
    assert near_misses("EndDate", ["enddate", "endDate"]) == ("endDate", "enddate")
