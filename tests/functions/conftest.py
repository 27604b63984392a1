"""The function app on Azure's worker library, in this process, with a world around it."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue.aio import QueueClient

from enforcer.functions import http, runtime
from enforcer.queues import OFFBOARDINGS, SWEEPS, OffboardMessage, SweepMessage
from sandbox.azurite import StorageEndpoints, running_azurite
from sandbox.host.functions_host import FunctionsHost
from sandbox.host.invocations import Invocation
from sandbox.storage_proxy import Service, StorageProxy, running_storage_proxy_async
from tests.world import World, running_world

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

    def set(self, name: str, value: str) -> None:
        """Change a setting, before the first call."""
        os.environ[name] = value
        runtime.settings.cache_clear()

    async def messages(self, queue: str) -> list[bytes]:
        """Take what can be seen in a queue by now."""
        async with QueueClient.from_connection_string(self.world.environ["EnforcerStorage"], queue) as client:
            return [base64.b64decode(message.content) async for message in client.receive_messages()]

    def put(self) -> list[Put]:
        """Tell what the functions have put into queues so far."""
        found = (
            re.match(r"/?([^/]+)/messages\?.*?visibilitytimeout=(\d+)", call.path)
            for call in self.proxy.calls
            if call.service is Service.QUEUE and call.method == "POST"
        )
        return [Put(one[1], int(one[2])) for one in found if one]


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
    for name in (SWEEPS, OFFBOARDINGS):
        async with QueueClient.from_connection_string(storage.connection_string, name) as queue:
            with suppress(ResourceExistsError):
                await queue.create_queue()
            await queue.clear_messages()
