"""Reports in blobs: written once, never changed, and listed with what they note."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from enforcer.core.exceptions import InputError
from enforcer.core.settings import Storage
from enforcer.storage.blobs import Blob, Reports, open_reports
from sandbox.azurite import StorageEndpoints, running_azurite
from tests.support.blobs import content_of

pytestmark = pytest.mark.anyio


@pytest.fixture
async def reports(azurite: StorageEndpoints) -> AsyncIterator[Reports]:
    async with open_reports(Storage(connection_string=azurite.connection_string)) as opened:
        yield opened


@pytest.fixture
def blob() -> Blob:
    """A blob in a folder of its own."""
    return Blob(name=f"{uuid4()}/run.txt", content=b"first", content_type="text/plain", notes={"head": "7"})


async def test_a_report_that_is_there_is_never_changed(
    azurite: StorageEndpoints, reports: Reports, blob: Blob
) -> None:
    assert await reports.leave(blob)
    assert not await reports.leave(replace(blob, content=b"second"))
    assert await content_of(azurite.connection_string, blob.name) == b"first"


async def test_notes_are_listed_by_folder(reports: Reports, blob: Blob) -> None:
    await reports.leave(blob)
    folder = blob.name.partition("/")[0]
    assert [note async for note in reports.notes(folder)] == [(blob.name, {"head": "7"})]
    # Not of a folder whose name only begins so.
    assert [note async for note in reports.notes(folder[:-1])] == []


async def test_the_container_is_there_from_the_first_report_on() -> None:
    with running_azurite() as endpoints:
        async with open_reports(Storage(connection_string=endpoints.connection_string)) as reports:
            assert not await reports.exist()
            await reports.leave(Blob(name="a", content=b"", content_type="text/plain"))
            assert await reports.exist()


async def test_without_an_address_of_blobs_the_setting_is_named() -> None:
    with pytest.raises(InputError, match="EnforcerStorage__blobServiceUri is not set"):
        async with open_reports(Storage(table_url="https://x.table.core.windows.net")):
            pass
