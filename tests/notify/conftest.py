"""A world that sends mail and notifications, with an empty outbox."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from enforcer.storage.tables.outbox import Outbox
from tests.support.messaging import Webhook, mailing, sending_to
from tests.support.world import World


@pytest.fixture
def environ(webhook: Webhook) -> dict[str, str]:
    return sending_to(webhook)


@pytest.fixture
async def world(world: World) -> AsyncIterator[World]:
    async with mailing(world) as running:
        yield running


@pytest.fixture
def outbox(world: World) -> Outbox:
    return world.services.outbox


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
