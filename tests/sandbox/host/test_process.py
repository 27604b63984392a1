import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import anyio
import httpx
import pytest
from azure.storage.queue import QueueClient

from sandbox.azurite import StorageEndpoints
from sandbox.host.errors import HostError
from sandbox.host.process import running_host, running_host_async
from tests.sandbox.host.conftest import SettingsFor

COMMAND = [sys.executable, "-m", "sandbox.host", "--app"]


def alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/admin/host/status").status_code == 200
    except httpx.TransportError:
        return False


def start(app: Path, settings: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        [*COMMAND, str(app), "--no-queues", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **settings},
        text=True,
    )


def ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return str(json.loads(process.stdout.readline())["url"])


def test_it_ends_when_its_standard_input_ends(app: Path, settings: SettingsFor) -> None:
    with start(app, settings("stdin")) as process:
        assert alive(ready(process))
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def test_it_ends_at_sigterm(app: Path, settings: SettingsFor) -> None:
    with start(app, settings("sigterm")) as process:
        assert alive(ready(process))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_it_ends_when_its_time_is_up(app: Path, settings: SettingsFor) -> None:
    with start(app, settings("ttl"), "--ttl", "0.5") as process:
        assert process.wait(10) == 0


def test_it_says_one_line_on_stdout_whatever_the_app_prints(app: Path, settings: SettingsFor) -> None:
    with start(app, settings("stdout")) as process:
        assert httpx.get(f"{ready(process)}/api/prints").text == "printed"
        assert process.communicate()[0] == ""


def test_settings_come_from_a_file(app: Path, settings: SettingsFor, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"Values": dict(settings("file"))}))
    with start(app, {}, "--settings", str(file)) as process:
        assert alive(ready(process))


def test_timers_run_by_the_clock_when_asked_to(app: Path, settings: SettingsFor) -> None:
    every_second = {**settings("clock"), "SAMPLE_SCHEDULE": "* * * * * *"}
    with running_host(app, settings=every_second, arguments=["--run-timers", "--no-queues"]) as host:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            runs = httpx.get(f"{host.url}/admin/invocations").json()
            if len(runs) > 1:
                break
            time.sleep(0.1)
    assert [run["function"] for run in runs[:2]] == ["nightly", "nightly"]


def test_a_missing_setting_stops_the_start(app: Path, settings: SettingsFor, tmp_path: Path) -> None:
    given = {name: value for name, value in settings("missing").items() if name != "SampleStorage"}
    with (tmp_path / "log").open("w+b") as log:
        with pytest.raises(HostError, match="log says why"), running_host(app, settings=given, log=log):
            pass
        log.seek(0)
        assert "neither SampleStorage nor SampleStorage__queueServiceUri is set" in log.read().decode()


def test_a_message_comes_back_after_its_host_was_killed(
    app: Path, settings: SettingsFor, azurite: StorageEndpoints
) -> None:
    quick = ["--lease", "1", "--poll", "0.05"]
    with QueueClient.from_connection_string(azurite.connection_string, "killed") as queue:
        queue.create_queue()
        queue.send_message(b64encode(b'{"id": 9, "exit": true}').decode())
        with running_host(app, settings=settings("killed"), arguments=quick) as host:
            deadline = time.monotonic() + 10
            while alive(host.url) and time.monotonic() < deadline:
                time.sleep(0.02)
        with running_host(app, settings=settings("killed"), arguments=quick) as host:
            deadline = time.monotonic() + 10
            while (runs := finished(host.url)) == [] and time.monotonic() < deadline:
                time.sleep(0.05)
    assert runs == ['{"done": 9, "attempt": 2}']


def finished(url: str) -> list[str]:
    runs = httpx.get(f"{url}/admin/invocations", params={"function": "work"}).json()
    return [run["outputs"]["result"] for run in runs if run["finished_at"]]


def test_it_can_be_started_from_an_event_loop(app: Path, settings: SettingsFor) -> None:
    async def run() -> str:
        async with running_host_async(app, settings=settings("loop"), arguments=["--no-queues"]) as host:
            assert alive(host.url)
            return host.url

    assert not alive(anyio.run(run))
