import asyncio
import json
import shutil
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueClient

from sandbox.azurite import StorageEndpoints
from sandbox.host.errors import HostError
from sandbox.host.functions_host import FunctionsHost
from sandbox.host.listener import Pace, QueueListener
from tests.sandbox.host.conftest import SettingsFor

PACE = Pace(poll=timedelta(seconds=0.02), lease=timedelta(seconds=30))

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def listening(
    app: Path, settings: Mapping[str, str], function: str = "work", pace: Pace = PACE
) -> AsyncIterator[FunctionsHost]:
    async with FunctionsHost(app, settings) as host:
        listener = await QueueListener.open(host, host.functions[function])
        task = asyncio.create_task(listener.run(pace))
        try:
            yield host
        finally:
            listener.stop()
            await task


@asynccontextmanager
async def queue(azurite: StorageEndpoints, name: str) -> AsyncIterator[QueueClient]:
    async with QueueClient.from_connection_string(azurite.connection_string, name) as client:
        yield client


async def put(client: QueueClient, content: Mapping[str, object]) -> None:
    await client.send_message(b64encode(json.dumps(content).encode()).decode())


async def waiting(client: QueueClient) -> int:
    """Return all messages, leased ones included."""
    return (await client.get_queue_properties()).approximate_message_count or 0


async def texts(client: QueueClient) -> list[str]:
    return [str(message.content) for message in await client.peek_messages(max_messages=32)]


async def _all_seen(client: QueueClient, wanted: list[str]) -> bool:
    """Wait until exactly these messages are visible in a queue, which need not exist yet."""
    async with asyncio.timeout(10):
        while True:
            with suppress(ResourceNotFoundError):
                if await texts(client) == wanted:
                    return True
            await asyncio.sleep(0.02)


