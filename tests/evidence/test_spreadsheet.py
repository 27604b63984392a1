from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.evidence.spreadsheet import harmless, spreadsheet
from tests.support.evidence_examples import case


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_every_case_is_a_line_with_the_fields_names_on_top() -> None:
    rows = read(spreadsheet([case("Ada"), case("Bob", hours=None)]))

    assert [row["display_name"] for row in rows] == ["Ada", "Bob"]
    assert rows[0]["due_at"] == "2026-11-15T23:00:00Z"
    assert rows[0]["removed_at"] == "2026-11-16T00:30:00Z"
    assert (rows[0]["lag_seconds"], rows[0]["entries"]) == ("5400.000", "1 2 3")
    assert (rows[1]["removed_at"], rows[1]["lag_seconds"], rows[1]["verdict"]) == ("", "", "overdue")


def test_excel_is_told_that_it_is_utf_8() -> None:
    content = spreadsheet([case("Łukasz Gößnitzer")])

    assert content.startswith(b"\xef\xbb\xbf")
    assert "Łukasz Gößnitzer" in content.decode()


@pytest.mark.parametrize(
    "name",
    [
        "=1+1",
        "+49 171",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "  =1+1",
        "\uff1d1+1",
        'x";=HYPERLINK("https://evil.example","click")',
        "x,=1+1",
        "x;+1",
        "x\t@A1",
        "x|-1",
        "'=1+1",
    ],
)
def test_no_text_becomes_a_formula(name: str) -> None:
    assert not begins_a_formula(read(spreadsheet([case(name)]))[0]["display_name"])


@given(st.text(st.sampled_from("=+-@,;|\t\r\n\"' ax\uff1d\uff20")))
def test_no_text_whatever_becomes_a_formula_wherever_a_spreadsheet_cuts_it(text: str) -> None:
    assert not begins_a_formula(harmless(text))


def begins_a_formula(cell: str) -> bool:
    """Cut at everything that some spreadsheet takes for a separator, and look at how each piece begins."""
    pieces = re.split(r"[,;|\t\r\n\"]", cell)
    return any(
        piece.lstrip()[:1] in {*"=+-@\uff1d\uff0b\uff0d\uff20"} - {""} for piece in pieces if piece.strip()
    )


@pytest.mark.parametrize(
    "text", ["Ada Lovelace", "ada@contoso.com", "Jean-Luc", "2026-11-15", "C++ & Co. (1=1)"]
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text
