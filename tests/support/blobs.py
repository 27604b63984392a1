"""Reads what is in the container `reports`, as somebody with the storage account's key would."""

from __future__ import annotations

from azure.storage.blob.aio import BlobServiceClient

from enforcer.storage.blobs import CONTAINER


async def content_of(connection_string: str, name: str) -> bytes:
    async with BlobServiceClient.from_connection_string(connection_string) as service:
        download = await service.get_blob_client(CONTAINER, name).download_blob()
        content: bytes = await download.readall()
        return content
