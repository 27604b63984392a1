"""Table `enforcements`: the offboarding record of each contractor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from enforcer.core.offboarding_record import OffboardingRecord, Proof, Sessions, State, UnreadableRecord
from enforcer.core.user_kind import UserKind
from enforcer.storage.tables.partitions import read_partition
from enforcer.storage.tables.tables import (
    TRANSACTION_SIZE,
    Entity,
    Tables,
    choice,
    moment,
    number,
    present,
    text,
)
from enforcer.storage.tables.write_coalescer import WriteCoalescer

TABLE = "enforcements"
# A row is not written again before its previous write is durable, so several writes may be in progress.
_UNDER_WAY = 3


class Enforcements:
    """Reads and writes offboarding records; concurrent writes share a transaction."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._commits: dict[str, WriteCoalescer[OffboardingRecord]] = {}

    async def of_group(self, group_id: str) -> AsyncIterator[OffboardingRecord]:
        """Yield the readable records of a group, in the order of their keys."""
        async with self._tables.table(TABLE) as table:
            found = table.query_entities("PartitionKey eq @group", parameters={"group": group_id})
            async for entity in found:
                if isinstance(record := _record(entity), OffboardingRecord):
                    yield record

    async def all_of_group(self, group_id: str) -> list[OffboardingRecord | UnreadableRecord]:
        """Return all records of a group, in any order."""
        found: list[OffboardingRecord | UnreadableRecord] = []

        async def take(entities: list[Entity]) -> None:
            found.extend(_record(entity) for entity in entities)

        await read_partition(self._tables, TABLE, group_id, take)
        return found

    async def get(self, group_id: str, row_key: str) -> OffboardingRecord | None:
        """Return the record with this key; None if there is none, or it cannot be read."""
        found = await self._tables.find(TABLE, group_id, row_key)
        record = _record(found[0]) if found else None
        return record if isinstance(record, OffboardingRecord) else None

    async def save(self, group_id: str, records: Sequence[OffboardingRecord]) -> None:
        """Write records; on return they are durable."""
        if group_id not in self._commits:
            self._commits[group_id] = WriteCoalescer(
                lambda items: self._write(group_id, items), most=TRANSACTION_SIZE, under_way=_UNDER_WAY
            )
        await self._commits[group_id].add(list(records))

    async def forget(self, group_id: str, row_key: str) -> None:
        """Delete a record whose end of access no longer applies."""
        async with self._tables.table(TABLE) as table:
            await table.delete_entity(group_id, row_key)

    async def _write(self, group_id: str, items: list[OffboardingRecord]) -> None:
        # A transaction may contain each row only once: the newest record of a person wins.
        newest = {item.row_key: item for item in items}
        operations = [("upsert", _entity(group_id, item), {"mode": "replace"}) for item in newest.values()]
        await self._tables.submit(TABLE, operations)


def _entity(group_id: str, item: OffboardingRecord) -> Entity:
    entity: Entity = {
        "PartitionKey": group_id,
        "RowKey": item.row_key,
        "UserId": item.user_id,
        "State": item.state.value,
        "EndDate": item.end_date,
        "DueAt": item.due_at,
        "UserKind": item.user_kind.value,
        "WasDisabled": item.was_disabled,
        "KeepsAccount": item.keeps_account or None,
        "RemovedAt": item.removed_at,
        "RevokedAt": item.revoked_at,
        "DisabledAt": item.disabled_at,
        "LeaversAt": item.leavers_at,
        "VerifiedAt": item.verified_at,
        "Sessions": item.sessions.value if item.sessions else None,
        "Proof": item.proof.value if item.proof else None,
        "ProofPolicy": item.proof_policy or None,
        "Attempts": item.attempts,
        "NextAttemptAt": item.next_attempt_at,
        "LastError": item.last_error or None,
        "RunId": item.run_id,
        "BegunIn": item.begun_in or None,
    }
    return present(entity)


def _record(entity: Entity) -> OffboardingRecord | UnreadableRecord:
    state = choice(entity, "State", State)
    if state is None:
        return UnreadableRecord(row_key=entity["RowKey"])
    return OffboardingRecord(
        row_key=entity["RowKey"],
        user_id=text(entity, "UserId"),
        state=state,
        end_date=text(entity, "EndDate"),
        due_at=moment(entity, "DueAt"),
        user_kind=choice(entity, "UserKind", UserKind) or UserKind.UNKNOWN,
        keeps_account=entity.get("KeepsAccount") is True,
        was_disabled=entity.get("WasDisabled") is True,
        removed_at=moment(entity, "RemovedAt"),
        revoked_at=moment(entity, "RevokedAt"),
        disabled_at=moment(entity, "DisabledAt"),
        leavers_at=moment(entity, "LeaversAt"),
        verified_at=moment(entity, "VerifiedAt"),
        sessions=choice(entity, "Sessions", Sessions),
        proof=choice(entity, "Proof", Proof),
        proof_policy=text(entity, "ProofPolicy"),
        attempts=number(entity, "Attempts"),
        next_attempt_at=moment(entity, "NextAttemptAt"),
        last_error=text(entity, "LastError"),
        run_id=text(entity, "RunId"),
        begun_in=number(entity, "BegunIn"),
    )
