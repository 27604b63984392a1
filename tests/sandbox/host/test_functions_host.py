import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sandbox.host.errors import HostError
from sandbox.host.functions_host import FunctionsHost
from sandbox.host.invocations import State

SETTINGS = {"SAMPLE_SCHEDULE": "0 30 0 * * *", "SAMPLE_QUEUE": "unused", "SAMPLE_RESULTS": "unused"}

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def sample(app: Path) -> AsyncIterator[FunctionsHost]:
    async with FunctionsHost(app, SETTINGS) as host:
        yield host


async def test_a_timer_fires_on_demand_and_its_log_is_kept(app: Path) -> None:
    async with sample(app) as host:
        run = await host.timer("nightly", {"IsPastDue": True})
    assert run.succeeded
    assert run.logs == [f"INFO nightly run {run.id}, past due: True"]
    assert run.finished_at is not None
    assert run.finished_at >= run.started_at


async def test_a_failure_is_reported_with_its_stack(app: Path) -> None:
    async with sample(app) as host:
        run = await host.timer("weekly")
    assert run.state is State.FAILED
    assert run.error == "ValueError: not this week"
    assert "function_app.py" in (run.stack or "")


async def test_sync_functions_run_in_threads_and_log_under_their_name(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with sample(app) as host:
        run = await host.timer("weekly")
    assert run.logs == ["INFO weekly in thread False"]
    assert "INFO    [weekly] weekly in thread False" in capsys.readouterr().err


async def test_http_functions_answer_by_route(app: Path) -> None:
    async with sample(app) as host:
        reply = await host.http("POST", "/api/echo/ann?x=1&x=2", headers={"Accept": "a/b"}, body=b"hello")
        seen = json.loads(reply.body)
        assert reply.status == 200
        assert ("x-sample", "yes") in reply.headers
        assert seen["name"] == "ann"
        assert seen["query"] == {"x": "1,2"}
        assert seen["headers"] == {"accept": "a/b"}
        assert seen["body"] == "hello"
        assert (await host.http("GET", "/api/echo/me")).body == b"it is me"
        assert (await host.http("GET", "/api/nowhere")).status == 404
        assert (await host.http("GET", "/api/boom")).status == 500
        assert [run.status for run in host.invocations] == [200, 200, 500]


async def test_a_queue_function_gets_the_message_and_its_attempt(app: Path) -> None:
    async with sample(app) as host:
        run = await host.queue("work", '{"id": 7, "fail": true}', dequeue_count=2)
    assert run.error == "RuntimeError: attempt 2 fails"


async def test_an_output_without_storage_fails_the_call(app: Path) -> None:
    async with sample(app) as host:
        run = await host.queue("work", '{"id": 7}')
    assert run.state is State.FAILED
    assert "SampleStorage" in (run.error or "")
    assert json.loads(run.outputs["result"]) == {"done": 7, "attempt": 1}


async def test_settings_are_gone_afterwards(app: Path) -> None:
    async with sample(app):
        assert os.environ["SAMPLE_SCHEDULE"] == "0 30 0 * * *"
    assert "SAMPLE_SCHEDULE" not in os.environ


async def test_a_process_runs_one_app_at_a_time(app: Path) -> None:
    async with sample(app):
        with pytest.raises(HostError, match="one function app"):
            async with sample(app):
                pass
    async with sample(app) as host:
        assert (await host.timer("nightly")).succeeded


async def test_an_unknown_setting_in_a_schedule_stops_the_start(app: Path) -> None:
    with pytest.raises(HostError, match=r"'nightly'.*SAMPLE_SCHEDULE"):
        async with FunctionsHost(app, {}):
            pass


async def test_a_schedule_that_azure_refuses_stops_the_start(app: Path) -> None:
    with pytest.raises(HostError, match=r"'nightly'.*'0 30 0 \* janfoo \*'.*Azure would refuse it"):
        async with FunctionsHost(app, {**SETTINGS, "SAMPLE_SCHEDULE": "0 30 0 * janfoo *"}):
            pass


async def test_a_timer_whose_schedule_never_comes_round_fires_on_demand_only(app: Path) -> None:
    async with FunctionsHost(app, {**SETTINGS, "SAMPLE_SCHEDULE": "0 0 0 31 2 *"}) as host:
        assert (await host.timer("nightly")).succeeded


async def test_an_app_that_azure_would_refuse_is_refused_in_azures_words(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "function_app.py").write_text(
        "import azure.functions as func\n"
        "app = func.FunctionApp()\n"
        "@app.route(route='x')\n"
        "def x(wrong: func.HttpRequest) -> str:\n"
        "    return ''\n"
    )
    with pytest.raises(HostError, match="FunctionLoadError"):
        async with FunctionsHost(tmp_path):
            pass


async def test_unknown_functions_are_refused(app: Path) -> None:
    async with sample(app) as host:
        with pytest.raises(HostError, match="no function 'echo' with a timerTrigger"):
            await host.timer("echo")