async def decoded(client: QueueClient) -> list[str]:
    return [b64decode(text).decode() for text in await texts(client)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what another program does tells no event
            await asyncio.sleep(0.02)


def ended(host: FunctionsHost) -> list[str]:
    return [run.state for run in host.invocations if run.finished_at]


async def test_a_message_is_worked_off_and_deleted(
    app: Path, settings: SettingsFor, azurite: StorageEndpoints
) -> None:
    async with queue(azurite, "done") as client, queue(azurite, "done-results") as results:
        await client.create_queue()
        await put(client, {"id": 1})
        async with listening(app, settings("done")) as host:
            await until(lambda: ended(host) == ["succeeded"])
        assert await waiting(client) == 0
        assert await decoded(results) == ['{"done": 1, "attempt": 1}']


async def test_a_message_that_keeps_failing_goes_to_the_poison_queue_as_it_was(
    app: Path, settings: SettingsFor, azurite: StorageEndpoints
) -> None:
    async with queue(azurite, "failing") as client, queue(azurite, "failing-poison") as poison:
        await client.create_queue()
        await put(client, {"id": 2, "fail": True})
        async with listening(app, settings("failing")) as host:
            await until(lambda: len(ended(host)) == 2)
        assert [run.error for run in host.invocations] == [
            "RuntimeError: attempt 1 fails",
            "RuntimeError: attempt 2 fails",
        ]
        assert await waiting(client) == 0
        assert await decoded(poison) == ['{"id": 2, "fail": true}']


async def test_a_function_may_listen_to_the_poison_queue(
    app: Path, settings: SettingsFor, azurite: StorageEndpoints
) -> None:
    async with queue(azurite, "lost-poison") as client, queue(azurite, "lost-results") as results:
        await client.create_queue()
        await put(client, {"id": 3})
        async with listening(app, settings("lost"), "given_up") as host:
            await until(lambda: ended(host) == ["succeeded"])
        assert await decoded(results) == ['given up: {"id": 3}', "alarm"]
        assert await waiting(client) == 0


async def test_a_message_that_is_not_base64_goes_unseen_to_the_poison_queue(
    app: Path, settings: SettingsFor, azurite: StorageEndpoints
) -> None:
    async with queue(azurite, "coded") as client, queue(azurite, "coded-poison") as poison:
        await client.create_queue()
        await client.send_message("{not base64}")
        async with listening(app, settings("coded")) as host:
            assert await _all_seen(poison, ["{not base64}"])
            assert await waiting(client) == 0
        async with listening(app, settings("coded"), "given_up") as host:
            assert await _all_seen(poison, [])
        # It is there, invisible until the lease ends.
        assert await waiting(poison) == 1
        assert list(host.invocations) == []


async def test_without_encoding_a_message_is_handed_over_as_it_lies_in_the_queue(
    app: Path, settings: SettingsFor, azurite: StorageEndpoints, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(app, plain)
    configured = json.loads((app / "host.json").read_text())
    configured["extensions"]["queues"]["messageEncoding"] = "none"
    (plain / "host.json").write_text(json.dumps(configured))
    async with queue(azurite, "plain") as client, queue(azurite, "plain-poison") as poison:
        await client.create_queue()
        await client.send_message('{"id": 7}')
        await client.send_message(b64encode(b'{"id": 8}').decode())
        async with listening(plain, settings("plain")) as host:
            await until(lambda: len(ended(host)) == 3)
        assert sorted(ended(host)) == ["failed", "failed", "succeeded"]
        # With base64 no function would have seen the message; it was tried as often as host.json says.
        assert await texts(poison) == [b64encode(b'{"id": 8}').decode()]
        async with listening(plain, settings("plain"), "given_up") as host:
            await until(lambda: ended(host) == ["succeeded"])
        assert await waiting(poison) == 0


async def test_a_failed_poison_message_is_retried_forever_when_its_lease_ends(
    app: Path, settings: SettingsFor, azurite: StorageEndpoints
) -> None:
    pace = Pace(poll=timedelta(seconds=0.02), lease=timedelta(seconds=1))
    async with queue(azurite, "doomed-poison") as client:
        await client.create_queue()
        await put(client, {"id": 9, "fail": True})
        given = {**settings("doomed"), "SAMPLE_QUEUE": "doomed-poison"}
        async with listening(app, given, pace=pace) as host:
            await until(lambda: len(ended(host)) == 3)  # host.json allows two attempts
        assert await waiting(client) == 1


async def test_the_lease_of_a_long_run_is_renewed(
    app: Path, settings: SettingsFor, azurite: StorageEndpoints
) -> None:
    pace = Pace(poll=timedelta(seconds=0.02), lease=timedelta(seconds=1))
    async with queue(azurite, "long") as client:
        await client.create_queue()
        await put(client, {"id": 4, "seconds": 1.8})
        async with listening(app, settings("long"), pace=pace) as host:
            await until(lambda: ended(host) == ["succeeded"])
        assert await waiting(client) == 0
        assert len(list(host.invocations)) == 1


async def test_no_more_run_at_once_than_host_json_allows(
    app: Path, settings: SettingsFor, azurite: StorageEndpoints
) -> None:
    async with queue(azurite, "many") as client:
        await client.create_queue()
        for number in range(9):
            await put(client, {"id": number, "seconds": 0.1 + number / 50})
        most = 0
        async with listening(app, settings("many")) as host:
            async with asyncio.timeout(10):
                while len(ended(host)) < 9:
                    most = max(most, sum(not run.finished_at for run in host.invocations))
                    await asyncio.sleep(0.005)
    assert 4 <= most <= 4 + 2


async def test_a_stop_waits_for_what_is_in_work(
    app: Path, settings: SettingsFor, azurite: StorageEndpoints
) -> None:
    async with queue(azurite, "stopping") as client:
        await client.create_queue()
        await put(client, {"id": 5, "seconds": 0.3})
        async with listening(app, settings("stopping")) as host:
            await until(lambda: len(list(host.invocations)) == 1)
            assert ended(host) == []
        assert ended(host) == ["succeeded"]
        assert await waiting(client) == 0


async def test_a_queue_may_be_made_later(app: Path, settings: SettingsFor, azurite: StorageEndpoints) -> None:
    async with queue(azurite, "later") as client, listening(app, settings("later")) as host:
        await asyncio.sleep(0.1)
        await client.create_queue()
        await put(client, {"id": 6})
        await until(lambda: ended(host) == ["succeeded"])


@pytest.mark.parametrize("missing", ["SAMPLE_QUEUE", "SampleStorage"])
async def test_a_missing_setting_is_named(app: Path, settings: SettingsFor, missing: str) -> None:
    given = {name: value for name, value in settings("missing").items() if name != missing}
    with pytest.raises(HostError, match=missing):
        async with listening(app, given):
            pass
