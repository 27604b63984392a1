"""What a cell of a CSV file may hold, and how it is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.csv_cells import as_meant, harmless
from enforcer.core.plain_text import plain
from tests.support.formulas import FORMULAS, begins_a_formula

TEXTS = st.text(st.sampled_from("=+-@,;|\t\r\n\"' ax\uff1d\uff0b\uff0d\uff20"))


@given(TEXTS)
def test_cell_becomes_no_formula_wherever_a_spreadsheet_cuts_it(text: str) -> None:
    assert not begins_a_formula(harmless(text))
    assert as_meant(harmless(text)) == plain(text)


@pytest.mark.parametrize("text", FORMULAS)
def test_formula_is_made_text_and_read_back(text: str) -> None:
    assert begins_a_formula(text) or text.startswith("'")
    assert not begins_a_formula(harmless(text))
    assert as_meant(harmless(text)) == plain(text)


@pytest.mark.parametrize("text", ["=1+1", "'=1+1", "''@x", "-", "\uff1d1"])
def test_apostrophe_is_put_before_those_that_are_there(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["Ada Lovelace", "ada@contoso.com", "Jean-Luc", "2026-11-15", "C++ & Co. (1=1)", "'s", "'", ""]
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == as_meant(text) == text
