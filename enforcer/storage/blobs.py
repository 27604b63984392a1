"""Blob container `reports`: the reports of nightly runs, written once and never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enforcer.core.exceptions import InputError
from enforcer.core.settings import Storage
from enforcer.storage.connection import Connection, call_options, made_by_settings, storage_errors

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.blob.aio import BlobServiceClient, ContainerClient

CONTAINER = "reports"
# Metadata of a run's report: the ledger's head after the run.
NOTE_SEQUENCE, NOTE_HASH = "ledger_sequence", "ledger_hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file in the container. `notes` is its metadata, listed without reading the blob."""

    name: str
    content: bytes
    content_type: str
    notes: Mapping[str, str] = field(default_factory=dict)


class Reports:
    """The container, open."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    async def leave(self, blob: Blob) -> bool:
        """Store a blob; return False, changing nothing, if one of that name exists.

        Raises:
            AccessDeniedError, UnavailableError: Storage refuses, or does not answer.
        """
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        with storage_errors():
            try:
                return await self._upload(blob)
            except ResourceNotFoundError:
                with suppress(ResourceExistsError):  # another process may have just created it
                    await self._container.create_container()
                return await self._upload(blob)

    async def notes(self, folder: str) -> AsyncIterator[tuple[str, Mapping[str, str]]]:
        """Yield the name and notes of every blob in a folder. Raises: as above."""
        from azure.core.exceptions import ResourceNotFoundError

        with storage_errors():
            found = self._container.list_blobs(name_starts_with=f"{folder}/", include=["metadata"])
            try:
                async for blob in found:
                    yield blob.name, blob.metadata or {}
            except ResourceNotFoundError:
                return  # without a report there is no container yet

    async def exist(self) -> bool:
        """Whether the container exists. Raises: as above, after one retry."""
        with storage_errors():
            return await self._container.exists(retry_total=1)

    async def _upload(self, blob: Blob) -> bool:
        from azure.core.exceptions import ResourceExistsError
        from azure.storage.blob import ContentSettings

        try:
            await self._container.upload_blob(
                blob.name,
                blob.content,
                overwrite=False,
                metadata=dict(blob.notes),
                content_settings=ContentSettings(content_type=blob.content_type),
            )
        except ResourceExistsError:
            return False
        return True


@asynccontextmanager
async def open_reports(storage: Storage) -> AsyncIterator[Reports]:
    """Open the container without connecting yet. No Azure package is imported before this is called.

    Raises:
        InputError: No setting names the blob service.
    """
    if not storage.connection_string and not storage.blob_url:
        raise InputError("reports cannot be stored: EnforcerStorage__blobServiceUri is not set")
    async with Connection(storage, _connect) as connection:
        yield Reports(connection.client.get_container_client(CONTAINER))


def _connect(storage: Storage, credential: AsyncTokenCredential | None) -> BlobServiceClient:
    from azure.storage.blob.aio import BlobServiceClient

    options = call_options("blobs", retries=3)
    with made_by_settings("blobs"):
        if storage.connection_string:
            return BlobServiceClient.from_connection_string(storage.connection_string, **options)
        return BlobServiceClient(storage.blob_url, credential=credential, **options)
