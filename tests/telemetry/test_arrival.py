"""What Azure Monitor would be sent: the exporter of production, talking to a server on this machine."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

type Item = Mapping[str, Any]


@pytest.fixture(scope="module")
def sent() -> list[Item]:
    """Everything that the server got, under the app settings that the Bicep sets."""
    bicep = (ROOT / "infra/modules/app.bicep").read_text()
    settings = dict(re.findall(r"^ +(OTEL_\w+): '([^']*)'$", bicep, re.MULTILINE))
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.watched_program"],
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    items: list[Item] = json.loads(run.stdout)
    return items


def _of_type(sent: list[Item], base_type: str) -> list[Item]:
    return [item["data"]["baseData"] for item in sent if item["data"]["baseType"] == base_type]


def test_an_event_is_a_row_of_app_events_with_its_fields_as_text(sent: list[Item]) -> None:
    event = next(e for e in _of_type(sent, "EventData") if e["name"] == "run_completed")
    properties = event["properties"]
    assert properties["complete"] == "true"
    assert properties["held"] == "false"
    assert properties["due"] == "3"
    assert properties["lag_max_seconds"] == "12.5"
    assert properties["started_at"] == "2026-11-23T00:30:00Z"


def test_a_field_that_is_none_is_left_out(sent: list[Item]) -> None:
    event = next(e for e in _of_type(sent, "EventData") if e["name"] == "run_completed")
    assert "lag_p50_seconds" not in event["properties"]


def test_an_event_bears_the_name_of_the_app(sent: list[Item]) -> None:
    event = next(item for item in sent if item["data"]["baseType"] == "EventData")
    assert event["tags"]["ai.cloud.role"] == "contractor-access-enforcer"


def test_the_counts_of_a_run_arrive_as_metrics(sent: list[Item]) -> None:
    metrics = {
        (metric["name"], data["properties"].get("outcome") or data["properties"].get("statistic")): metric[
            "value"
        ]
        for data in _of_type(sent, "MetricData")
        for metric in data["metrics"]
    }
    assert metrics["enforcer.people", "removed"] == 2
    assert metrics["enforcer.people", "skipped"] == 1
    assert metrics["enforcer.lag", "max"] == 12.5


def test_a_graph_call_is_one_dependency_with_route_status_and_request_id(sent: list[Item]) -> None:
    (graph,) = [d for d in _of_type(sent, "RemoteDependencyData") if d["name"] == "GET /users/{user}"]
    assert (graph["target"], graph["resultCode"]) == ("graph", "404")
    user_id = "11111111-2222-3333-4444-555555555555"
    assert graph["properties"] == {"user": user_id, "request_id": "request-1"}


def test_a_next_page_is_a_dependency_without_its_link(sent: list[Item]) -> None:
    (page,) = [d for d in _of_type(sent, "RemoteDependencyData") if d["name"] == "GET /next-page"]
    assert (page["target"], page["resultCode"], page["data"]) == ("graph", "200", "https://graph/next-page")


def test_a_table_call_is_one_dependency_without_the_keys_of_the_row(sent: list[Item]) -> None:
    tables = [d for d in _of_type(sent, "RemoteDependencyData") if d.get("target") == "tables"]
    assert [(d["name"], d["resultCode"]) for d in tables] == [("GET /account/contractors()", "404")]


def test_the_libraries_own_spans_do_not_arrive(sent: list[Item]) -> None:
    assert len(_of_type(sent, "RemoteDependencyData")) == 3


def test_plain_log_lines_arrive_as_messages(sent: list[Item]) -> None:
    assert [m["message"] for m in _of_type(sent, "MessageData")] == ["a plain line"]


def test_no_address_of_a_person_arrives_anywhere(sent: list[Item]) -> None:
    everything = json.dumps(sent)
    assert "example.com" not in everything
    assert "withheld" in everything
