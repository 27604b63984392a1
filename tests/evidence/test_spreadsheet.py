from __future__ import annotations

import csv
import io

import pytest

from enforcer.evidence.spreadsheet import spreadsheet
from tests.support.evidence_examples import case
from tests.support.formulas import FORMULAS, begins_a_formula


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


@pytest.mark.parametrize("name", FORMULAS)
def test_no_text_becomes_a_formula(name: str) -> None:
    assert not begins_a_formula(read(spreadsheet([case(name)]))[0]["display_name"])
