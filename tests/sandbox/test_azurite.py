import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

import sandbox.azurite
from sandbox.azurite import AzuriteError, StorageEndpoints, running_azurite, running_azurite_async

SANDBOX = Path(sandbox.azurite.__file__).parent


def put_row(connection: str) -> None:
    with TableServiceClient.from_connection_string(connection) as service:
        service.create_table_if_not_exists("contractors").upsert_entity({"PartitionKey": "g", "RowKey": "c"})


def rows(connection: str) -> list[str]:
    with TableServiceClient.from_connection_string(connection) as service:
        return [row["RowKey"] for row in service.get_table_client("contractors").list_entities()]


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code > 0
    except httpx.ConnectError:
        return False


def gone_within(seconds: float, url: str) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not answers(url):
            return True
        time.sleep(0.05)
    return False


def test_all_three_services_work_and_stop_with_the_block() -> None:
    with running_azurite() as storage:
        put_row(storage.connection_string)
        assert rows(storage.connection_string) == ["c"]
        with QueueClient.from_connection_string(storage.connection_string, "sweeps") as queue:
            queue.create_queue()
            queue.send_message("hello")
            assert [message.content for message in queue.receive_messages()] == ["hello"]
        with BlobServiceClient.from_connection_string(storage.connection_string) as blobs:
            blobs.create_container("plans").upload_blob("plan.json", b"{}")
            assert blobs.get_blob_client("plans", "plan.json").download_blob().readall() == b"{}"
        assert {urlsplit(url).hostname for url in urls(storage)} == {"127.0.0.1"}
    assert not any(answers(url) for url in urls(storage))


def urls(storage: StorageEndpoints) -> list[str]:
    return [storage.blob_url, storage.queue_url, storage.table_url]


def test_data_in_a_folder_outlives_azurite(tmp_path: Path) -> None:
    with running_azurite(folder=tmp_path) as storage:
        put_row(storage.connection_string)
    with running_azurite(folder=tmp_path) as storage:
        assert rows(storage.connection_string) == ["c"]


def test_the_event_loop_goes_on_while_azurite_starts() -> None:
    async def start() -> tuple[bool, int]:
        beats = 0

        async def beat() -> None:
            nonlocal beats
            while True:
                beats += 1
                await asyncio.sleep(0.05)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(beat)
            async with running_azurite_async() as storage:
                up = answers(storage.table_url)
            tasks.cancel_scope.cancel()
        return up and not answers(storage.table_url), beats

    worked, beats = asyncio.run(start())
    assert worked
    assert beats > 3


def test_azurite_ends_when_its_starter_is_killed() -> None:
    script = (
        "import time\nfrom sandbox.azurite import running_azurite\n"
        "with running_azurite() as storage:\n    print(storage.table_url, flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=SANDBOX.parent,
    ) as starter:
        assert starter.stdout is not None
        url = starter.stdout.readline().strip()
        assert answers(url)
        os.kill(starter.pid, signal.SIGKILL)
    assert gone_within(5, url)


def test_a_missing_installation_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AzuriteError, match="npm ci"), running_azurite(node_modules=tmp_path):
        pass


def test_a_failed_start_says_why(tmp_path: Path) -> None:
    not_a_folder = tmp_path / "file"
    not_a_folder.touch()
    with pytest.raises(AzuriteError, match=r"did not start: .*file"), running_azurite(folder=not_a_folder):
        pass


def test_the_lock_file_leaves_the_choice_of_registry_to_npm() -> None:
    assert '"resolved"' not in (SANDBOX / "package-lock.json").read_text()
