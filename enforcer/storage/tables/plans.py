"""Table `plans`: plans that the brake holds, and who approved them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import batched

from enforcer.core.actors import Actor
from enforcer.core.brake import Way
from enforcer.core.exceptions import UnavailableError
from enforcer.core.plan import Candidate, GroupPlan, HeldFor, HeldPlan, Offboard, Onboard
from enforcer.storage.tables.tables import (
    LONG_AGO,
    TRANSACTION_SIZE,
    Entity,
    Tables,
    Version,
    choice,
    moment,
    number,
    present,
    text,
)

TABLE = "plans"
_PLAN = "plan"
_PERSON, _JOINER = "person-", "joiner-"
_LONGEST_TEXT = 30_000
_TRIES = 10


class Plans:
    """Stores held plans under their digest."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def hold(  # noqa: PLR0913 -- what its row holds
        self,
        plan: GroupPlan,
        now: datetime,
        run_id: str,
        *,
        held_for: HeldFor = HeldFor.SWEEP,
        asked_by: str = "",
        causes: Collection[str] = (),
    ) -> HeldPlan:
        """Keep the plan and its people; a plan that is held already keeps its approval.

        Args:
            plan: What needs the approval, and nothing else.
            now: The instant (UTC).
            run_id: The run that made it.
            held_for: What waits for it.
            asked_by: Who asked for that run.
            causes: Whose changes are in it.
        """
        known, version = await self._read(plan.digest)
        if known is not None and not known.used_by:
            # Of several that are held, the one that was made last is the one that waits.
            everybody = tuple(sorted({*known.causes, *causes}))
            again = replace(known, held_at=now, causes=everybody, gone_at=None)
            return again if await self._write(again, version) else await self.get(plan.digest) or again
        held = HeldPlan(
            digest=plan.digest,
            group_id=plan.group_id,
            people=len(plan.offboard),
            joiners=len(plan.onboard),
            held_for=held_for,
            members=plan.members,
            held_at=now,
            run_id=run_id,
            asked_by=asked_by,
            causes=tuple(sorted(causes)),
        )
        # A person whose record has another key now may be in it twice; a transaction accepts a row once.
        people = {person.user_id: _person(plan.digest, person) for person in plan.offboard}
        joiners = [_joiner(plan.digest, joiner) for joiner in plan.onboard]
        for chunk in batched([*people.values(), *joiners], TRANSACTION_SIZE, strict=False):
            await self._tables.submit(TABLE, [("upsert", item) for item in chunk])
        if await self._write(held, version):
            return held
        # Another run held the same plan at the same time, and somebody may have approved it since.
        return await self.get(plan.digest) or held

    async def get(self, digest: str) -> HeldPlan | None:
        return (await self._read(digest))[0]

    async def people(self, digest: str) -> frozenset[Candidate]:
        """Return who is in a held plan."""
        async with self._tables.table(TABLE) as table:
            found = table.query_entities("PartitionKey eq @digest", parameters={"digest": digest})
            people = [_candidate(dict(entity)) async for entity in found]
        return frozenset(one for one in people if one is not None)

    async def waiting(self, group_ids: Sequence[str]) -> list[HeldPlan]:
        """Return the newest sweep's plan of each group, and all offboardings, that wait for an approval."""
        plans = sorted(await self._all(), key=lambda plan: plan.held_at)
        current = [plan for plan in plans if plan.gone_at is None]
        newest = {plan.group_id: plan for plan in current if plan.held_for is HeldFor.SWEEP}
        offboardings = [plan for plan in current if plan.held_for is HeldFor.OFFBOARDING]
        return [
            plan
            for group in group_ids
            for plan in (*offboardings, newest.get(group))
            if plan is not None and plan.group_id == group and plan.waits
        ]

    async def released(self, group_id: str) -> list[HeldPlan]:
        """Return the sweeps' plans of a group that somebody approved and no run has used, the newest first.

        Whether an approval counts, the ledger says.
        """
        of_group = [plan for plan in await self._all() if plan.group_id == group_id and plan.is_released]
        plans = [plan for plan in of_group if plan.held_for is HeldFor.SWEEP]
        return sorted(plans, key=lambda plan: plan.held_at, reverse=True)

    async def settle(self, group_id: str, digest: str, members: Collection[str], now: datetime) -> None:
        """Note for which of a group's plans nobody waits any more.

        Args:
            group_id: The group.
            digest: Of the sweeps' plans, the only one that is up to date; empty for none.
            members: Who is in the group now (object IDs): an offboarding waits while any of its people is.
            now: The instant (UTC).
        """
        for plan in await self._all():
            if plan.group_id != group_id or not plan.waits or plan.digest == digest:
                continue
            if plan.held_for is HeldFor.OFFBOARDING and await self._has_any(plan.digest, members):
                continue
            known, version = await self._read(plan.digest)
            if known is not None and known.waits:
                await self._write(replace(known, gone_at=now), version)

    async def _has_any(self, digest: str, user_ids: Collection[str]) -> bool:
        return any(one.name in user_ids for one in await self.people(digest))

    async def reset(self, digest: str) -> None:
        """Take back an approval that does not count: the plan waits again."""
        known, version = await self._read(digest)
        if known is not None:
            waiting = replace(
                known, approved_at=None, approved_by="", approved_by_name="", approval=0, used_by=""
            )
            await self._write(waiting, version)

    async def _all(self) -> list[HeldPlan]:
        async with self._tables.table(TABLE) as table:
            found = table.query_entities("RowKey eq @plan", parameters={"plan": _PLAN})
            return [_held(dict(entity)) async for entity in found]

    async def approve(self, held: HeldPlan, actor: Actor, now: datetime, approval: int) -> HeldPlan:
        """Release the plan for one run; `approval` is the ledger's entry about it.

        What a run has used already is not given back.

        Raises:
            UnavailableError: Other writers kept changing it.
        """
        for _ in range(_TRIES):
            known, version = await self._read(held.digest)
            if known is not None and known.used_by:
                return known
            approved = replace(
                known or held,
                approved_at=now,
                approved_by=actor.id,
                approved_by_name=actor.name,
                approval=approval,
            )
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
            "Joiners": held.joiners or None,
            "HeldFor": held.held_for.value,
            "AskedBy": held.asked_by or None,
            "Causes": "\n".join(held.causes)[:_LONGEST_TEXT] or None,
            "ApprovedAt": held.approved_at,
            "ApprovedBy": held.approved_by or None,
            "Approval": held.approval or None,
            "ApprovedByName": held.approved_by_name or None,
            "UsedBy": held.used_by or None,
            "GoneAt": held.gone_at,
        }
    )


