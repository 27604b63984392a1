"""The answer to the query for heads, as people get it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enforcer.core.exceptions import InputError
from enforcer.core.ledger import Anchor
from enforcer.evidence.telemetry_heads import QUERY, read_heads
from enforcer.telemetry.events import LedgerAppended

GROUP = "79b3ac60-0000-4000-8000-000000000000"
# `az monitor log-analytics query` gives every value as text, and the table's name.
ROW = {
    "Day": "2026-11-23T00:00:00Z",
    "Group": GROUP.upper(),
    "Hash": "ab" * 32,
    "Sequence": "12",
    "TableName": "PrimaryResult",
}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ROW]),
        json.dumps([{**ROW, "Sequence": 12}], indent=2),
        "\ufeffGroup,Sequence,Hash,Day\r\n" + f"{GROUP},12,{'ab' * 32},2026-11-23T00:00:00Z\r\n",
        'hash,"Day [UTC]",sequence,group\n' + f"{'ab' * 32},x,12,{GROUP}\n",
    ],
)
def test_heads_are_read_in_every_form_of_the_answer(tmp_path: Path, text: str) -> None:
    file = tmp_path / "heads"
    file.write_text(text, encoding="utf-8")
    anchor = Anchor(sequence=12, hash="ab" * 32, source="telemetry (heads, row 1)")
    assert read_heads(file) == [(GROUP, anchor)]


def test_answer_without_rows_has_no_heads(tmp_path: Path) -> None:
    file = tmp_path / "heads.json"
    for text in ("[]", "Group,Sequence,Hash\n"):
        file.write_text(text, encoding="utf-8")
        assert read_heads(file) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"tables": []}', "is not an answer to the query for heads"),
        (b"[1]", "is not an answer to the query for heads"),
        (b"\xff\xfe", "is not an answer to the query for heads"),
        (b'[{"Group": "g", "Sequence": "12"}]', "row 1: must have columns Group, Sequence and Hash"),
        (b"Group,Sequence,Hash\ng,12,h\ng,twelve,h\n", "row 2: must have columns"),
        (b"what is this\nnothing\n", "row 1: must have columns"),
    ],
)
def test_what_is_not_an_answer_is_refused_by_name(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "heads.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match=said) as error:
        read_heads(file)
    assert "heads.csv" in str(error.value)


def test_query_reads_the_fields_that_the_event_has() -> None:
    assert f"Name == '{LedgerAppended.name}'" in QUERY
    for field in ("group_id", "sequence", "hash"):
        assert f"Properties.{field}" in QUERY
        assert field in LedgerAppended.__slots__
