"""The queries of alarms and workbook read events and fields that the code emits."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from enforcer.evidence.telemetry_heads import QUERY as LEDGER_ENDS
from enforcer.telemetry.events import EVENTS
from tests.support.bicep import INFRA, ROOT
from tests.support.deployment import Json, deployment

QUERIES = tuple(sorted((INFRA / "queries").glob("*.kql")))
ALARMS = deployment("everything").alarms
FIRING_ON_ROWS = [rule for name, rule in ALARMS.items() if not name.startswith("no-complete-run")]
FIELDS = {event.name: {field.name for field in dataclasses.fields(event)} for event in EVENTS}


def criterion(rule: Json) -> Json:
    (one,) = rule["criteria"]["allOf"]
    return dict(one)


def section_of(rule: Json) -> str:
    """Return the section of the runbook that a rule points to."""
    return str(rule["description"]).removesuffix(".").rpartition(" ")[2]


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
    assert {section_of(rule) for rule in ALARMS.values()} == {query.stem for query in QUERIES}
    for name, rule in ALARMS.items():
        if rule in FIRING_ON_ROWS:
            assert criterion(rule)["query"] == (INFRA / f"queries/{name}.kql").read_text()


def test_an_alarm_answers_the_column_that_it_is_split_by() -> None:
    for rule in FIRING_ON_ROWS:
        (dimension,) = criterion(rule)["dimensions"]
        last = criterion(rule)["query"].strip().splitlines()[-1]
        assert re.search(rf"\b{dimension['name']}\b", last), rule["displayName"]


def test_an_alarm_judges_all_that_its_query_finds_in_one_window() -> None:
    """The window is also the bin: rows of 20 hours ago would be in another than those of the last hour."""
    for rule in ALARMS.values():
        assert rule["windowSize"] == "P2D"
        assert "overrideQueryTimeRange" not in rule
        assert criterion(rule)["timeAggregation"] == "Count"


def test_no_alarm_uses_what_log_search_rules_do_not_support() -> None:
    """Sources: azure-monitor-docs, "Log query constraints" of alerts, and the limits of ago() in them."""
    for rule in ALARMS.values():
        query = re.sub(r"(?m)^//.*\n", "", criterion(rule)["query"])
        assert query.startswith("AppEvents\n")
        assert not re.search(r"\b(union|search|bag_unpack|pivot|narrow|AggregatedValue|let|print)\b", query)


def test_no_query_looks_back_further_than_azure_allows() -> None:
    """A log search rule covers two days at most."""
    for query in QUERIES:
        spans = re.findall(r"ago\((\d+)(h|d)\)", query.read_text())
        assert spans
        assert all(int(number) * (24 if unit == "d" else 1) <= 48 for number, unit in spans)


def test_a_missed_night_is_looked_for_in_each_managed_group() -> None:
    """The alarm fires where there are no rows at all: the list of groups is the deployment's."""
    groups = deployment("everything").app_settings["ENFORCER_GROUP_IDS"].split(",")
    assert {name for name in ALARMS if name.startswith("no-complete-run")} == {
        f"no-complete-run-{group}" for group in groups
    }
    for group in groups:
        one = criterion(ALARMS[f"no-complete-run-{group}"])
        assert (one["operator"], one["threshold"], one["dimensions"]) == ("LessThan", 1, [])
        assert f"== '{group}'" in one["query"]
        assert "tostring(Properties.mode) == 'enforce'" in one["query"]


def test_a_group_id_in_capitals_is_looked_for_in_small_letters() -> None:
    (name,) = [one for one in deployment("default").alarms if one.startswith("no-complete-run")]
    query = criterion(deployment("default").alarms[name])["query"]
    assert "'aaaaaaaa-1111-4222-8333-444444444444'" in query
    assert not {"GROUP_ID", "MODE"} & set(re.findall(r"\w+", query))


def test_the_runbook_has_a_section_for_each_alarm() -> None:
    runbook = (ROOT / "docs/runbook.md").read_text()
    sections = set(re.findall(r"(?m)^## `([\w-]+)`", runbook))
    assert sections == {section_of(rule) for rule in ALARMS.values()}


def test_the_monitoring_guide_lists_each_event_with_all_its_fields() -> None:
    guide = (ROOT / "docs/monitoring.md").read_text()
    for name, fields in FIELDS.items():
        row = re.search(rf"(?m)^\| `{name}` \|.*$", guide)
        assert row, name
        assert set(re.findall(r"`(\w+)`", row[0])) >= fields, name
