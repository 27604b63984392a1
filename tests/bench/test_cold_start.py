"""What a cold function app loads: nothing that the call at hand does not need."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass

import msgspec
import pytest

from bench.cold_app import Offboard
from bench.stage import AUDIENCE
from sandbox.directory.tokens import TokenRequest
from tests.support.world import RUNNING, World

pytestmark = pytest.mark.anyio

# What a call may need, but the start does not.
HEAVY = (
    *("aiohttp", "apprise", "azure.core", "azure.data", "azure.identity", "azure.storage", "click"),
    *("cryptography", "httpx", "jinja2", "jwt", "kiota_abstractions", "kiota_http", "msal", "msgraph"),
    *("opentelemetry.sdk", "requests", "rich"),
)
# What an offboarding does not need either: the SDK's models, pages, messages, reports.
NOT_FOR_AN_OFFBOARDING = ("apprise", "azure.storage.blob", "jinja2", "msgraph.generated.models")


@dataclass(frozen=True)
class Loaded:
    at_start: set[str]
    after_offboarding: set[str]
    status: int


@pytest.fixture
async def loaded(world: World) -> Loaded:
    somebody = world.member("Anna Running")
    await world.register(somebody.id, RUNNING)
    request = TokenRequest(audience=AUDIENCE, user=somebody.id, roles=["Contractors.Offboard"])
    wanted = Offboard(user=somebody.id, token=world.directory.token(request))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.cold_program"),
        env={**os.environ, **world.environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(msgspec.json.encode(wanted) + b"\n")
    start, status, end = output.splitlines()
    return Loaded(
        at_start=msgspec.json.decode(start, type=set[str]),
        after_offboarding=msgspec.json.decode(end, type=set[str]),
        status=int(status),
    )


async def test_neither_the_start_nor_an_offboarding_loads_what_it_does_not_need(loaded: Loaded) -> None:
    assert loaded.status == 200
    assert not loaded.at_start.intersection(HEAVY)
    assert not loaded.after_offboarding.intersection(NOT_FOR_AN_OFFBOARDING)
    assert "azure.data.tables" in loaded.after_offboarding
