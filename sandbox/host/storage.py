"""The queues of the app's storage connections."""

import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

import msgspec
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.queue.aio import QueueClient

from sandbox.host.configuration import Binding, Function, resolved
from sandbox.host.errors import HostError
from sandbox.host.protos import TypedData
from sandbox.host.triggers import octets

# The SDK waits 15 s and more between attempts; the sandbox's storage is on the same machine.
_QUICK_RETRIES: Final[Mapping[str, Any]] = {
    "initial_backoff": 0,
    "increment_base": 1,
    "random_jitter_range": 0,
}


class Queues:
    """Clients for the queues that bindings name, each opened once."""

    def __init__(self, *, base64: bool) -> None:
        self._base64 = base64
        self._clients: dict[tuple[str, str], QueueClient] = {}
        self._exit = AsyncExitStack()

    async def aclose(self) -> None:
        await self._exit.aclose()

    async def client(self, connection: str, queue: str) -> QueueClient:
        """Return a queue of a connection, by the convention of Azure Functions.

        Either the setting `connection` is a connection string, or `connection__queueServiceUri` names the
        service, and `connection__credential` and `connection__clientId` the identity.

        Raises:
            HostError: neither is set.
        """
        key = (connection, queue)
        if key not in self._clients:
            self._clients[key] = await self._exit.enter_async_context(await self._open(connection, queue))
        return self._clients[key]

    async def bound(self, function: Function, binding: Binding, suffix: str = "") -> QueueClient:
        """Return the queue that a function's binding names, or the one with this suffix to its name."""
        return await self.client(
            binding.connection or "", resolved(function, binding.queue_name or "") + suffix
        )

    async def _open(self, connection: str, queue: str) -> QueueClient:
        string = os.environ.get(connection) or os.environ.get(f"AzureWebJobs{connection}")
        if string:
            return QueueClient.from_connection_string(string, queue, **_QUICK_RETRIES)
        uri = os.environ.get(f"{connection}__queueServiceUri")
        if not uri:
            raise HostError(f"queue {queue!r}: neither {connection} nor {connection}__queueServiceUri is set")
        credential = await self._exit.enter_async_context(_credential(connection))
        return QueueClient(uri, queue, credential=credential, **_QUICK_RETRIES)

    def decode(self, content: str) -> str:
        """Return the text of a message in the queue.

        Raises:
            ValueError: it is not base64, although `host.json` says so.
        """
        if not self._base64:
            return content
        return b64decode("".join(content.split()), validate=True).decode(errors="replace")

    def encode(self, body: bytes) -> str:
        return b64encode(body).decode() if self._base64 else body.decode()

    async def send_outputs(self, function: Function, outputs: Mapping[str, TypedData]) -> None:
        """Send what a function wrote to its queue output bindings."""
        for binding in function.outputs:
            if binding.name in outputs:
                client = await self.bound(function, binding)
                for body in message_bodies(outputs[binding.name]):
                    await put_message(client, self.encode(body))


def _credential(connection: str) -> AsyncTokenCredential:
    if os.environ.get(f"{connection}__credential") == "managedidentity":
        return ManagedIdentityCredential(client_id=os.environ.get(f"{connection}__clientId"))
    return DefaultAzureCredential()


def message_bodies(value: TypedData) -> list[bytes]:
    """Return one message for a string, one per item of a list; an item with a body is a `QueueMessage`."""
    if value.json is None:
        return [octets(value)]
    content = msgspec.json.decode(value.json)
    return [_body(item) for item in (content if isinstance(content, list) else [content])]


def _body(item: object) -> bytes:
    if isinstance(item, dict) and "body" in item:
        item = item["body"]
    return item.encode() if isinstance(item, str) else msgspec.json.encode(item)


async def put_message(client: QueueClient, content: str) -> None:
    """Send a message; create the queue if it does not exist."""
    try:
        await client.send_message(content)
    except ResourceNotFoundError:
        with suppress(ResourceExistsError):  # somebody else may have been faster
            await client.create_queue()
        await client.send_message(content)
