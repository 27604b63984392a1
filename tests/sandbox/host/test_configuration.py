from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.host.configuration import (
    Binding,
    Function,
    parse_time_span,
    read_host_json,
    read_settings,
    resolved,
)
from sandbox.host.errors import HostError

NIGHTLY = Function(
    name="nightly", id="1", trigger=Binding(name="timer", type="timerTrigger", schedule="%WHEN%"), outputs=()
)


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_queue_options_have_the_defaults_of_the_extension(tmp_path: Path) -> None:
    written(tmp_path, "host.json", '{"version": "2.0"}')
    host = read_host_json(tmp_path)
    queues = host.extensions.queues
    assert (queues.batch_size, queues.threshold, queues.max_dequeue_count) == (16, 8, 5)
    assert queues.retry_after == timedelta(0)
    assert queues.base64
    assert host.extensions.http.route_prefix == "api"


def test_queue_options_are_read(tmp_path: Path) -> None:
    queues = (
        '{"batchSize": 4, "newBatchThreshold": 0, "visibilityTimeout": "00:01:30", "messageEncoding": "None"}'
    )
    extensions = f'{{"http": {{"routePrefix": ""}}, "queues": {queues}}}'
    written(tmp_path, "host.json", f'{{"version": "2.0", "logging": {{}}, "extensions": {extensions}}}')
    host = read_host_json(tmp_path)
    options = host.extensions.queues
    assert (options.batch_size, options.threshold, options.retry_after) == (4, 0, timedelta(seconds=90))
    assert not options.base64
    assert not host.extensions.http.route_prefix


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"version": "2.0", "extensions": {"queues": {"batchSize": 33}}}',
        '{"version": "2.0", "extensions": {"queues": {"maxDequeueCount": 0}}}',
        '{"version": "2.0", "extensions": {"queues": {"messageEncoding": "hex"}}}',
        '{"version": "2.0", "extensions": {"queues": {"visibilityTimeout": "soon"}}}',
        '{"version": "2.0", "extensions": {"queues": {"batchSize": "many"}}}',
    ],
)
def test_a_wrong_host_json_is_refused(tmp_path: Path, text: str) -> None:
    written(tmp_path, "host.json", text)
    with pytest.raises(HostError, match=r"host\.json"):
        read_host_json(tmp_path)


def test_a_missing_host_json_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"host\.json"):
        read_host_json(tmp_path)


@pytest.mark.parametrize("text", ['{"A": "1"}', '{"IsEncrypted": false, "Values": {"A": "1"}}'])
def test_settings_are_an_object_or_the_values_of_local_settings(tmp_path: Path, text: str) -> None:
    assert read_settings(written(tmp_path, "settings.json", text)) == {"A": "1"}


def test_settings_that_are_not_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="settings"):
        read_settings(written(tmp_path, "settings.json", '{"A": 1}'))


def test_settings_between_percent_signs_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEN", "0 30 0 * * *")
    assert resolved(NIGHTLY, "%WHEN%") == "0 30 0 * * *"
    assert resolved(NIGHTLY, "x-%WHEN%-y") == "x-0 30 0 * * *-y"


def test_an_unknown_setting_names_the_function_and_the_setting() -> None:
    with pytest.raises(HostError, match=r"'nightly'.*%WHEN_NOT%"):
        resolved(NIGHTLY, "%WHEN_NOT%")


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:00:30", 30), ("1:00:00", 3600), ("2.00:00:01", 2 * 86_400 + 1)]
)
def test_time_spans(text: str, seconds: int) -> None:
    assert parse_time_span(text) == timedelta(seconds=seconds)
