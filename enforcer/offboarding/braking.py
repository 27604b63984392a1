"""The brake for offboarding on demand: a batch of people is let through as a whole, or held as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NoReturn

from enforcer.concurrency import each
from enforcer.core.begun_entries import Beginning, Begun
from enforcer.core.brake import Brake, Way
from enforcer.core.calendar.dates import instant
from enforcer.core.exceptions import EnforcerError, HeldError
from enforcer.core.ledger import Action, Entry
from enforcer.core.plan import GroupPlan, HeldFor
from enforcer.core.planning.digest import batch_digest
from enforcer.core.runs import Report, Run, RunState
from enforcer.offboarding.admission import Held, admit, would_be_held
from enforcer.offboarding.leaver import Leaver
from enforcer.offboarding.release import released
from enforcer.services import Services
from enforcer.storage.tables.begun import read_begun_facts
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import PlanHeld

# To count the members of a large group; then the newest sweep's number has to do.
_COUNTING_SECONDS = 4.0
_GROUPS_AT_ONCE = 4


async def let_through(services: Services, run: Run, leavers: Sequence[Leaver]) -> None:
    """Let everybody through the brake, before anything is done to anybody.

    Args:
        services: The adapters.
        run: Who asks, and why; without a group.
        leavers: Of whom is known what each group knows.

    Raises:
        HeldError: They are too many, with those of the last 22 hours; nobody is let through. An approval of
            its digest, by somebody else, lets these very people through.
        RunError, UnavailableError: Storage refuses, or does not answer.
    """
    digest = batch_digest(services.settings.group_ids, [leaver.person.id for leaver in leavers])
    await _Brake(services=services, run=run, leavers=leavers, digest=digest).let_through()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brake:
    services: Services
    run: Run
    leavers: Sequence[Leaver]
    digest: str

    async def let_through(self) -> None:
        groups = self.services.settings.group_ids
        found = await each(groups, self._batch, at_once=_GROUPS_AT_ONCE)
        batches = [batch for batch in found if batch.leavers]
        if len(batches) > 1:
            # All groups are asked before the first one writes: otherwise one that is held would cost another.
            batches = await each(batches, self._cleared, at_once=_GROUPS_AT_ONCE)
        admitted = await each(batches, self._admit, at_once=1)
        if any(batch.beginning.approved for batch in admitted):
            await self.services.plans.use(self.digest, self.run.run_id)

    async def _admit(self, batch: _Batch) -> _Batch:
        """Let the batch through, by its approval if it needs one. Raises: HeldError."""
        answer = await admit(self.services, batch.beginning, self._bounds)
        if isinstance(answer, Held):
            batch = await self._released(batch, answer)
            answer = await admit(self.services, batch.beginning, self._bounds)
        if isinstance(answer, Held):  # only where somebody else uses the same approval
            await self._hold(batch.beginning.group_id, answer)
        batch.number(answer.sequences)
        return batch

    @property
    def _bounds(self) -> Brake:
        """The settings' bounds, which one person alone never exceeds: an emergency has to work."""
        brake = self.services.settings.brake
        return replace(brake, count=max(brake.count, 1))

    async def _batch(self, group_id: str) -> _Batch:
        """Return those whom nobody has let through before; those whom somebody has keep their number."""
        services, fresh = self.services, dict[str, Leaver]()
        concerned = [leaver for leaver in self.leavers if leaver.counts_in(group_id)]
        begun = await _begun(services, group_id, concerned) if concerned else Begun()
        for leaver in concerned:
            if sequence := _known_sequence(begun, leaver, group_id):
                leaver.sequences[group_id] = sequence
            else:
                fresh[leaver.person.id] = leaver
        beginning = Beginning(
            way=Way.OFFBOARD,
            group_id=group_id,
            run_id=self.run.run_id,
            actor=self.run.actor,
            people=tuple(sorted(fresh)),
            members=await _members(services, group_id, begun) if fresh else 0,
            at=services.now(),
        )
        return _Batch(beginning=beginning, leavers=fresh)

    async def _cleared(self, batch: _Batch) -> _Batch:
        """Return the batch as it may begin: as it is, or with the approval that releases it.

        Raises:
            HeldError: It may not.
        """
        held = await would_be_held(self.services, batch.beginning, self._bounds)
        return batch if held is None else await self._released(batch, held)

    async def _released(self, batch: _Batch, held: Held) -> _Batch:
        """Return the batch with the approval that releases it. Raises: HeldError, where none does."""
        approval = 0 if batch.beginning.approved else await self._approval(batch)
        if not approval:
            await self._hold(batch.beginning.group_id, held)
        approved = replace(batch.beginning, approved=self.digest, approval=approval)
        return replace(batch, beginning=approved)

    async def _approval(self, batch: _Batch) -> int:
        """Return the ledger's entry of the approval that releases everybody in the batch; 0 without one."""
        plan = await self.services.plans.get(self.digest)
        if plan is None:
            return 0
        people = await released(self.services, plan, batch.beginning.group_id)
        names = {one.name for one in people if one.way is Way.OFFBOARD}
        return plan.approval if names.issuperset(batch.leavers) else 0

    async def _hold(self, group_id: str, held: Held) -> NoReturn:
        """Keep the batch for an approval, and say so.

        Raises:
            HeldError: Always.
        """
        services, run, count, now = self.services, self.run, len(self.leavers), self.services.now()
        error = HeldError(self.digest, people=held.people, members=held.members)
        stopped = replace(
            run,
            group_id=group_id,
            finished_at=now,
            state=RunState.FAILED,
            held=True,
            digest=self.digest,
            due=count,
            skipped=count,
            members=held.members,
            error=str(error),
        )
        known = await services.plans.get(self.digest)
        await services.runs.save(Report(run=stopped))
        if known is not None and known.is_released:
            # Written past the enforcer, or used by a run that died then: it releases nobody, and waits again.
            await services.plans.reset(self.digest)
        plan = self._plan(group_id, held)
        await services.plans.hold(
            plan, now, run.run_id, held_for=HeldFor.OFFBOARDING, asked_by=run.actor, causes={run.actor}
        )
        if known is None:
            await services.ledger.append(group_id, [self._entry(group_id, held, now)])
        emit(
            PlanHeld(
                run_id=run.run_id,
                group_id=group_id,
                digest=self.digest,
                count=count,
                joiners=0,
                members=held.members,
                held_at=now,
            )
        )
        raise error

    def _plan(self, group_id: str, held: Held) -> GroupPlan:
        return GroupPlan(
            group_id=group_id,
            digest=self.digest,
            members=held.members,
            offboard=tuple(leaver.planned(group_id) for leaver in self.leavers),
            onboard=(),
            ending_soon=(),
            findings=(),
            held=True,
        )

    def _entry(self, group_id: str, held: Held, now: datetime) -> Entry:
        return Entry(
            at=instant(now),
            actor=self.run.actor,
            action=Action.HOLD,
            group=group_id,
            run=self.run.run_id,
            outcome=f"held: {len(self.leavers)} of {held.members} members; digest {self.digest}",
            note=self.run.reason,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """The people of one group who are to be let through."""

    beginning: Beginning
    leavers: dict[str, Leaver] = field(default_factory=dict)

    def number(self, sequences: Mapping[str, int]) -> None:
        for user_id, sequence in sequences.items():
            self.leavers[user_id].sequences[self.beginning.group_id] = sequence


async def _begun(services: Services, group_id: str, leavers: Sequence[Leaver]) -> Begun:
    named = [record.begun_in for leaver in leavers if (record := leaver.begun_in(group_id))]
    return await read_begun_facts(services.tables, services.ledger, group_id, services.now(), named=named)


def _known_sequence(begun: Begun, leaver: Leaver, group_id: str) -> int:
    """Return the ledger's entry that let the person through before; 0 if there is none that still counts."""
    record, user_id = leaver.begun_in(group_id), leaver.person.id
    on_record = record.begun_in if record else 0
    if left_over := begun.left_over(Way.OFFBOARD, user_id, on_record):
        return left_over
    return on_record if record and begun.names(Way.OFFBOARD, user_id, on_record) else 0


async def _members(services: Services, group_id: str, begun: Begun) -> int:
    """Return how many members the group has; 0 if the brake has counted them within its window."""
    if begun.window.lately(services.now()).members:
        return 0
    with suppress(EnforcerError, TimeoutError):
        async with asyncio.timeout(_COUNTING_SECONDS):
            return sum([member.is_user async for member in services.directory.members(group_id)])
    runs = await services.runs.of_group(group_id, services.now())
    return next((run.members for run in reversed(runs) if run.members), 0)
