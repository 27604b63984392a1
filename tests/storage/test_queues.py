"""Messages are put as plain JSON, and read in every form in which tools put them."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueClient

from enforcer.core.exceptions import InputError, SettingsError
from enforcer.core.settings import Storage
from enforcer.storage.queues import (
    OFFBOARDINGS,
    SWEEPS,
    OffboardMessage,
    Queues,
    SweepMessage,
    read_offboard_message,
    read_sweep_message,
)
from sandbox.azurite import StorageEndpoints, running_azurite

pytestmark = pytest.mark.anyio

RUN_ID = "20261123T120000-abcdef"
SWEEP = b'{"group_id":"g","reason":"r"}'
OFFBOARDING = f'{{"user":"u","reason":"r","actor":"a","run_id":"{RUN_ID}"}}'.encode()


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
        return [message.content.encode() async for message in queue.receive_messages()]


async def test_the_first_message_makes_its_queue_and_is_read_as_it_was_put(
    queues: Queues, new_storage: StorageEndpoints
) -> None:
    message = OffboardMessage(user="anna", reason="left", run_id=RUN_ID, attempt=3)
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


async def test_a_message_is_put_as_plain_json_that_xml_can_hold(
    queues: Queues, new_storage: StorageEndpoints
) -> None:
    told = SweepMessage(group_id="g", reason="<Müller> & \uffff \N{WAVING HAND SIGN}")

    await queues.ask_for_sweep(told)

    body = (await seen(new_storage, SWEEPS))[-1]
    assert body.startswith(b'{"group_id": "g", "reason": "<M')
    assert read_sweep_message(body) == told


def test_missing_message_fields_have_defaults_and_unknown_ones_are_ignored() -> None:
    sweep = read_sweep_message(b'{"group_id":"g","reason":"r","something":"new"}')
    assert sweep == SweepMessage(group_id="g", reason="r")
    assert read_offboard_message(OFFBOARDING).attempt == 0


def test_a_group_is_named_in_small_letters_whoever_wrote_it() -> None:
    assert read_sweep_message(b'{"group_id":"AB-C","reason":"r"}').group_id == "ab-c"


@pytest.mark.parametrize(
    "written",
    [
        lambda body: body,
        lambda body: b" \r\n" + body + b"\n",
        lambda body: json.dumps(json.loads(body), indent=2).encode(),
        # What an earlier version put, the portal and Storage Explorer by default, and `base64` in a shell.
        base64.b64encode,
        base64.encodebytes,
    ],
)
def test_a_message_is_read_in_every_form_in_which_tools_put_it(written: Callable[[bytes], bytes]) -> None:
    assert read_sweep_message(written(SWEEP)) == read_sweep_message(SWEEP)
    assert read_offboard_message(written(OFFBOARDING)) == read_offboard_message(OFFBOARDING)


NESTED = b"[" * 50_000 + b"]" * 50_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"null",
        b"[]",
        b'{"group_id":"g","user":"u"}',
        b'{"group_id":5,"user":5,"reason":"r","actor":"a","run_id":""}',
        b"\x00\xff\xfe",
        base64.b64encode(b"\x00\xff\xfe"),
        base64.b64encode(SWEEP.decode().encode("utf-16")),
        b'{"group_id":"\xff","user":"\xff","reason":"r"}',
        b'{"group_id":"g","user":"u","reason":"\\ud800"}',
        b'{"more":' + NESTED + b"}",
        NESTED,
    ],
)
def test_what_is_not_a_message_is_refused_by_its_kind(body: bytes) -> None:
    with pytest.raises(InputError, match="is not a SweepMessage"):
        read_sweep_message(body)
    with pytest.raises(InputError, match="is not a OffboardMessage"):
        read_offboard_message(body)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user", "u" * 501),
        ("reason", "r" * 501),
        ("reason", "one\ntwo"),
        ("reason", "one\n"),
        ("reason", "a\x1b"),
        ("run_id", "../x"),
        ("run_id", f"{RUN_ID}\n"),
        ("run_id", ""),
    ],
)
def test_what_no_table_could_hold_is_refused_by_its_field(name: str, value: str) -> None:
    with pytest.raises(InputError, match=rf"\$\.{name}"):
        read_offboard_message(json.dumps(json.loads(OFFBOARDING) | {name: value}).encode())
