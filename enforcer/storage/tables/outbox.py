"""Table `outbox`: messages wait here until they are sent, and remain as the record of what was said.

Rows of earlier versions also have `Subject` and `Body`, which nobody reads any more.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from enforcer.core.messages import Channel, Message, MessageState
from enforcer.storage.tables.tables import (
    LONG_AGO,
    Entity,
    Tables,
    Version,
    choice,
    moment,
    number,
    present,
    text,
)

TABLE = "outbox"
# A string property holds 64 KiB of UTF-16; keys of notices are ASCII.
_PIECE = 16_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that nobody else may send now."""

    message: Message
    version: Version


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
    """Stores messages."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def put(self, message: Message) -> bool:
        """Queue a message; return False if there is, or was, one with this ID."""
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
        """Return the messages that are not yet sent, oldest first."""
        async with self._tables.table(TABLE) as table:
            query, wanted = "State eq @state", {"state": MessageState.WAITING.value}
            found = [_message(entity) async for entity in table.query_entities(query, parameters=wanted)]
        return sorted(found, key=lambda message: (message.queued_at, message.id))

    async def mails(self) -> Mails:
        """Return what was said to sponsors, and what is to be, as far back as it is kept."""
        return Mails(tuple([message async for message in self.all(Channel.MAIL)]))

    async def claim(self, message: Message, now: datetime) -> Claimed | None:
        """Begin an attempt; return None if somebody else has begun one, or the message is gone."""
        found = await self._tables.find(TABLE, message.channel.value, message.id)
        if found is None or not (current := _message(found[0])).is_due(now):
            return None
        begun = current.begun(now)
        version = await self._tables.write_unchanged(TABLE, _entity(begun), found[1])
        return None if version is None else Claimed(begun, version)

    async def settle(self, claimed: Claimed, message: Message) -> None:
        """Record the result of an attempt."""
        # None means that this call was made twice (see `Tables.write_unchanged`), or the message was deleted.
        await self._tables.write_unchanged(TABLE, _entity(message), claimed.version)

    async def forget_old(self, now: datetime) -> None:
        """Delete messages that need not be remembered any longer."""
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
    """Read a message. One that others have damaged counts as given up: nobody can tell what it said."""
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
