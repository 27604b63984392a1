"""The two queues: `sweeps` (one message per managed group) and `offboardings` (one per person)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Self

import msgspec

from enforcer.connection import Connection, call_options, made_by_settings, storage_errors
from enforcer.exceptions import InputError, SettingsError
from enforcer.settings import Storage

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.queue.aio import QueueServiceClient

SWEEPS = "sweeps"
OFFBOARDINGS = "offboardings"
# Where Azure Functions puts what failed as often as it may be delivered: a queue's name and this.
POISON = "-poison"
# A sweep that acted is looked at again after the directory's replicas have had time to agree.
VERIFY_AFTER_SECONDS = 15 * 60


class SweepMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Asks for the sweep of one managed group."""

    group_id: str
    reason: str
    actor: str = "queue"
    run_id: str = ""
    mode: str = ""


class OffboardMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Asks to offboard one person from all managed groups."""

    user: str
    reason: str
    actor: str
    run_id: str
    attempt: int = 0


class Queues:
    """Puts messages; connects at the first use. Use as a context manager."""

    def __init__(self, storage: Storage) -> None:
        self._connection = Connection(storage, _connect)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def ask_for_sweep(self, message: SweepMessage, *, after_seconds: int = 0) -> None:
        """Put a message on `sweeps`, to be seen after so many seconds.

        Raises:
            AccessDeniedError, UnavailableError: Storage refuses, or does not answer.
        """
        await self._put(SWEEPS, msgspec.json.encode(message), after_seconds)

    async def ask_for_offboarding(self, message: OffboardMessage, *, after_seconds: int = 0) -> None:
        """Put a message on `offboardings`. Raises: as above."""
        await self._put(OFFBOARDINGS, msgspec.json.encode(message), after_seconds)

    async def waiting(self, name: str) -> int:
        """Count the messages of a queue, about; one that nobody has made yet has none.

        Raises:
            AccessDeniedError, UnavailableError: Storage refuses, or does not answer at the second attempt.
        """
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415

        with storage_errors():
            queue = self._connection.client.get_queue_client(name)
            try:
                return (await queue.get_queue_properties(retry_total=1)).approximate_message_count or 0
            except ResourceNotFoundError:
                return 0

    async def _put(self, name: str, body: bytes, after_seconds: int) -> None:
        from azure.core.exceptions import ResourceNotFoundError  # noqa: PLC0415

        # Azure Functions' queue trigger expects base64 (host.json: messageEncoding).
        text = base64.b64encode(body).decode()
        with storage_errors():
            queue = self._connection.client.get_queue_client(name)
            try:
                await queue.send_message(text, visibility_timeout=after_seconds, time_to_live=-1)
            except ResourceNotFoundError:
                await self._create(name)
                await queue.send_message(text, visibility_timeout=after_seconds, time_to_live=-1)

    async def _create(self, name: str) -> None:
        from azure.core.exceptions import ResourceExistsError  # noqa: PLC0415

        try:
            await self._connection.client.create_queue(name)
        except ResourceExistsError:
            return


def _connect(storage: Storage, credential: AsyncTokenCredential | None) -> QueueServiceClient:
    from azure.storage.queue.aio import QueueServiceClient  # noqa: PLC0415 -- heavy

    options = call_options("queues", retries=4)
    with made_by_settings("queues"):
        if storage.connection_string:
            return QueueServiceClient.from_connection_string(storage.connection_string, **options)
        if not storage.queue_url:
            # The tables alone will do for much of the command line, so that this is no mistake until now.
            raise SettingsError(("EnforcerStorage__queueServiceUri is not set; it must be the queues' URL",))
        return QueueServiceClient(storage.queue_url, credential=credential, **options)


def read_sweep_message(body: bytes) -> SweepMessage:
    """Read a message of `sweeps`.

    Raises:
        InputError: It is none.
    """
    message = _read(body, SweepMessage)
    return msgspec.structs.replace(message, group_id=message.group_id.lower())


def read_offboard_message(body: bytes) -> OffboardMessage:
    """Read a message of `offboardings`. Raises: as above."""
    return _read(body, OffboardMessage)


def _read[T](body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise InputError(f"the queue message is no {kind.__name__}: {error}") from error