def _person(digest: str, person: Offboard) -> Entity:
    return present(
        {
            "PartitionKey": digest,
            "RowKey": f"{_PERSON}{person.user_id}",
            "ContractorKey": person.row_key,
            "EndDate": person.end_date,
            "DueAt": person.due_at,
        }
    )


def _joiner(digest: str, joiner: Onboard) -> Entity:
    return {"PartitionKey": digest, "RowKey": f"{_JOINER}{joiner.row_key}", "EndDate": joiner.end_date}


def _candidate(entity: Entity) -> Candidate | None:
    for kind, way in ((_PERSON, Way.OFFBOARD), (_JOINER, Way.ONBOARD)):
        name = entity["RowKey"].removeprefix(kind)
        if name != entity["RowKey"]:
            return Candidate(way=way, name=name, end_date=text(entity, "EndDate"))
    return None


def _held(entity: Entity) -> HeldPlan:
    return HeldPlan(
        digest=entity["PartitionKey"],
        group_id=text(entity, "GroupId"),
        people=number(entity, "People"),
        members=number(entity, "Members"),
        held_at=moment(entity, "HeldAt") or LONG_AGO,
        run_id=text(entity, "RunId"),
        joiners=number(entity, "Joiners"),
        held_for=choice(entity, "HeldFor", HeldFor) or HeldFor.SWEEP,
        asked_by=text(entity, "AskedBy"),
        causes=tuple(text(entity, "Causes").split()),
        approved_at=moment(entity, "ApprovedAt"),
        approved_by=text(entity, "ApprovedBy"),
        approval=number(entity, "Approval"),
        approved_by_name=text(entity, "ApprovedByName"),
        used_by=text(entity, "UsedBy"),
        gone_at=moment(entity, "GoneAt"),
    )
