"""Sponsors are told, once each, in one mail with all of theirs: from the register to the mailbox."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.core.messages import Channel, MessageState
from enforcer.core.settings import Mode
from enforcer.notify import sending
from enforcer.notify.queueing import queue_about_run, queue_warnings
from enforcer.notify.sending import send_waiting
from enforcer.notify.upcoming import notices
from enforcer.services import Services
from enforcer.storage.tables.outbox import Outbox
from sandbox.directory.faults import Effect, Fault
from tests.support.messaging import SENDER, Webhook, with_settings
from tests.support.world import World

pytestmark = pytest.mark.anyio

# A Thursday; the ends below are seven days ahead of it.
NIGHT = datetime(2026, 12, 3, 0, 30, tzinfo=UTC)
LAST_DAY = "2026-12-10"
SUE, MAX = "sue@contoso.com", "max@contoso.com"


@pytest.fixture(autouse=True)
def tonight(world: World) -> None:
    world.clock.moment = NIGHT


async def night(world: World, services: Services | None = None) -> list[dict[str, Any]]:
    """Queue and send as a nightly run does; give the mails that this brought."""
    before = len(world.tenant.mails)
    await queue_warnings(services or world.services)
    await send_waiting(services or world.services)
    return [mail.message for mail in world.tenant.mails[before:]]


def to(message: dict[str, Any]) -> str:
    return str(message["toRecipients"][0]["emailAddress"]["address"])


def text(message: dict[str, Any]) -> str:
    return str(message["body"]["content"])


async def test_a_sponsor_gets_one_mail_with_everybody_and_how_to_extend(world: World) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE, display_name="Ada", company="Engines")
    await world.register("ben@contoso.com", "2026-12-09", sponsor="Sue@Contoso.com ", display_name="Ben")
    await world.register("cid@contoso.com", LAST_DAY, sponsor=MAX, display_name="Cid")
    await world.register("dee@contoso.com", "2027-06-30", sponsor=SUE, display_name="Dee")

    mails = {to(message): message for message in await night(world)}

    assert mails.keys() == {SUE, MAX}
    sue = text(mails[SUE])
    assert all(word in sue for word in ("Ada", "Ben", "Engines", "Thursday, 10 December 2026"))
    assert "Dee" not in sue
    assert "Cid" not in sue
    assert "contractors extend ben@contoso.com --end" in sue
    assert {message["subject"] for message in mails.values()} == {"Contractor access ends soon"}
    assert {mail.sender for mail in world.tenant.mails} == {SENDER}


async def test_an_end_within_a_day_is_told_with_its_time(world: World) -> None:
    await world.register("ada@contoso.com", "2026-12-10T17:30:00Z", sponsor=SUE)

    assert "Thursday, 10 December 2026, until 17:30" in text((await night(world))[0])


async def test_what_was_said_is_not_said_again_even_by_another_process(world: World) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE)
    assert len(await night(world)) == 1

    restarted = replace(world.services)
    assert await night(world, restarted) == []
    world.clock.advance(days=1)
    assert await night(world, restarted) == []


async def test_each_number_of_days_is_said_once_until_the_end(world: World) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE)
    said = []
    world.clock.moment = NIGHT - timedelta(days=20)
    for _ in range(40):
        said += [world.clock.moment.date().isoformat()] * len(await night(world))
        world.clock.advance(days=1)

    assert said == ["2026-11-26", "2026-12-03", "2026-12-09"]


async def test_after_the_end_date_was_extended_the_new_one_is_told_too(world: World) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE)
    await night(world)
    await world.register("ada@contoso.com", "2026-12-17", sponsor=SUE)

    assert [to(message) for message in await night(world)] == [SUE]


async def test_contractors_in_several_groups_are_in_one_mail(world: World) -> None:
    other = world.tenant.add_group("Others").id
    services = with_settings(world.services, group_ids=(world.group.id, other))
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE, display_name="Ada")
    for key in ("ada@contoso.com", "ben@contoso.com"):
        await world.services.register.save(
            RegisterRow(
                group_id=other, row_key=key, end_date=LAST_DAY, sponsor=SUE, display_name=key[:3].title()
            )
        )

    mails = await night(world, services)

    assert len(mails) == 1
    assert re.findall(r"<small>(\w+@contoso.com)</small>", text(mails[0])) == [
        "ada@contoso.com",
        "ben@contoso.com",
    ]


async def test_two_runs_at_the_same_time_say_it_once(world: World) -> None:
    for number in range(5):
        await world.register(
            f"user{number}@contoso.com", LAST_DAY, sponsor=f"sponsor{number % 2}@contoso.com"
        )

    await asyncio.gather(*(queue_warnings(world.services) for _ in range(2)))
    await asyncio.gather(*(send_waiting(world.services) for _ in range(2)))

    assert sorted(to(mail.message) for mail in world.tenant.mails) == [
        "sponsor0@contoso.com",
        "sponsor1@contoso.com",
    ]


async def test_what_people_wrote_into_the_register_is_text_in_the_mail(world: World) -> None:
    evil = "<img src=x onerror=alert(1)>\r\nBcc: everybody@contoso.com"
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE, display_name=evil, company=evil)

    mail = (await night(world))[0]

    assert "<img" not in text(mail)
    assert "\n" not in mail["subject"]
    assert [to(mail)] == [recipient["emailAddress"]["address"] for recipient in mail["toRecipients"]]


@pytest.mark.parametrize("changes", [{"mail_sender": ""}, {"mode": Mode.REPORT}, {"warn_days": ()}])
async def test_without_a_mailbox_or_in_report_mode_no_warning_is_queued(
    world: World, changes: dict[str, Any]
) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE)

    assert await night(world, with_settings(world.services, **changes)) == []
    assert len(await night(world)) == 1


async def test_nobody_is_told_of_an_end_that_will_not_come(world: World) -> None:
    user = world.member("Protected Person")
    await world.register(user.id, LAST_DAY, sponsor=SUE)
    await world.register("unreadable@contoso.com", "next week", sponsor=SUE)

    assert await night(world, with_settings(world.services, protected_ids=frozenset({user.id}))) == []


async def test_nobody_is_told_of_an_end_of_somebody_in_a_protected_group(world: World) -> None:
    user = world.member("Protected Person")
    await world.register(user.user_principal_name, LAST_DAY, sponsor=SUE)
    group = world.tenant.add_group("Break glass", members=[user])

    protecting = with_settings(world.services, protected_group_ids=(group.id,))
    assert await night(world, protecting) == []


async def test_today_is_a_day_of_the_zone(world: World) -> None:
    """At 00:30 UTC on the 3rd it is still the 2nd in New York: eight days ahead, not seven."""
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE)
    away = with_settings(world.services, zone=ZoneInfo("America/New_York"), warn_days=(7,))

    assert await night(world, away) == []
    world.clock.advance(hours=5)
    assert len(await night(world, away)) == 1


async def test_hundreds_of_people_of_one_sponsor_fit_into_one_mail(world: World) -> None:
    rows = [
        {
            "PartitionKey": world.group.id,
            "RowKey": f"contractor.number.{number}@a-rather-long-domain-name.example",
            "EndDate": LAST_DAY,
            "DisplayName": f"Contractor 🧑 Number {number} " + "x" * 200,
            "Company": "y" * 300,
            "Sponsor": SUE,
        }
        for number in range(450)
    ]
    async with world.services.tables.table("contractors") as table:
        for start in range(0, len(rows), 90):
            await table.submit_transaction([("create", row) for row in rows[start : start + 90]])

    mails = await night(world)

    assert [to(message) for message in mails] == [SUE]
    assert text(mails[0]).count("<small>") == 450
    assert await night(world) == []


# What others put into the outbox, or into the register ------------------------------------------------------


def forged_mail(recipient: str, says: str, **more: object) -> dict[str, object]:
    return {
        "PartitionKey": "mail",
        "RowKey": secrets.token_hex(16),
        "Recipient": recipient,
        "Subject": "URGENT: sign in again",
        "Body0": "<a href='https://evil.example'>here</a>",
        "Says0": says,
        "QueuedAt": NIGHT,
        "GiveUpAt": NIGHT + timedelta(days=5),
        "KeepUntil": NIGHT + timedelta(days=30),
        "State": "waiting",
        "Attempts": 0,
        **more,
    }


async def put(world: World, *rows: dict[str, object]) -> None:
    async with world.services.tables.table("outbox") as table:
        for row in rows:
            await table.create_entity(row)


async def test_mail_that_the_register_does_not_say_is_never_sent(world: World, outbox: Outbox) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE)
    [notice] = await notices(world.services, [world.group.id])
    await put(
        world,
        *(forged_mail(who, says) for who in (MAX, "boss@evil.example") for says in ("", "x", notice.key)),
        forged_mail(SUE, "a" * 24),
    )

    assert await night(world) == []

    mails = (await outbox.mails()).all
    assert {mail.state for mail in mails} == {MessageState.GIVEN_UP}
    assert {mail.last_error for mail in mails} == {"neither the register nor a run says it"}


async def test_mail_of_an_earlier_version_is_written_anew_and_sent_once(world: World) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE, display_name="Ada")
    [notice] = await notices(world.services, [world.group.id])
    await put(world, *(forged_mail(SUE, notice.key) for _ in range(3)))

    [mail] = await night(world)

    assert (to(mail), mail["subject"]) == (SUE, "Contractor access ends soon")
    assert ("Ada" in text(mail), "evil" in text(mail)) == (True, False)
    assert await night(world) == []


async def test_mail_says_what_the_register_says_when_it_is_sent(world: World, outbox: Outbox) -> None:
    for key in ("ada@contoso.com", "ben@contoso.com"):
        await world.register(key, LAST_DAY, sponsor=SUE)
    await queue_warnings(world.services)
    await world.register("ada@contoso.com", "2027-06-30", sponsor=SUE)

    await send_waiting(world.services)

    [mail] = world.tenant.mails
    assert ("ada@" in text(mail.message), "ben@" in text(mail.message)) == (False, True)
    assert await outbox.waiting() == []


async def test_sponsor_outside_the_domains_is_not_told_and_operators_hear(
    world: World, webhook: Webhook
) -> None:
    sponsors = ("sue@partner.example", "eve@evil.example", "max@contoso.com.evil.example", SUE, "")
    for number, sponsor in enumerate(sponsors):
        await world.register(f"ada{number}@contoso.com", LAST_DAY, sponsor=sponsor)
    services = with_settings(world.services, sponsor_domains=frozenset({"contoso.com", "partner.example"}))

    assert sorted(to(mail) for mail in await night(world, services)) == [SUE, "sue@partner.example"]

    run = (await world.sweep()).run
    await queue_about_run(services, run.run_id, [run.group_id])
    await send_waiting(services)
    [told] = webhook.got
    assert "with a sponsor outside ENFORCER_SPONSOR_DOMAINS, who is not told: 2" in told["message"]
    assert "without a sponsor to notify: 1" in told["message"]


async def test_night_has_a_limit_of_mails_and_says_so(
    world: World, webhook: Webhook, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MAILS_A_NIGHT", 3)
    for number in range(5):
        await world.register(f"ada{number}@contoso.com", LAST_DAY, sponsor=f"sponsor{number}@contoso.com")
    run = (await world.sweep()).run
    await queue_about_run(world.services, run.run_id, [run.group_id])

    assert len(await night(world)) == 3
    assert "mails_left left=2 most=3" in caplog.text
    assert "wait for the next night, which has its limit: 2" in webhook.got[0]["message"]
    assert await night(world) == []
    world.clock.advance(hours=23)
    assert len(await night(world)) == 2


# When the mail does not get through ----------------------------------------------------------------------


async def test_a_mail_that_fails_is_tried_again_by_the_next_night(world: World, outbox: Outbox) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE)
    world.directory.sandbox.faults.add(Fault(path="sendMail", times=1, status=503))

    assert await night(world) == []
    [waiting] = await outbox.waiting()
    assert (waiting.attempts, waiting.last_error) == (1, "503 serviceNotAvailable")
    world.clock.advance(days=1)
    assert [to(message) for message in await night(world)] == [SUE]
    assert await outbox.waiting() == []


async def test_a_missing_permission_leaves_the_mail_waiting(world: World, outbox: Outbox) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE)
    world.directory.sandbox.faults.add(
        Fault(path="sendMail", times=1, status=403, code="ErrorAccessDenied", message=f"no mail to {SUE}")
    )

    await night(world)

    assert [message.last_error for message in await outbox.waiting()] == ["403 ErrorAccessDenied"]


async def test_a_mail_that_would_come_after_the_end_is_given_up_and_told(
    world: World, outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    await world.register("ada@contoso.com", "2026-12-04", sponsor=SUE)
    world.directory.sandbox.faults.add(Fault(path="sendMail", times=None, status=503))
    await night(world)
    world.clock.advance(days=2)

    assert await night(world) == []

    assert await outbox.waiting() == []
    [given_up] = [message async for message in outbox.all(Channel.MAIL)]
    assert given_up.state == "given_up"
    assert caplog.text.count("notification_failed") == 2


async def test_exchange_that_throttles_makes_nothing_else_wait(world: World) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE)
    world.directory.sandbox.faults.add(
        Fault(path="sendMail", times=1, status=429, headers={"Retry-After": "120"})
    )
    began = asyncio.get_running_loop().time()

    await night(world)
    await world.sweep()

    assert asyncio.get_running_loop().time() - began < 5


async def test_neither_addresses_nor_names_get_into_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.register("ada@contoso.com", LAST_DAY, sponsor=SUE, display_name="Lovelace")
    world.directory.sandbox.faults.add(
        Fault(
            path="sendMail", times=1, status=400, code="ErrorInvalidRecipients", message=f"not valid: {SUE}"
        )
    )
    await night(world)
    world.clock.advance(days=1)
    await night(world)

    ours = [record.getMessage() for record in caplog.records if record.name.startswith("enforcer")]
    assert any("notification_failed" in line for line in ours)
    assert not [line for line in ours if "sue" in line.lower() or "lovelace" in line.lower()]


async def test_a_mailbox_sends_four_mails_at_a_time_across_all_processes(world: World) -> None:
    for number in range(8):
        person = world.member(f"Contractor {number}")
        await world.register(person.id, LAST_DAY, sponsor=f"sponsor{number}@contoso.com")
    await queue_warnings(world.services)
    world.directory.sandbox.faults.add(Fault(path="sendMail", times=None, effect=Effect.DELAY, seconds=0.5))

    sent = await asyncio.gather(*(send_waiting(world.services) for _ in range(2)))

    assert sum(sent) == len(world.tenant.mails) == 8
    answers = [entry.status for entry in world.directory.sandbox.log.entries if "sendMail" in entry.path]
    assert answers == [202] * 8
