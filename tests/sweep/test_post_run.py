"""What follows a sweep: each part on its own, none disturbing enforcement."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from enforcer.core.runs import GIVEN_UP
from enforcer.storage.blobs import open_reports
from enforcer.sweep.post_run import after_sweep, leave_report, raise_alarm
from tests.support.blobs import content_of
from tests.support.messaging import Webhook, mailing, sending_to, with_settings
from tests.support.world import ENDED, World

pytestmark = pytest.mark.anyio

SUE = "sue@contoso.com"


@pytest.fixture
def environ(webhook: Webhook) -> dict[str, str]:
    return sending_to(webhook)


@pytest.fixture
async def world(world: World) -> AsyncIterator[World]:
    async with mailing(world) as running:
        yield running


async def left(world: World, name: str) -> bytes:
    storage = world.services.settings.storage
    return await content_of(storage.connection_string, f"{world.group.id}/{name}")


async def test_a_night_leaves_its_report_and_tells_sponsors_and_operators(
    world: World, webhook: Webhook
) -> None:
    world.clock.moment = datetime(2026, 12, 3, 0, 30, tzinfo=UTC)
    await world.register(world.member("Ada Lovelace").id, ENDED)
    await world.register(world.member("Ben Soon").id, "2026-12-10", sponsor=SUE)

    report = await world.sweep()
    await after_sweep(world.services, report)

    page = (await left(world, f"{report.run.run_id}.html")).decode()
    assert "<h1>Run" in page
    written = json.loads(await left(world, f"{report.run.run_id}.json"))
    assert (written["run"]["removed"], written["people"][0]["result"]) == (1, "removed")
    head = await world.services.ledger.head(world.group.id)
    assert written["ledger"] == {"sequence": head.sequence, "hash": head.hash}
    assert [mail.message["toRecipients"][0]["emailAddress"]["address"] for mail in world.tenant.mails] == [
        SUE
    ]
    assert [got["title"] for got in webhook.got] == ["Contractor access: 1 removed"]


async def test_the_same_run_told_twice_leaves_and_sends_everything_once(
    world: World, webhook: Webhook
) -> None:
    report = await world.sweep()
    await after_sweep(world.services, report)
    first = await left(world, f"{report.run.run_id}.json")
    await after_sweep(world.services, replace(report, findings=()))

    assert await left(world, f"{report.run.run_id}.json") == first
    assert len(webhook.got) == 1


async def test_what_people_wrote_is_text_in_the_report(world: World) -> None:
    await world.register("<script>alert(1)@contoso.com", "<b>soon</b>")
    report = await world.sweep()
    await after_sweep(world.services, report)

    page = (await left(world, f"{report.run.run_id}.html")).decode()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize(
    "changes",
    [
        {"storage_blob": "away"},
        {"mail_sender": "nobody@contoso.com"},
        {"notify_urls": ("json://127.0.0.1:9/",)},
    ],
)
async def test_a_part_that_fails_stops_none_of_the_others(
    world: World, webhook: Webhook, changes: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    world.clock.moment = datetime(2026, 12, 3, 0, 30, tzinfo=UTC)
    await world.register("ben@contoso.com", "2026-12-10", sponsor=SUE)
    report = await world.sweep()

    await after_sweep(_broken(world, changes), report)

    arrived = {
        "report": "storage_blob" not in changes,
        "mail": "mail_sender" not in changes,
        "operators": "notify_urls" not in changes,
    }
    assert {
        "report": bool(await _names(world)),
        "mail": bool(world.tenant.mails),
        "operators": bool(webhook.got),
    } == arrived
    event = "post_run_failed part=report" if "storage_blob" in changes else "notification_failed"
    assert event in caplog.text


async def test_an_alarm_reaches_operators_at_once(world: World, webhook: Webhook) -> None:
    run = (await world.sweep()).run
    await world.services.runs.amend(replace(run, error=GIVEN_UP))

    await raise_alarm(world.services, run.run_id, [world.group.id])

    assert [got["title"] for got in webhook.got] == ["sweeps: work was given up"]


async def test_a_report_carries_the_ledgers_head_where_it_can_be_listed(world: World) -> None:
    await world.register(world.member("Ada").id, ENDED)
    await leave_report(world.services, await world.sweep())

    head = await world.services.ledger.head(world.group.id)
    async with open_reports(world.services.settings.storage) as reports:
        notes = [dict(found) async for _, found in reports.notes(world.group.id) if found]
    assert notes == [{"ledger_sequence": str(head.sequence), "ledger_hash": head.hash}]


def _broken(world: World, changes: dict[str, Any]) -> Any:
    if "storage_blob" in changes:
        storage = replace(world.services.settings.storage, connection_string="", table_url="x")
        return with_settings(world.services, storage=storage)
    return with_settings(world.services, **changes)


async def _names(world: World) -> list[str]:
    async with open_reports(world.services.settings.storage) as reports:
        return [name async for name, _ in reports.notes(world.group.id)]
