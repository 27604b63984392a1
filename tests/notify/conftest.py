"""A world that sends mail and notifications, with an empty outbox."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web

from enforcer.services import Services
from enforcer.tables.outbox import TABLE, Outbox
from sandbox.loopback import listening
from tests.world import World

SENDER = "offboarding@contoso.com"


@dataclass
class Webhook:
    """Where operators' messages arrive; it answers with `status`."""

    url: str = ""
    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.got.append(await request.json())
        return web.Response(status=self.status)


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    async with running_webhook() as running:
        yield running


@asynccontextmanager
async def running_webhook() -> AsyncIterator[Webhook]:
    hook = Webhook()
    application = web.Application()
    application.router.add_post("/{token}", hook.handle)
    async with listening(web.AppRunner(application, access_log=None)) as url:
        hook.url = f"{url.replace('http', 'json')}/s3cret-token"
        yield hook


@pytest.fixture
def environ(webhook: Webhook) -> dict[str, str]:
    """Mail is sent, and operators hear through the webhook."""
    return {"ENFORCER_MAIL_SENDER": SENDER, "ENFORCER_NOTIFY_URLS": webhook.url}


@pytest.fixture
async def world(world: World) -> AsyncIterator[World]:
    """A world with a mailbox to send from, and an empty outbox."""
    world.tenant.add_user("Offboarding", mail=SENDER, user_principal_name=SENDER)
    await _clear(world.services)
    yield world
    await _clear(world.services)


@pytest.fixture
def outbox(world: World) -> Outbox:
    return world.services.outbox


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def with_settings(services: Services, **changes: Any) -> Services:
    return replace(services, settings=replace(services.settings, **changes))


async def _clear(services: Services) -> None:
    async with services.tables.table(TABLE) as table:
        rows = [entity async for entity in table.list_entities(select=["PartitionKey", "RowKey"])]
        for row in rows:
            await table.delete_entity(row["PartitionKey"], row["RowKey"])
