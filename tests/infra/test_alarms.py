"""The queries of alarms and workbook read events and fields that the code emits."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from enforcer.evidence.telemetry_heads import QUERY as LEDGER_ENDS
from enforcer.telemetry.events import EVENTS
from tests.support.bicep import INFRA, ROOT, text_of

QUERIES = tuple(sorted((INFRA / "queries").glob("*.kql")))
ALARMS = INFRA / "modules/alarms.bicep"
FIELDS = {event.name: {field.name for field in dataclasses.fields(event)} for event in EVENTS}


def alarms() -> dict[str, dict[str, str]]:
    """Return the entries of the Bicep list, by name."""
    entries = re.findall(
        r"(?ms)^  \{\n(.*?)^  \}", text_of(ALARMS).split("var alarms = [")[1].split("\n]\n")[0]
    )
    parsed = [dict(re.findall(r"(?m)^    (\w+): (.+)$", entry)) for entry in entries]
    return {entry["name"].strip("'"): entry for entry in parsed}


def workbook_queries() -> list[str]:
    items: list[dict[str, Any]] = json.loads((INFRA / "workbook.json").read_text())["items"]
    shown = [item["content"]["query"] for item in items if item["type"] == 3]
    asked = [
        p["query"]
        for item in items
        if item["type"] == 9
        for p in item["content"]["parameters"]
        if "query" in p
    ]
    return shown + asked


def events_of(query: str) -> list[str]:
    one = re.findall(r"Name == '(\w+)'", query)
    several = re.findall(r"Name in \(([^)]*)\)", query)
    return one + [name for names in several for name in re.findall(r"'(\w+)'", names) if names.count("'") > 2]


def fields_of(query: str) -> set[str]:
    return set(re.findall(r"Properties\.(\w+)", query)) | set(re.findall(r"Properties\['(\w+)'\]", query))


def assert_reads_what_is_emitted(query: str) -> None:
    names = events_of(query)
    if "AppDependencies" in query:
        return
    assert names, query
    assert set(names) <= set(FIELDS)
    assert fields_of(query) <= set().union(*(FIELDS[name] for name in names))


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_an_alarm_reads_events_and_fields_that_exist(query: Path) -> None:
    assert_reads_what_is_emitted(query.read_text())


def test_the_workbook_reads_events_and_fields_that_exist() -> None:
    queries = workbook_queries()
    assert len(queries) > 8
    for query in queries:
        assert_reads_what_is_emitted(query)


def test_the_workbook_or_the_check_of_the_ledger_reads_every_event() -> None:
    queries = [*workbook_queries(), LEDGER_ENDS]
    assert {name for query in queries for name in events_of(query)} == set(FIELDS)


def test_the_workbook_looks_for_the_services_that_calls_are_traced_for() -> None:
    query = next(query for query in workbook_queries() if "AppDependencies" in query)
    assert set(re.findall(r"'(graph|tables|queues|blobs)'", query)) == {"graph", "tables", "queues", "blobs"}


def test_each_query_is_an_alarm_and_each_alarm_has_its_query() -> None:
    loaded = {name: re.findall(r"queries/([\w-]+)\.kql", entry["query"]) for name, entry in alarms().items()}
    assert loaded == {query.stem: [query.stem] for query in QUERIES}


def test_an_alarm_answers_the_column_that_it_is_split_by() -> None:
    for name, entry in alarms().items():
        column = entry["dimension"].strip("'")
        last = (INFRA / f"queries/{name}.kql").read_text().strip().splitlines()[-1]
        assert re.search(rf"\b{column}\b", last), name


def test_no_query_looks_back_further_than_azure_allows() -> None:
    """A log search rule covers two days at most."""
    for query in QUERIES:
        spans = re.findall(r"ago\((\d+)(h|d)\)", query.read_text())
        assert spans
        assert all(int(number) * (24 if unit == "d" else 1) <= 48 for number, unit in spans)


def test_the_alarm_for_a_missed_night_starts_from_the_groups() -> None:
    """It must fire where there is no telemetry at all."""
    query = (INFRA / "queries/no-complete-run.kql").read_text()
    assert query.count("GROUP_IDS") == 1
    assert "print GroupId = dynamic(GROUP_IDS)" in query
    assert "union isfuzzy=true" in query
    assert "'GROUP_IDS', toLower(string(groupIds))" in alarms()["no-complete-run"]["query"]


def test_the_runbook_has_a_section_for_each_alarm() -> None:
    runbook = (ROOT / "docs/runbook.md").read_text()
    sections = set(re.findall(r"(?m)^## `([\w-]+)`", runbook))
    assert sections == set(alarms())


def test_the_monitoring_guide_lists_each_event_with_all_its_fields() -> None:
    guide = (ROOT / "docs/monitoring.md").read_text()
    for name, fields in FIELDS.items():
        row = re.search(rf"(?m)^\| `{name}` \|.*$", guide)
        assert row, name
        assert set(re.findall(r"`(\w+)`", row[0])) >= fields, name
