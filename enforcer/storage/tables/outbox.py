"""Table `outbox`: messages wait here until they are sent, and stay as the memory of what was said.

Rows of earlier versions also have `Subject` and `Body`, which nobody reads any more.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from enforcer.core.messages import Channel, Message, MessageState
from enforcer.storage.tables.tables import LONG_AGO, Entity, Tables, choice, moment, number, present, text

TABLE = "outbox"
# A string property holds 64 KiB of UTF-16; keys of notices are ASCII.
_PIECE = 16_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that only we may send now."""

    message: Message
    etag: str


@dataclass(frozen=True, slots=True)
class Mails:
    """The mails to sponsors, whatever their state."""

    all: tuple[Message, ...]

    @property
    def queued(self) -> set[str]:
        """The keys of all notices that were queued or given."""
        return {key for mail in self.all for key in mail.says}

    @property
    def said(self) -> set[str]:
        """The keys of all notices that were given."""
        return {key for mail in self.all if mail.state is MessageState.SENT for key in mail.says}

    def sent_since(self, moment: datetime) -> int:
        return sum(mail.sent_at is not None and mail.sent_at > moment for mail in self.all)


class Outbox:
    """Keeps messages."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def put(self, message: Message) -> bool:
        """Queue a message; False where one of that ID is, or was, there."""
        from azure.core.exceptions import ResourceExistsError

        async with self._tables.table(TABLE) as table:
            try:
                await table.create_entity(_entity(message))
            except ResourceExistsError:
                return False
        return True

    async def all(self, channel: Channel) -> AsyncIterator[Message]:
        """Return every message of a channel, whatever its state."""
        async with self._tables.table(TABLE) as table:
            found = table.query_entities("PartitionKey eq @channel", parameters={"channel": channel.value})
            async for entity in found:
                yield _message(entity)

    async def waiting(self) -> list[Message]:
        """Return what is not sent yet, the oldest first."""
        async with self._tables.table(TABLE) as table:
            query, wanted = "State eq @state", {"state": MessageState.WAITING.value}
            found = [_message(entity) async for entity in table.query_entities(query, parameters=wanted)]
        return sorted(found, key=lambda message: (message.queued_at, message.id))

    async def mails(self) -> Mails:
        """Return what was said to sponsors, and what is to be, as far back as it is kept."""
        return Mails(tuple([message async for message in self.all(Channel.MAIL)]))

    async def claim(self, message: Message, now: datetime) -> Claimed | None:
        """Begin an attempt; None where somebody else has, or the message is gone."""
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        async with self._tables.table(TABLE) as table:
            try:
                entity = await table.get_entity(message.channel.value, message.id)
                current = _message(entity)
                if not current.is_due(now):
                    return None
                begun = current.begun(now)
                written = await table.update_entity(
                    _entity(begun),
                    mode="replace",
                    etag=entity.metadata["etag"],
                    match_condition=MatchConditions.IfNotModified,
                )
            except ResourceNotFoundError:
                return None
            except HttpResponseError as error:
                if error.status_code == 412:  # noqa: PLR2004
                    return None
                raise
        return Claimed(begun, str(written["etag"]))

    async def settle(self, claimed: Claimed, message: Message) -> None:
        """Write what came of an attempt."""
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError

        async with self._tables.table(TABLE) as table:
            try:
                await table.update_entity(
                    _entity(message),
                    mode="replace",
                    etag=claimed.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
            except HttpResponseError as error:
                # 412: our own write, repeated after its answer was lost. 404: it was cleared away meanwhile.
                if error.status_code not in {404, 412}:
                    raise

    async def forget_old(self, now: datetime) -> None:
        """Delete what need not be remembered any more."""
        async with self._tables.table(TABLE) as table:
            query, wanted = "KeepUntil lt @now and State ne 'waiting'", {"now": now}
            old = [entity async for entity in table.query_entities(query, parameters=wanted)]
            for entity in old:
                await table.delete_entity(entity["PartitionKey"], entity["RowKey"])


def _entity(message: Message) -> Entity:
    entity: Entity = {
        "PartitionKey": message.channel.value,
        "RowKey": message.id,
        "Recipient": message.recipient,
        "QueuedAt": message.queued_at,
        "GiveUpAt": message.give_up_at,
        "KeepUntil": message.keep_until,
        "State": message.state.value,
        "Attempts": message.attempts,
        "NextAttemptAt": message.next_attempt_at,
        "SentAt": message.sent_at,
        "LastError": message.last_error or None,
        **_pieces("Says", " ".join(message.says)),
    }
    return present(entity)


def _message(entity: Entity) -> Message:
    """Read a message. One that others have spoiled is given up at once: nobody can say what it was."""
    channel, state = choice(entity, "PartitionKey", Channel), choice(entity, "State", MessageState)
    return Message(
        channel=channel or Channel.OPERATORS,
        id=entity["RowKey"],
        recipient=text(entity, "Recipient"),
        queued_at=moment(entity, "QueuedAt") or LONG_AGO,
        give_up_at=moment(entity, "GiveUpAt") or LONG_AGO,
        keep_until=moment(entity, "KeepUntil") or LONG_AGO,
        says=tuple(_joined(entity, "Says").split()),
        state=state or MessageState.GIVEN_UP,
        attempts=number(entity, "Attempts"),
        next_attempt_at=moment(entity, "NextAttemptAt"),
        sent_at=moment(entity, "SentAt"),
        last_error=text(entity, "LastError"),
    )


def _pieces(name: str, text: str) -> Entity:
    return {f"{name}{start // _PIECE}": text[start : start + _PIECE] for start in range(0, len(text), _PIECE)}


def _joined(entity: Entity, name: str) -> str:
    pieces = itertools.takewhile(lambda number: f"{name}{number}" in entity, itertools.count())
    return "".join(str(entity[f"{name}{number}"]) for number in pieces)
