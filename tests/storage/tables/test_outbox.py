from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from enforcer.core.messages import Channel, Message, MessageState
from enforcer.storage.tables.outbox import TABLE, Outbox
from enforcer.storage.tables.tables import Tables
from sandbox.storage_proxy import Calls, Fault, Moment, Reply, Service, StorageProxy
from tests.support.spoiled_rows import insert

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 12, 3, 0, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def outbox(tables: Tables) -> Outbox:
    return Outbox(tables)


def message(**more: object) -> Message:
    values = {
        "channel": Channel.OPERATORS,
        "id": str(uuid4()),
        "recipient": "json-0123456789ab",
        "says": ("20261203T003000-abcdef", "group"),
        "queued_at": NOW,
        "give_up_at": NOW + timedelta(days=5),
        "keep_until": NOW + timedelta(days=30),
        **more,
    }
    return Message(**values)  # type: ignore[arg-type]


async def stored(outbox: Outbox, wanted: Message) -> Message:
    return next(
        found for found in [item async for item in outbox.all(wanted.channel)] if found.id == wanted.id
    )


@hypothesis_settings(max_examples=25)
@given(
    says=st.lists(st.from_regex("[0-9a-f]{24}", fullmatch=True)),
    factor=st.sampled_from([1, 500]),
)
async def test_a_message_comes_back_as_it_was_however_long_it_is(
    outbox: Outbox, says: list[str], factor: int
) -> None:
    written = message(channel=Channel.MAIL, says=tuple(says) * factor, last_error="x")
    await outbox.put(written)

    assert await stored(outbox, written) == written


async def test_a_second_message_of_the_same_id_is_not_queued(outbox: Outbox) -> None:
    first = message()

    assert await outbox.put(first)
    assert not await outbox.put(replace(first, recipient="other"))
    assert await stored(outbox, first) == first


async def test_what_waits_comes_the_oldest_first_and_what_is_done_not_at_all(outbox: Outbox) -> None:
    late, early = message(queued_at=NOW + timedelta(hours=1)), message()
    done = message(state=MessageState.SENT)
    for item in (late, early, done):
        await outbox.put(item)

    ours = [item.id for item in await outbox.waiting() if item.id in {late.id, early.id, done.id}]
    assert ours == [early.id, late.id]


async def test_only_one_of_many_may_send(outbox: Outbox) -> None:
    waiting = message()
    await outbox.put(waiting)

    claims = await asyncio.gather(*(outbox.claim(waiting, NOW) for _ in range(8)))

    assert sum(claim is not None for claim in claims) == 1
    assert (await stored(outbox, waiting)).attempts == 1


async def test_who_crashes_while_sending_leaves_the_message_to_a_later_run(outbox: Outbox) -> None:
    waiting = message()
    await outbox.put(waiting)
    await outbox.claim(waiting, NOW)

    assert await outbox.claim(waiting, NOW + timedelta(minutes=4)) is None
    again = await outbox.claim(waiting, NOW + timedelta(minutes=6))
    assert again is not None
    assert again.message.attempts == 2


async def test_what_was_settled_cannot_be_claimed(outbox: Outbox) -> None:
    waiting = message()
    await outbox.put(waiting)
    claimed = await outbox.claim(waiting, NOW)
    assert claimed is not None

    await outbox.settle(claimed, claimed.message.sent(NOW))

    assert (await stored(outbox, waiting)).state is MessageState.SENT
    assert await outbox.claim(waiting, NOW + timedelta(days=1)) is None


async def test_a_deleted_message_cannot_be_claimed_and_settling_it_is_harmless(outbox: Outbox) -> None:
    waiting = message(keep_until=NOW)
    await outbox.put(waiting)
    claimed = await outbox.claim(waiting, NOW)
    assert claimed is not None
    await outbox.settle(claimed, claimed.message.sent(NOW))
    await outbox.forget_old(NOW + timedelta(days=1))

    assert await outbox.claim(waiting, NOW) is None
    await outbox.settle(claimed, claimed.message.sent(NOW))


async def test_what_was_said_is_remembered_until_nobody_can_say_it_again(outbox: Outbox) -> None:
    kept = message(channel=Channel.MAIL, says=("a" * 24, "b" * 24), state=MessageState.SENT)
    old = replace(kept, id=str(uuid4()), says=("c" * 24,), keep_until=NOW)
    waiting = replace(old, id=str(uuid4()), says=("d" * 24,), state=MessageState.WAITING)
    for item in (kept, old, waiting):
        await outbox.put(item)

    await outbox.forget_old(NOW + timedelta(seconds=1))

    mails = await outbox.mails()
    assert {"a" * 24, "b" * 24, "d" * 24} <= mails.queued
    assert "c" * 24 not in mails.queued
    assert ("a" * 24 in mails.said, "d" * 24 in mails.said) == (True, False)


@pytest.mark.parametrize("reply", [Reply.DROPPED, Reply.SERVER_BUSY])
async def test_an_answer_that_is_lost_sends_nothing_twice(
    shaky: Tables, storage: StorageProxy, reply: Reply
) -> None:
    """The claim's write took effect but its answer was lost: the message waits, nobody sends it now."""
    outbox, waiting = Outbox(shaky), message()
    await outbox.put(waiting)
    writes = Calls(service=Service.TABLE, method="PUT", path=waiting.id)
    storage.set_fault(Fault(calls=writes, moment=Moment.AFTER, reply=reply))

    claims = [await outbox.claim(waiting, NOW) for _ in range(2)]

    assert None in claims
    assert (await stored(outbox, waiting)).attempts == 1


async def test_a_damaged_message_is_given_up_and_hides_no_other(outbox: Outbox) -> None:
    good, spoiled = message(), str(uuid4())
    await outbox.put(good)
    await insert(
        outbox._tables,
        TABLE,
        PartitionKey="operators",
        RowKey=spoiled,
        State="waiting",
        Level=5,
        Attempts="x",
    )

    waiting = {one.id: one for one in await outbox.waiting()}

    assert waiting[good.id] == good
    assert waiting[spoiled].is_stale(NOW)
