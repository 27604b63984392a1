"""Messages are put and read in the form that the queue triggers expect."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueClient

from enforcer.exceptions import InputError, SettingsError
from enforcer.queues import (
    OFFBOARDINGS,
    SWEEPS,
    OffboardMessage,
    Queues,
    SweepMessage,
    read_offboard_message,
    read_sweep_message,
)
from enforcer.settings import Storage
from sandbox.azurite import StorageEndpoints, running_azurite

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def new_storage() -> Iterator[StorageEndpoints]:
    """An account of its own, in which nobody has made a queue yet."""
    with running_azurite() as endpoints:
        yield endpoints


@pytest.fixture
async def queues(new_storage: StorageEndpoints) -> AsyncIterator[Queues]:
    async with Queues(Storage(connection_string=new_storage.connection_string)) as queues:
        yield queues


async def seen(storage: StorageEndpoints, name: str) -> list[bytes]:
    """Take what can be seen in a queue by now."""
    async with QueueClient.from_connection_string(storage.connection_string, name) as queue:
        return [base64.b64decode(message.content) async for message in queue.receive_messages()]


async def test_the_first_message_makes_its_queue_and_is_read_as_it_was_put(
    queues: Queues, new_storage: StorageEndpoints
) -> None:
    message = OffboardMessage(user="anna", reason="left", actor="ann", run_id="run", attempt=3)
    with pytest.raises(ResourceNotFoundError):
        await seen(new_storage, OFFBOARDINGS)

    await queues.ask_for_offboarding(message)

    assert [read_offboard_message(body) for body in await seen(new_storage, OFFBOARDINGS)] == [message]


async def test_a_message_for_later_cannot_be_seen_before(
    queues: Queues, new_storage: StorageEndpoints
) -> None:
    now, later = (SweepMessage(group_id="g", reason=reason) for reason in ("now", "later"))
    await queues.ask_for_sweep(later, after_seconds=600)
    await queues.ask_for_sweep(now)
    await queues.ask_for_sweep(later, after_seconds=600)
    assert [read_sweep_message(body) for body in await seen(new_storage, SWEEPS)] == [now]


async def test_a_queue_that_nobody_has_made_yet_has_nothing_waiting(queues: Queues) -> None:
    assert await queues.waiting("never-made") == 0

    await queues.ask_for_sweep(SweepMessage(group_id="g", reason="r"))

    assert await queues.waiting(SWEEPS) > 0


async def test_a_queue_whose_address_is_not_set_is_a_setting_to_be_corrected() -> None:
    async with Queues(Storage(table_url="https://x.table.core.windows.net")) as queues:
        with pytest.raises(SettingsError, match="EnforcerStorage__queueServiceUri is not set"):
            await queues.ask_for_sweep(SweepMessage(group_id="g", reason="r"))


def test_messages_are_read_as_they_were_written() -> None:
    sweep = read_sweep_message(b'{"group_id":"g","reason":"r","something":"new"}')
    assert sweep == SweepMessage(group_id="g", reason="r")
    offboarding = read_offboard_message(b'{"user":"u","reason":"r","actor":"a","run_id":"i"}')
    assert offboarding.attempt == 0


def test_a_group_is_named_in_small_letters_whoever_wrote_it() -> None:
    assert read_sweep_message(b'{"group_id":"AB-C","reason":"r"}').group_id == "ab-c"


@pytest.mark.parametrize("body", [b"", b"no JSON", b'{"group_id":"g"}', b'{"group_id":5,"reason":"r"}'])
def test_what_is_no_message_is_refused_by_its_kind(body: bytes) -> None:
    with pytest.raises(InputError, match="is no SweepMessage"):
        read_sweep_message(body)
    with pytest.raises(InputError, match="is no OffboardMessage"):
        read_offboard_message(body)
