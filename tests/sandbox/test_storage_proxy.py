import time
from collections.abc import Iterator
from datetime import timedelta

import anyio
import pytest
from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.data.tables import TableClient
from azure.data.tables.aio import TableClient as AsyncTableClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from sandbox.azurite import StorageEndpoints
from sandbox.storage_proxy import (
    Calls,
    Fault,
    Moment,
    Reply,
    Service,
    StorageProxy,
    running_storage_proxy,
    running_storage_proxy_async,
)
from tests.conftest import NewAccount

ROW = {"PartitionKey": "group", "RowKey": "ann o'neill@contoso.com", "EndDate": "2026-12-31"}
WRITES = Calls(service=Service.TABLE, method="POST", path=r"^/proxied\b")


@pytest.fixture(scope="module")
def azurite(new_account: NewAccount) -> StorageEndpoints:
    return new_account()


@pytest.fixture(scope="module")
def shared(azurite: StorageEndpoints) -> Iterator[StorageProxy]:
    with running_storage_proxy(azurite) as proxy:
        yield proxy


@pytest.fixture
def proxy(shared: StorageProxy, table: TableClient) -> StorageProxy:
    shared.clear()
    return shared


@pytest.fixture
def table(shared: StorageProxy) -> Iterator[TableClient]:
    """An empty table, reached through the proxy, without retries."""
    connection = shared.endpoints.connection_string
    with TableClient.from_connection_string(connection, "proxied", retry_total=0) as client:
        try:
            client.create_table()
        except ResourceExistsError:
            for row in client.list_entities():
                client.delete_entity(row)
        yield client


def keys(table: TableClient) -> list[str]:
    return [row["RowKey"] for row in table.list_entities()]


def test_tables_work_through_the_proxy(proxy: StorageProxy, table: TableClient) -> None:
    table.create_entity(ROW)
    read = table.get_entity(ROW["PartitionKey"], ROW["RowKey"])
    read["Note"] = "changed"
    table.update_entity(read, etag=read.metadata["etag"], match_condition=MatchConditions.IfNotModified)
    filtered = table.query_entities("RowKey eq @key", parameters={"key": ROW["RowKey"]})
    assert [row["Note"] for row in filtered] == ["changed"]
    table.submit_transaction([("upsert", {**ROW, "RowKey": str(number)}) for number in range(3)])
    assert keys(table) == ["0", "1", "2", ROW["RowKey"]]
    with pytest.raises(ResourceModifiedError):
        table.update_entity(read, etag=read.metadata["etag"], match_condition=MatchConditions.IfNotModified)
    assert proxy.count(Calls(path=r"\$batch")) == 1


def test_pages_of_a_table_are_followed(proxy: StorageProxy, table: TableClient) -> None:
    table.submit_transaction([("upsert", {**ROW, "RowKey": str(number)}) for number in range(5)])
    proxy.clear()
    assert len(list(table.list_entities(results_per_page=2))) == 5
    assert proxy.count(Calls(service=Service.TABLE, method="GET")) == 3


def test_queues_and_blobs_work_through_the_proxy(proxy: StorageProxy) -> None:
    connection = proxy.endpoints.connection_string
    with QueueClient.from_connection_string(connection, "proxied") as queue:
        queue.create_queue()
        queue.send_message("hello & <goodbye>")
        message = next(iter(queue.receive_messages()))
        assert message.content == "hello & <goodbye>"
        queue.delete_message(message)
    with BlobServiceClient.from_connection_string(connection) as blobs:
        blob = blobs.create_container("proxied").get_blob_client("a b/plan.json")
        blob.upload_blob(b"x" * 2_000_000)
        assert blob.get_blob_properties().size == 2_000_000
        assert blob.download_blob().readall() == b"x" * 2_000_000
    assert {call.service for call in proxy.calls} == {Service.QUEUE, Service.BLOB}


