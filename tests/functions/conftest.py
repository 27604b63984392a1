"""The function app on Azure's worker library, in this process, with a world around it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient
from msgspec import structs

from enforcer import clock
from enforcer.core.runs import Run, RunKind
from enforcer.functions import http, runtime
from enforcer.storage.queues import OFFBOARDINGS, POISON, SWEEPS, OffboardMessage, SweepMessage
from sandbox.azurite import StorageEndpoints, running_azurite
from sandbox.host.functions_host import FunctionsHost
from sandbox.host.invocations import Invocation
from sandbox.host.listener import Pace, QueueListener
from sandbox.storage_proxy import Service, StorageProxy, running_storage_proxy_async
from tests.support.world import World, running_world

RUN_ID = "20261123T120000-abcdef"
PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Put:
    """A message that somebody put into a queue: which, and after how many seconds it can be seen."""

    queue: str
    after_seconds: int


@dataclass
class App:
    """The function app; its queues are not fed to it, so that a test sees what it puts there."""

    world: World
    host: FunctionsHost
    proxy: StorageProxy

    async def call(self, function: str, message: SweepMessage | OffboardMessage | str) -> Invocation:
        """Hand a message to a queue function, as the platform would."""
        text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
        return await self.host.queue(function, text)

    async def asked(self, user: str, attempt: int = 0) -> OffboardMessage:
        """Record that Ann asks for somebody's offboarding, and return the message that names the run."""
        run = Run(
            run_id=RUN_ID,
            group_id=self.world.group.id,
            kind=RunKind.OFFBOARD,
            started_at=clock.now(),
            mode="enforce",
            reason="left",
            actor="ann",
            asked_for=(user,),
        )
        await self.world.services.runs.ask(run)
        return OffboardMessage(user=user, run_id=RUN_ID, attempt=attempt)

    def set(self, name: str, value: str) -> None:
        """Change a setting, before the first call."""
        os.environ[name] = value
        runtime.settings.cache_clear()

    async def messages(self, queue: str) -> list[bytes]:
        """Take what can be seen in a queue by now."""
        async with QueueClient.from_connection_string(self.world.environ["EnforcerStorage"], queue) as client:
            return [message.content.encode() async for message in client.receive_messages()]

    async def send(self, queue: str, *texts: str) -> None:
        """Put messages into a queue as they are."""
        async with QueueClient.from_connection_string(self.world.environ["EnforcerStorage"], queue) as client:
            for text in texts:
                await client.send_message(text)

    async def lying(self, queue: str) -> int:
        """Count the messages of a queue, also those that cannot be seen."""
        async with QueueClient.from_connection_string(self.world.environ["EnforcerStorage"], queue) as client:
            return (await client.get_queue_properties()).approximate_message_count or 0

    @asynccontextmanager
    async def at_work(self, *functions: str) -> AsyncIterator[None]:
        """Feed these functions from their queues, as the platform does, without its pause between tries."""
        queues = structs.replace(self.host.configuration.extensions.queues, visibility_timeout="00:00:00")
        extensions = structs.replace(self.host.configuration.extensions, queues=queues)
        self.host.configuration = structs.replace(self.host.configuration, extensions=extensions)
        listeners = [await QueueListener.open(self.host, self.host.functions[name]) for name in functions]
        async with asyncio.TaskGroup() as group:
            for listener in listeners:
                group.create_task(listener.run(Pace(poll=timedelta(seconds=0.02))))
            yield
            for listener in listeners:
                listener.stop()

    async def ended(self, function: str, count: int) -> list[Invocation]:
        """Wait until that many calls of a function have ended, and return them."""
        async with asyncio.timeout(20):
            while len(found := self._calls_of(function)) < count:  # noqa: ASYNC110 -- no event tells
                await asyncio.sleep(0.02)
        return found

    def _calls_of(self, function: str) -> list[Invocation]:
        return [one for one in self.host.invocations if one.function == function and one.finished_at]

    async def runs(self) -> list[Run]:
        """Return the group's runs, the oldest first."""
        return await self.world.services.runs.of_group(self.world.group.id, self.world.clock())

    def put(self) -> list[Put]:
        """Return what the functions have put into queues so far."""
        found = (
            re.match(r"/?([^/]+)/messages\?.*?visibilitytimeout=(\d+)", call.path)
            for call in self.proxy.calls
            if call.service is Service.QUEUE and call.method == "POST"
        )
        return [Put(one[1], int(one[2])) for one in found if one]


async def wanted(app: App, *, run_id: str = RUN_ID, mode: str = "enforce") -> SweepMessage:
    """Record that the timer asks for a sweep, and return the message that names its run."""
    run = Run(
        run_id=run_id,
        group_id=app.world.group.id,
        started_at=app.world.clock.moment,
        mode=mode,
        reason="nightly",
        actor="timer",
    )
    await app.world.services.runs.ask(run)
    return SweepMessage(group_id=run.group_id, reason=run.reason, run_id=run_id)


async def run_of(app: App, run_id: str = RUN_ID, group_id: str = "") -> Run:
    (run,) = await app.world.services.runs.of_id(run_id, [group_id or app.world.group.id])
    return run


@pytest.fixture(scope="session")
def queue_storage() -> Iterator[StorageEndpoints]:
    """An Azurite for these tests alone: all of them use the same queues."""
    with running_azurite() as endpoints:
        yield endpoints


@pytest.fixture
async def app(queue_storage: StorageEndpoints, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    async with (
        running_storage_proxy_async(queue_storage) as proxy,
        running_world(proxy.endpoints.connection_string, monkeypatch.setenv) as world,
    ):
        await _empty_queues(queue_storage)
        runtime.settings.cache_clear()
        async with FunctionsHost(PROJECT, world.environ) as host:
            yield App(world, host, proxy)
            await http.api.close()
            await runtime.services.close()
        runtime.settings.cache_clear()


async def _empty_queues(storage: StorageEndpoints) -> None:
    for name in (SWEEPS, OFFBOARDINGS, f"{SWEEPS}{POISON}", f"{OFFBOARDINGS}{POISON}"):
        async with QueueClient.from_connection_string(storage.connection_string, name) as queue:
            with suppress(ResourceExistsError):
                await queue.create_queue()
            await queue.clear_messages()
