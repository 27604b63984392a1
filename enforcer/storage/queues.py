"""The two queues: `sweeps` (one message per managed group) and `offboardings` (one per person).

Messages are plain JSON (host.json: messageEncoding is none), as most tools write them; base64 is accepted,
too.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Annotated, Self

import msgspec
from msgspec import Meta

from enforcer.core.exceptions import InputError, SettingsError
from enforcer.core.plain_text import CONTROL
from enforcer.core.run_ids import PATTERN
from enforcer.core.runs import LONGEST_REASON
from enforcer.core.settings import Storage
from enforcer.storage.connection import Connection, call_options, made_by_settings, storage_errors

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.queue.aio import QueueServiceClient

SWEEPS = "sweeps"
OFFBOARDINGS = "offboardings"
# Azure Functions moves messages that failed too often to a queue with this suffix.
POISON = "-poison"
# A sweep that acted is verified once the directory's replicas have had time to converge.
VERIFY_AFTER_SECONDS = 15 * 60

# As strict as the API: all of it ends up in tables, some in the ledger and in messages.
type _Line = Annotated[str, Meta(max_length=LONGEST_REASON, pattern=rf"^[^{CONTROL}]*$(?!\n)")]
type _RunId = Annotated[str, Meta(pattern=rf"{PATTERN}(?!\n)")]
type _RunIdOrNone = Annotated[str, Meta(pattern=rf"^({PATTERN.strip('^$')})?$(?!\n)")]


class SweepMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A request to sweep one managed group.

    The record of the run that it names says who asked, why, and in which mode. What people put by hand names
    none; `mode` is theirs. `after` names the night that left it, for the next one, should its timer not come.
    """

    group_id: _Line
    reason: _Line
    run_id: _RunIdOrNone = ""
    mode: str = ""
    after: _RunIdOrNone = ""


class OffboardMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A request to offboard one person from all managed groups.

    Who asked, and why, the record of the run says. A message without one offboards nobody.
    """

    user: _Line
    run_id: _RunId
    reason: _Line = ""
    attempt: int = 0


class Queues:
    """Puts messages on the queues; connects on first use. Use as a context manager."""

    def __init__(self, storage: Storage) -> None:
        self._connection = Connection(storage, _connect)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def ask_for_sweep(self, message: SweepMessage, *, after_seconds: int = 0) -> None:
        """Put a message on `sweeps`, visible after `after_seconds`.

        Raises:
            AccessDeniedError, UnavailableError: Storage refuses, or does not answer.
        """
        await self._put(SWEEPS, message, after_seconds)

    async def ask_for_offboarding(self, message: OffboardMessage, *, after_seconds: int = 0) -> None:
        """Put a message on `offboardings`. Raises: as above."""
        await self._put(OFFBOARDINGS, message, after_seconds)

    async def waiting(self, name: str) -> int:
        """Return the approximate number of messages in a queue; 0 if it does not exist yet.

        Raises:
            AccessDeniedError, UnavailableError: Storage refuses, or does not answer, after one retry.
        """
        from azure.core.exceptions import ResourceNotFoundError

        with storage_errors():
            queue = self._connection.client.get_queue_client(name)
            try:
                return (await queue.get_queue_properties(retry_total=1)).approximate_message_count or 0
            except ResourceNotFoundError:
                return 0

    async def _put(self, name: str, message: SweepMessage | OffboardMessage, after_seconds: int) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        # ASCII, because the message is sent in XML, which cannot hold every character.
        text = json.dumps(msgspec.to_builtins(message))
        with storage_errors():
            queue = self._connection.client.get_queue_client(name)
            try:
                await queue.send_message(text, visibility_timeout=after_seconds, time_to_live=-1)
            except ResourceNotFoundError:
                await self._create(name)
                await queue.send_message(text, visibility_timeout=after_seconds, time_to_live=-1)

    async def _create(self, name: str) -> None:
        from azure.core.exceptions import ResourceExistsError

        try:
            await self._connection.client.create_queue(name)
        except ResourceExistsError:
            return


def _connect(storage: Storage, credential: AsyncTokenCredential | None) -> QueueServiceClient:
    from azure.storage.queue.aio import QueueServiceClient

    options = call_options("queues", retries=4)
    with made_by_settings("queues"):
        if storage.connection_string:
            return QueueServiceClient.from_connection_string(storage.connection_string, **options)
        if not storage.queue_url:
            # Only now: most commands need nothing but the tables.
            raise SettingsError(("EnforcerStorage__queueServiceUri is not set; it must be the queues' URL",))
        return QueueServiceClient(storage.queue_url, credential=credential, **options)


def read_sweep_message(body: bytes) -> SweepMessage:
    """Decode a message of queue `sweeps`.

    Raises:
        InputError: It is not such a message.
    """
    message = _read(body, SweepMessage)
    return msgspec.structs.replace(message, group_id=message.group_id.lower())


def read_offboard_message(body: bytes) -> OffboardMessage:
    """Decode a message of queue `offboardings`. Raises: as above."""
    return _read(body, OffboardMessage)


def _read[T](body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(_without_base64(body), type=kind)
    # Invalid UTF-8 is a ValueError, too, and so is whatever msgspec refuses.
    except (ValueError, RecursionError) as error:
        raise InputError(f"the queue message is not a {kind.__name__}: {error}") from error


def _without_base64(body: bytes) -> bytes:
    """Return a message's JSON; no JSON object is valid base64, which has no braces."""
    try:
        return base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        return body