@pytest.mark.parametrize(
    ("moment", "rows"), [(Moment.BEFORE, []), (Moment.AFTER, [ROW["RowKey"]])], ids=["before", "after"]
)
@pytest.mark.parametrize("reply", [reply for reply in Reply if reply is not Reply.TRUNCATED])
def test_a_call_fails_before_or_after_its_effect(
    proxy: StorageProxy, table: TableClient, reply: Reply, moment: Moment, rows: list[str]
) -> None:
    proxy.set_fault(Fault(calls=WRITES, reply=reply, moment=moment))
    with pytest.raises((HttpResponseError, ServiceResponseError)) as raised:
        table.create_entity(ROW)
    assert getattr(raised.value, "status_code", 0) == reply.value[0]
    assert keys(table) == rows


def test_error_codes_are_those_of_the_service(proxy: StorageProxy, table: TableClient) -> None:
    proxy.set_fault(Fault(reply=Reply.SERVER_BUSY))
    with pytest.raises(HttpResponseError) as busy:
        table.upsert_entity(ROW)
    assert getattr(busy.value, "error_code", None) == "ServerBusy"
    proxy.set_fault(Fault(reply=Reply.CONDITION_NOT_MET))
    with pytest.raises(ResourceModifiedError):
        table.upsert_entity(ROW)
    with QueueClient.from_connection_string(
        proxy.endpoints.connection_string, "busy", retry_total=0
    ) as queue:
        proxy.set_fault(Fault(calls=Calls(service=Service.QUEUE), reply=Reply.SERVER_BUSY))
        with pytest.raises(HttpResponseError) as raised:
            queue.create_queue()
        assert getattr(raised.value, "error_code", None) == "ServerBusy"


def test_only_the_nth_calls_fail(proxy: StorageProxy, table: TableClient) -> None:
    proxy.set_fault(Fault(calls=WRITES, nth=2, times=2, reply=Reply.SERVER_BUSY))
    outcomes = []
    for number in range(5):
        try:
            table.create_entity({**ROW, "RowKey": str(number)})
        except HttpResponseError:
            outcomes.append("busy")
        else:
            outcomes.append("done")
    assert outcomes == ["done", "busy", "busy", "done", "done"]
    assert proxy.count(WRITES) == 5


def test_cleared_faults_are_gone(proxy: StorageProxy, table: TableClient) -> None:
    proxy.set_fault(Fault(reply=Reply.SERVER_BUSY, times=100))
    proxy.clear()
    table.create_entity(ROW)
    assert proxy.count() == 1


def test_a_call_can_be_late(proxy: StorageProxy, table: TableClient) -> None:
    proxy.set_fault(Fault(delay=timedelta(seconds=0.3)))
    begin = time.monotonic()
    table.create_entity(ROW)
    assert time.monotonic() - begin >= 0.3


def test_something_can_happen_at_a_call(proxy: StorageProxy, table: TableClient) -> None:
    seen: list[int] = []
    proxy.set_fault(Fault(calls=WRITES, moment=Moment.AFTER, act=lambda: seen.append(proxy.count())))
    table.create_entity(ROW)
    assert seen == [1]


def test_errors_of_the_storage_pass_unchanged(proxy: StorageProxy, table: TableClient) -> None:
    with pytest.raises(ResourceNotFoundError) as missing:
        table.get_entity("nobody", "nowhere")
    assert getattr(missing.value, "error_code", None) == "ResourceNotFound"
    assert proxy.count() == 1


def test_it_runs_in_an_event_loop_too(azurite: StorageEndpoints, table: TableClient) -> None:
    async def count_calls() -> int:
        async with (
            running_storage_proxy_async(azurite) as proxy,
            AsyncTableClient.from_connection_string(
                proxy.endpoints.connection_string, table.table_name
            ) as client,
        ):
            await client.upsert_entity(ROW)
            return proxy.count()

    assert anyio.run(count_calls) == 1
    assert keys(table) == [ROW["RowKey"]]
