"""Operators get the run's summary and alarms, through Apprise, on a real webhook."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from datetime import timedelta

import pytest

from enforcer.core.messages import Channel, MessageState
from enforcer.core.runs import GIVEN_UP, Report, Run, RunState
from enforcer.notify.operators import fingerprint
from enforcer.notify.queueing import queue_about_run
from enforcer.notify.sending import send_waiting
from enforcer.services import Services
from enforcer.storage.tables.outbox import Outbox
from enforcer.sweep.sweep import SweepRequest, sweep
from sandbox.directory.faults import Fault
from tests.support.leaving import offboard
from tests.support.messaging import Webhook, running_webhook, with_settings
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

RUN_ID = "20261203T003000-0f9a3c"


def forged_row(world: World, webhook: Webhook, **more: object) -> dict[str, object]:
    now = world.clock.moment
    return {
        "PartitionKey": "operators",
        "Recipient": fingerprint(webhook.url),
        "QueuedAt": now,
        "GiveUpAt": now + timedelta(days=5),
        "KeepUntil": now + timedelta(days=30),
        "State": "waiting",
        "Attempts": 0,
        **more,
    }


async def queue_summary(services: Services, report: Report) -> None:
    await queue_about_run(services, report.run.run_id, [report.run.group_id])


async def queue_alarm(world: World, services: Services | None = None) -> None:
    """Record that a sweep was given up, and have operators told."""
    run = Run(
        run_id=RUN_ID,
        group_id=world.group.id,
        started_at=world.clock.moment,
        state=RunState.FAILED,
        mode="enforce",
        error=f"{GIVEN_UP}: ada@x.example is not a mode",
    )
    services = services or world.services
    await services.runs.save(Report(run=run))
    await queue_about_run(services, RUN_ID, [world.group.id], occasion="given up")


async def test_a_summary_says_what_was_done_and_what_to_look_at(world: World, webhook: Webhook) -> None:
    ada = world.member("Ada Lovelace")
    await world.register(ada.id, ENDED)
    world.member("Ghost Without Row")
    await world.register("broken@contoso.com", "someday")

    await queue_summary(world.services, await world.sweep())
    await send_waiting(world.services)

    [message] = webhook.got
    assert message["title"] == "Contractor access: 1 removed"
    assert message["type"] == "warning"
    assert world.group.id in message["message"]
    assert "due 1, removed 1" in message["message"]
    assert "1 invalid_row, 1 unregistered_member" in message["message"]


async def test_a_summary_names_no_people(world: World, webhook: Webhook) -> None:
    await world.register(world.member("Ada Lovelace").user_principal_name, ENDED)
    world.member("Ghost Without Row")

    order = SweepRequest(
        group_id=world.group.id, actor="ann@x.example", reason="Ada Lovelace <ada@x.example> left"
    )
    await queue_summary(world.services, await sweep(world.services, order))
    await send_waiting(world.services)

    assert "(on_demand, mode enforce)" in webhook.got[0]["message"]
    text = str(webhook.got).lower()
    assert not re.findall(r"\b(?:ada|lovelace|ghost)\b|@", text)


async def test_a_quiet_night_is_told_without_alarm(world: World, webhook: Webhook) -> None:
    await queue_summary(world.services, await world.sweep())
    await send_waiting(world.services)

    assert [(got["title"], got["type"]) for got in webhook.got] == [
        ("Contractor access: nobody was due", "info")
    ]


async def test_somebody_left_undone_is_an_alarm(world: World, webhook: Webhook) -> None:
    for name in ("Ada", "Ben"):
        await world.register(world.member(name).id, ENDED)
    world.directory.sandbox.faults.add(Fault(method="DELETE", times=1, status=400, code="Odd"))

    await queue_summary(world.services, await world.sweep())
    await send_waiting(world.services)

    [message] = webhook.got
    assert message["type"] == "failure"
    assert "INCOMPLETE: 1; the next run tries again" in message["message"]


async def test_a_held_plan_is_told_with_the_command_that_lets_it_pass(world: World, webhook: Webhook) -> None:
    for number in range(12):
        await world.register(world.member(f"User {number}").id, ENDED)
    report = await world.sweep()

    await queue_summary(world.services, report)
    await send_waiting(world.services)

    assert webhook.got[0]["title"] == "Contractor access: HELD, 12 people waiting for approval"
    assert f"enforcer approve {report.run.digest}" in webhook.got[0]["message"]


async def test_operators_hear_of_ends_that_no_sponsor_can_be_told(world: World, webhook: Webhook) -> None:
    soon = world.clock.moment.date().isoformat()
    for name, sponsor in (("Ada", ""), ("Ben", "Sue"), ("Cid", "sue@contoso.com")):
        await world.register(world.member(name).id, soon, sponsor=sponsor)

    await queue_summary(world.services, await world.sweep())
    await send_waiting(world.services)

    assert "without a sponsor to notify: 2" in webhook.got[0]["message"]


async def test_a_run_is_told_once_to_every_url(world: World, webhook: Webhook) -> None:
    report = await world.sweep()
    async with running_webhook() as other:
        services = with_settings(world.services, notify_urls=(webhook.url, other.url))
        for _ in range(2):
            await queue_summary(services, report)
            await send_waiting(services)

        assert (len(webhook.got), len(other.got)) == (1, 1)


async def test_an_alarm_is_told_once(world: World, webhook: Webhook) -> None:
    for _ in range(2):
        await queue_alarm(world)
    await send_waiting(world.services)

    [got] = webhook.got
    assert (got["title"], got["type"]) == ("sweeps: work was given up", "failure")
    assert RUN_ID in got["message"]
    assert "ada" not in got["message"]


async def test_what_a_webhook_refused_is_tried_again(
    world: World, webhook: Webhook, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.status = 503
    await queue_alarm(world)
    await send_waiting(world.services)
    assert [message.last_error for message in await outbox.waiting()] == ["answered 503"]

    webhook.status = 200
    assert await send_waiting(world.services) == 0, "it waits for its turn"
    world.clock.advance(minutes=6)
    assert await send_waiting(world.services) == 1
    assert "notification_failed channel=json attempts=1 error=answered 503" in caplog.text


async def test_a_missing_webhook_is_harmless(world: World, outbox: Outbox) -> None:
    services = with_settings(world.services, notify_urls=("json://127.0.0.1:9/s3cret-token",))
    await queue_alarm(world, services)
    await send_waiting(services)

    assert [message.last_error for message in await outbox.waiting()] == ["did not answer"]


async def test_a_url_that_apprise_cannot_use_is_said_to_be_one(world: World, outbox: Outbox) -> None:
    services = with_settings(world.services, notify_urls=("nosuchservice://s3cret-token",))
    await queue_alarm(world, services)
    await send_waiting(services)

    assert [message.last_error for message in await outbox.waiting()] == ["Apprise cannot use this URL"]


async def test_a_url_that_was_taken_out_of_the_settings_gets_nothing_any_more(
    world: World, webhook: Webhook, outbox: Outbox
) -> None:
    await queue_alarm(world)
    await send_waiting(with_settings(world.services, notify_urls=()))

    assert webhook.got == []
    assert "no longer contains this URL" in (await outbox.waiting())[0].last_error


async def test_the_secret_in_a_url_is_neither_stored_nor_logged(
    world: World, webhook: Webhook, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    webhook.status = 500
    await queue_alarm(world)
    bad = with_settings(world.services, notify_urls=(webhook.url, "nosuchservice://s3cret-token"))
    await queue_alarm(world, bad)
    await send_waiting(bad)

    stored = [repr(message) for message in await outbox.waiting()]
    assert len(stored) == 2
    assert "s3cret" not in "".join(stored) + caplog.text
    assert fingerprint(webhook.url).startswith("json-")


async def test_apprise_is_not_loaded_before_something_is_sent() -> None:
    code = (
        "import enforcer.sweep.post_run, sys; print({'apprise', 'requests', 'jinja2'} & sys.modules.keys())"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE)

    assert (await process.communicate())[0] == b"set()\n"


async def test_without_urls_nothing_waits(world: World, outbox: Outbox) -> None:
    services = with_settings(world.services, notify_urls=())
    await world.register(world.member("Ada").id, RUNNING)
    await queue_summary(services, await world.sweep())
    await queue_alarm(world, services)

    assert await outbox.waiting() == []


# What others put into the outbox ---------------------------------------------------------------------------


async def test_message_with_a_text_of_its_own_is_never_sent(
    world: World, webhook: Webhook, outbox: Outbox
) -> None:
    text = {"Subject": "URGENT: sign in again", "Body0": "at https://evil.example", "Level": "failure"}
    forged = forged_row(world, webhook, RowKey="forged", **text)
    known = {**forged, "RowKey": "known", "Says0": f"{(await world.sweep()).run.run_id} {world.group.id}"}
    async with world.services.tables.table("outbox") as table:
        for row in (forged, known, {**forged, "RowKey": "odd", "Says0": "x' or true group"}):
            await table.create_entity(row)

    await send_waiting(world.services)

    assert [got["title"] for got in webhook.got] == ["Contractor access: nobody was due"]
    assert "evil" not in str(webhook.got)
    states = {message.id: message async for message in outbox.all(Channel.OPERATORS)}
    assert (states["known"].state, states["odd"].state) == (MessageState.SENT, MessageState.GIVEN_UP)
    # It is a row as earlier versions wrote them, too.
    assert states["forged"].state is MessageState.GIVEN_UP
    assert states["forged"].last_error == "neither the register nor a run says it"


async def test_offboarding_on_demand_is_told_with_its_counts(world: World, webhook: Webhook) -> None:
    ada = world.member("Ada Lovelace")
    run_id = (await offboard(world, ada)).run_id

    await send_waiting(world.services)

    [got] = webhook.got
    assert (got["title"], got["type"]) == ("Contractor access: offboarding on demand, 1 removed", "warning")
    assert (run_id in got["message"], "Ada" in got["message"]) == (True, False)
