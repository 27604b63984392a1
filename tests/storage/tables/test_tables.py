"""Tables appear at their first use, and storage's refusals come out as this project's errors."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from enforcer.core.exceptions import AccessDeniedError, UnavailableError
from enforcer.core.settings import Storage
from enforcer.storage.tables.tables import Tables, moment, present
from sandbox.azurite import KEY, StorageEndpoints
from sandbox.storage_proxy import Calls, Fault, Moment, Reply, StorageProxy
from sandbox.tls_front import Cut, TlsFront

pytestmark = pytest.mark.anyio


def new_name() -> str:
    return f"test{uuid4().hex}"


async def write(tables: Tables, name: str, row: str = "r") -> None:
    async with tables.table(name) as table:
        await table.upsert_entity({"PartitionKey": "p", "RowKey": row})


async def test_a_table_that_is_missing_is_created_once_however_many_ask(
    shaky: Tables, storage: StorageProxy
) -> None:
    name = new_name()
    await asyncio.gather(*(write(shaky, name, str(row)) for row in range(5)))
    assert storage.count(Calls(method="POST", path="Tables")) == 1


async def test_a_table_that_could_not_be_opened_is_opened_by_the_next_who_asks(
    shaky: Tables, storage: StorageProxy
) -> None:
    name = new_name()
    storage.set_fault(Fault(reply=Reply.CONDITION_NOT_MET))
    with pytest.raises(HttpResponseError):
        await write(shaky, name)
    await write(shaky, name)


# The SDK reads the XML in which Azurite refuses a key in a way that Python no longer likes.
async def test_who_may_only_read_reads_a_table_that_is_there(shaky: Tables, storage: StorageProxy) -> None:
    async with shaky.table("readable") as table:
        await table.upsert_entity({"PartitionKey": "p", "RowKey": "r"})
    storage.set_fault(Fault(calls=Calls(method="POST"), times=1_000, reply=Reply.REFUSED))
    reader = Storage(connection_string=storage.endpoints.connection_string)

    async with Tables(reader) as tables:
        async with tables.table("readable") as table:
            assert [row["RowKey"] async for row in table.list_entities()] == ["r"]
        with pytest.raises(AccessDeniedError):
            async with tables.table("readable") as table:
                await table.create_entity({"PartitionKey": "p", "RowKey": "s"})


@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
async def test_a_refused_key_is_a_refusal(azurite: StorageEndpoints) -> None:
    refused = azurite.connection_string.replace(KEY, "c2VjcmV0")
    async with Tables(Storage(connection_string=refused)) as tables:
        with pytest.raises(AccessDeniedError, match="storage refuses this identity"):
            await write(tables, new_name())


async def test_a_storage_that_is_not_there_is_unavailable(shaky: Tables, storage: StorageProxy) -> None:
    storage.set_fault(Fault(times=1_000, reply=Reply.DROPPED))
    with pytest.raises(UnavailableError, match="storage did not answer"):
        async with asyncio.timeout(60):
            await write(shaky, new_name())


@pytest.mark.parametrize("reply", [Reply.SERVER_BUSY, Reply.TIMED_OUT, Reply.DROPPED, Reply.BAD_GATEWAY])
async def test_a_storage_that_stumbles_is_asked_again(
    shaky: Tables, storage: StorageProxy, reply: Reply
) -> None:
    async with shaky.table(new_name()) as table:
        storage.set_fault(Fault(reply=reply))
        await table.upsert_entity({"PartitionKey": "p", "RowKey": "r"})
        assert (await table.get_entity("p", "r"))["RowKey"] == "r"


@pytest.mark.parametrize("reply", [Reply.BAD_GATEWAY, Reply.DROPPED])
async def test_a_write_that_azure_core_would_not_repeat_is_repeated(
    shaky: Tables, storage: StorageProxy, reply: Reply
) -> None:
    name = new_name()
    await write(shaky, name)
    storage.set_fault(Fault(calls=Calls(method="POST"), times=2, reply=reply))
    await shaky.submit(name, [("upsert", {"PartitionKey": "p", "RowKey": "s"})])
    async with shaky.table(name) as table:
        assert (await table.get_entity("p", "s"))["RowKey"] == "s"


async def test_an_answer_that_is_cut_off_is_no_answer(shaky: Tables, storage: StorageProxy) -> None:
    name = new_name()
    cut = Fault(calls=Calls(method="POST"), moment=Moment.AFTER, reply=Reply.TRUNCATED)
    storage.set_fault(cut)
    await write(shaky, name)
    storage.set_fault(cut)
    await shaky.submit(name, [("upsert", {"PartitionKey": "p", "RowKey": "s"})])
    storage.set_fault(cut)
    async with shaky.table(name) as table:
        with pytest.raises(ResourceExistsError):  # so the first attempt took effect, and was repeated
            await table.create_entity({"PartitionKey": "p", "RowKey": "t"})


async def test_what_is_not_there_is_no_error_of_storage(tables: Tables) -> None:
    with pytest.raises(ResourceNotFoundError):
        async with tables.table(new_name()) as table:
            await table.get_entity("p", "r")


def test_what_is_none_is_left_out() -> None:
    assert present({"a": None, "b": "", "c": 0, "d": False}) == {"b": "", "c": 0, "d": False}


async def test_a_time_comes_back_as_a_plain_one(tables: Tables) -> None:
    written = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
    async with tables.table(new_name()) as table:
        await table.upsert_entity({"PartitionKey": "p", "RowKey": "r", "At": written, "No": "2026-11-23"})
        entity = dict(await table.get_entity("p", "r"))
    found = moment(entity, "At")
    assert (found, type(found)) == (written, datetime)
    assert moment(entity, "No") is None
    assert moment(entity, "Missing") is None


async def test_a_storage_that_hangs_is_left_in_time_and_asked_again(
    azurite: StorageEndpoints, front: TlsFront
) -> None:
    upstream = urlsplit(azurite.table_url)
    front.upstream = f"{upstream.scheme}://{upstream.netloc}"
    over_tls = replace(azurite, table_url=f"{front.url}{upstream.path}")
    name = new_name()
    async with Tables(Storage(connection_string=over_tls.connection_string), call_seconds=1) as tables:
        await write(tables, name)
        for cut in (Cut.SILENCE, Cut.DRIP, Cut.HALF_A_CHUNK):
            front.strike(name, cut)
            async with asyncio.timeout(20):
                await write(tables, name)
        assert [fault.times for fault in front.faults] == [0, 0, 0]
