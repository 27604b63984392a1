"""Table `outbox`: messages wait here until they are sent, and stay as the memory of what was said."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from enforcer.core.messages import Channel, Level, Message, MessageState
from enforcer.storage.tables.tables import LONG_AGO, Entity, Tables, choice, moment, number, present, text

TABLE = "outbox"
# A string property holds 64 KiB of UTF-16, in which a character takes two bytes or four.
_PIECE = 16_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that only we may send now."""

    message: Message
    etag: str


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

    async def said(self) -> set[str]:
        """Return the keys of all notices that were queued or given, as far back as they are kept."""
        return {key async for message in self.all(Channel.MAIL) for key in message.says}

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
        "Subject": message.subject,
        "QueuedAt": message.queued_at,
        "GiveUpAt": message.give_up_at,
        "KeepUntil": message.keep_until,
        "Level": message.level.value,
        "State": message.state.value,
        "Attempts": message.attempts,
        "NextAttemptAt": message.next_attempt_at,
        "SentAt": message.sent_at,
        "LastError": message.last_error or None,
        **_pieces("Body", message.body),
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
        subject=text(entity, "Subject"),
        body=_joined(entity, "Body"),
        queued_at=moment(entity, "QueuedAt") or LONG_AGO,
        give_up_at=moment(entity, "GiveUpAt") or LONG_AGO,
        keep_until=moment(entity, "KeepUntil") or LONG_AGO,
        level=choice(entity, "Level", Level) or Level.WARNING,
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
