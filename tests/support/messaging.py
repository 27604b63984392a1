"""What a world needs to send mail and notifications, and the places where they arrive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

from enforcer.services import Services
from enforcer.storage.tables.outbox import TABLE
from sandbox.loopback import listening
from tests.support.world import World

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


@asynccontextmanager
async def running_webhook() -> AsyncIterator[Webhook]:
    hook = Webhook()
    application = web.Application()
    application.router.add_post("/{token}", hook.handle)
    async with listening(web.AppRunner(application, access_log=None)) as url:
        hook.url = f"{url.replace('http', 'json')}/s3cret-token"
        yield hook


def sending_to(webhook: Webhook) -> dict[str, str]:
    """Return the settings with which mail is sent, and operators are notified through the webhook."""
    return {"ENFORCER_MAIL_SENDER": SENDER, "ENFORCER_NOTIFY_URLS": webhook.url}


@asynccontextmanager
async def mailing(world: World) -> AsyncIterator[World]:
    """Add a mailbox to send from, and empty the outbox."""
    world.tenant.add_user("Offboarding", mail=SENDER, user_principal_name=SENDER)
    await _clear(world.services)
    yield world
    await _clear(world.services)


def with_settings(services: Services, **changes: Any) -> Services:
    return replace(services, settings=replace(services.settings, **changes))


async def _clear(services: Services) -> None:
    async with services.tables.table(TABLE) as table:
        rows = [entity async for entity in table.list_entities(select=["PartitionKey", "RowKey"])]
        for row in rows:
            await table.delete_entity(row["PartitionKey"], row["RowKey"])
