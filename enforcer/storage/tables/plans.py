"""Table `plans`: plans that the brake holds, and who approved them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import batched

from enforcer.core.exceptions import UnavailableError
from enforcer.core.plan import GroupPlan, HeldPlan, Offboard
from enforcer.storage.tables.tables import (
    LONG_AGO,
    TRANSACTION_SIZE,
    Entity,
    Tables,
    Version,
    moment,
    number,
    present,
    text,
)

TABLE = "plans"
_PLAN = "plan"
_TRIES = 10


class Plans:
    """Stores held plans under their digest."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def hold(self, plan: GroupPlan, now: datetime, run_id: str) -> HeldPlan:
        """Store the plan and its people; a plan that is already held keeps its approval."""
        known, version = await self._read(plan.digest)
        if known is not None and not known.used_by:
            # Of several held plans, only the newest waits for an approval.
            again = replace(known, held_at=now)
            return again if await self._write(again, version) else await self.get(plan.digest) or again
        held = HeldPlan(
            digest=plan.digest,
            group_id=plan.group_id,
            people=len(plan.offboard),
            members=plan.members,
            held_at=now,
            run_id=run_id,
        )
        # A person whose record has another key now may be in it twice; a transaction accepts a row once.
        people = {person.user_id: _person(plan.digest, person) for person in plan.offboard}
        for chunk in batched(people.values(), TRANSACTION_SIZE, strict=False):
            await self._tables.submit(TABLE, [("upsert", item) for item in chunk])
        if await self._write(held, version):
            return held
        # Another run held the same plan at the same time, and somebody may have approved it since.
        return await self.get(plan.digest) or held

    async def get(self, digest: str) -> HeldPlan | None:
        return (await self._read(digest))[0]

    async def waiting(self, group_ids: Sequence[str]) -> list[HeldPlan]:
        """Return the newest plan of each group that waits for an approval."""
        async with self._tables.table(TABLE) as table:
            found = table.query_entities("RowKey eq @plan", parameters={"plan": _PLAN})
            plans = [_held(dict(entity)) async for entity in found]
        newest = {plan.group_id: plan for plan in sorted(plans, key=lambda plan: plan.held_at)}
        return [plan for group in group_ids if (plan := newest.get(group)) and plan.approved_at is None]

    async def approve(self, held: HeldPlan, actor: str, now: datetime, *, name: str = "") -> HeldPlan:
        """Release the plan for one run, and return it; somebody else may have approved it first.

        Raises:
            UnavailableError: Other writers kept changing it.
        """
        for _ in range(_TRIES):
            known, version = await self._read(held.digest)
            if known is not None and known.approved_at is not None:
                return known
            approved = replace(known or held, approved_at=now, approved_by=actor, approved_by_name=name)
            if await self._write(approved, version):
                return approved
        raise UnavailableError(f"plan {held.digest}: another writer was faster {_TRIES} times")

    async def use(self, digest: str, run_id: str) -> bool:
        """Use up the plan's approval, which is good for one run; return whether there was one."""
        known, version = await self._read(digest)
        if known is None or not known.is_released:
            return False
        if await self._write(replace(known, used_by=run_id), version):
            return True
        # The faster writer may have been this call (see `Tables.write_unchanged`).
        found = await self.get(digest)
        return found is not None and found.used_by == run_id

    async def _read(self, digest: str) -> tuple[HeldPlan | None, Version | None]:
        found = await self._tables.find(TABLE, digest, _PLAN)
        return (None, None) if found is None else (_held(found[0]), found[1])

    async def _write(self, held: HeldPlan, version: Version | None) -> bool:
        """Write the plan, unless it has changed since it was read; return whether it was written."""
        return await self._tables.write_unchanged(TABLE, _entity(held), version) is not None


def _entity(held: HeldPlan) -> Entity:
    return present(
        {
            "PartitionKey": held.digest,
            "RowKey": _PLAN,
            "GroupId": held.group_id,
            "People": held.people,
            "Members": held.members,
            "HeldAt": held.held_at,
            "RunId": held.run_id,
            "ApprovedAt": held.approved_at,
            "ApprovedBy": held.approved_by or None,
            "ApprovedByName": held.approved_by_name or None,
            "UsedBy": held.used_by or None,
        }
    )


def _person(digest: str, person: Offboard) -> Entity:
    return present(
        {
            "PartitionKey": digest,
            "RowKey": f"person-{person.user_id}",
            "ContractorKey": person.row_key,
            "EndDate": person.end_date,
            "DueAt": person.due_at,
        }
    )


def _held(entity: Entity) -> HeldPlan:
    return HeldPlan(
        digest=entity["PartitionKey"],
        group_id=text(entity, "GroupId"),
        people=number(entity, "People"),
        members=number(entity, "Members"),
        held_at=moment(entity, "HeldAt") or LONG_AGO,
        run_id=text(entity, "RunId"),
        approved_at=moment(entity, "ApprovedAt"),
        approved_by=text(entity, "ApprovedBy"),
        approved_by_name=text(entity, "ApprovedByName"),
        used_by=text(entity, "UsedBy"),
    )
