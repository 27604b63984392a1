"""Add contractors whose access has begun to the group (`ENFORCER_ONBOARD=add`)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from enforcer.concurrency import each
from enforcer.core.calendar.dates import instant
from enforcer.core.contractors import Contractor, ReadRow, read_row
from enforcer.core.exceptions import InputError, ReadError, UnavailableError
from enforcer.core.keys import meanings
from enforcer.core.ledger import Action, EntryOutcome, failure
from enforcer.core.members import Person
from enforcer.core.partitions import spellings
from enforcer.core.plan import Finding, FindingKind, Offboard, Onboard, Readmission, Step
from enforcer.core.planning.matching import same_person
from enforcer.core.runs import OUT_OF_TIME, RUN_ENDED
from enforcer.core.settings import PROTECTED_GROUPS
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.offboarding.steps import StepRun, conclude, entries, intent, take_steps
from enforcer.sweep.group_run import GroupRun

_PEOPLE_AT_ONCE = 4


class _TooLateError(Exception):
    """The joiner's row no longer grants access."""


@dataclass(frozen=True, slots=True)
class _End:
    end_date: str
    due_at: datetime


@dataclass(slots=True)
class Joiners:
    """The people whom one run adds.

    Attributes:
        joined: Who became a member.
        missed: Those who could not be added, and why.
        unclear: Those not added because the register has several rows for them.
        turned_back: Those whose access ended while they were being added, and who were removed again.
        failure: What ends the run. Nobody else is started after it, but whoever was started is recorded.
    """

    group_run: GroupRun
    joined: list[Readmission] = field(default_factory=list)
    missed: list[Finding] = field(default_factory=list)
    unclear: list[Finding] = field(default_factory=list)
    turned_back: list[Finding] = field(default_factory=list)
    failure: Exception | None = None
    _listed: Collection[str] = ()
    _protected: Collection[str] = ()
    _engaged: Collection[str] = ()
    _rows: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    async def add(
        self,
        joiners: tuple[Onboard, ...],
        listed: Collection[str],
        protected: Collection[str] = (),
        engaged_elsewhere: Collection[str] = (),
    ) -> None:
        """Add everybody; whoever cannot be added is a finding and does not hold up the others.

        Args:
            joiners: Whom to add.
            listed: Object IDs of everybody whom Graph listed in the group.
            protected: Object IDs of the members of protected groups.
            engaged_elsewhere: Keys of the rows by which another managed group gives access.

        Raises:
            RunError, UnavailableError: The run has to end.
            Any other failure, once everybody who was started is on record.
        """
        if joiners:
            self._listed, self._protected, self._engaged = listed, protected, engaged_elsewhere
            await self._read_keys()
            await each(joiners, self._add_in_time, at_once=_PEOPLE_AT_ONCE)
        if self.failure is not None:
            raise self.failure

    def _protects(self, person: Person) -> str:
        """Return what protects the person; empty where nothing does."""
        if person.id in self.group_run.services.settings.protected_ids:
            return "ENFORCER_PROTECTED_IDS names them"
        return f"they are in a group of {PROTECTED_GROUPS}" if person.id in self._protected else ""

    async def _read_keys(self) -> None:
        """Index all rows by whom they may mean, however the group's ID is spelt in their partition."""
        services = self.group_run.services
        others = await services.register.other_partitions(services.settings.group_ids)
        for partition in spellings(self.group_run.group_id, others):
            for key in await services.register.keys(partition):
                for meant in meanings(key):
                    self._rows.setdefault(meant, []).append((partition, key))

    async def _add_in_time(self, joiner: Onboard) -> None:
        if self.failure is not None or self.group_run.time_is_up():
            self._miss(joiner, OUT_OF_TIME if self.failure is None else RUN_ENDED)
            return
        try:
            async with asyncio.timeout_at(self.group_run.last_call):
                await self._add_one(joiner)
        except TimeoutError:
            self._miss(joiner, OUT_OF_TIME)
        except Exception as error:  # noqa: BLE001 -- ends the run, once everybody who was started is on record
            self._fail(error)
            self._miss(joiner, RUN_ENDED)

    def _fail(self, error: Exception) -> None:
        self.failure = self.failure or error

    async def _add_one(self, joiner: Onboard) -> None:
        if not await self._may_enter(joiner):
            return
        await self.group_run.lease.require()
        try:
            person = await self.group_run.services.directory.find(joiner.key)
        except (InputError, ReadError, UnavailableError) as error:
            self._miss(joiner, str(error))
            return
        if protects := self._protects(person):
            self._miss(joiner, protects)
            return
        if others := self._other_rows(joiner, person):
            self.unclear.append(_several_rows(joiner, person, others))
            return
        recheck = partial(self._recheck, joiner)
        try:
            added = await self.group_run.services.steps.add(self.group_run.group_id, person.id, recheck)
        except _TooLateError:
            return
        added = self._credited(person, added)
        is_in = added.outcome is StepOutcome.DONE
        await self._record(joiner, person.id, added)
        over = await self._end_of_access(joiner) if is_in or added.unavailable else None
        if over is not None:
            await self._turn_back(joiner, person, over)
        else:
            self.joined += [_joined(joiner, person)] if is_in else []

    @property
    def added(self) -> int:
        return len(self.joined)

    async def _recheck(self, joiner: Onboard) -> None:
        if not await self._may_enter(joiner):
            raise _TooLateError

    async def _may_enter(self, joiner: Onboard) -> bool:
        """Whether the joiner's row, read again, still grants access."""
        contractor, now = await self._read_again(joiner), self.group_run.services.now()
        return isinstance(contractor, Contractor) and contractor.has_begun(now) and not contractor.is_due(now)

    async def _end_of_access(self, joiner: Onboard) -> _End | None:
        """Return when access ended, if it ended or the row was deleted while they were being added."""
        contractor, now = await self._read_again(joiner), self.group_run.services.now()
        if contractor is None:
            return _End(instant(now), now)
        if isinstance(contractor, Contractor) and contractor.is_due(now):
            return _End(contractor.end_date, contractor.due_at)
        return None

    async def _read_again(self, joiner: Onboard) -> ReadRow | None:
        services = self.group_run.services
        row = await services.register.row(self.group_run.group_id, joiner.row_key)
        return None if row is None else read_row(row, services.settings.date_rules)

    def _other_rows(self, joiner: Onboard, person: Person) -> list[str]:
        """Return the keys of other rows that mean this person by a name that only Entra knows."""
        own = (self.group_run.group_id, joiner.row_key)
        rows = {row for name in person.possible_names for row in self._rows.get(name, ()) if row != own}
        return [key for _, key in sorted(rows)]

    def _credited(self, person: Person, added: StepResult) -> StepResult:
        """Count an unanswered attempt as ours, if the person was not listed before and is a member now."""
        is_ours = added.outcome is StepOutcome.ABSENT and added.uncertain and person.id not in self._listed
        return replace(added, outcome=StepOutcome.DONE) if is_ours else added

    async def _turn_back(self, joiner: Onboard, person: Person, over: _End) -> None:
        """Offboard the person at once: whoever ended their access did not yet find them in the group."""
        services, group_id = self.group_run.services, self.group_run.group_id
        leaver = Offboard(
            user_id=person.id,
            row_key=joiner.row_key,
            user_principal_name=person.user_principal_name,
            end_date=over.end_date,
            due_at=over.due_at,
            user_kind=person.user_kind,
            steps=(Step.REMOVE, *self._leavers_add(person), Step.REVOKE),
        )
        await services.records.save(group_id, [intent(leaver, self.group_run.run.run_id)])
        step_run = StepRun(person=leaver)
        await take_steps(services, group_id, step_run)
        now = services.now()
        await self.group_run.record(entries(step_run, self.group_run.context, now))
        outcome = conclude(step_run, self.group_run.run.run_id, now)
        await services.records.save(group_id, [outcome.record])
        self._report(joiner, step_run)

    def _leavers_add(self, person: Person) -> tuple[Step, ...]:
        wanted = self.group_run.services.settings.leavers_group
        is_engaged = not person.possible_names.isdisjoint(self._engaged)
        return (Step.LEAVERS_ADD,) if wanted and not is_engaged else ()

    def _report(self, joiner: Onboard, step_run: StepRun) -> None:
        failures = step_run.failures
        result = f"not yet offboarded again: {failures}" if failures else "removed again at once"
        detail = f"was added while their access was being ended; {result}"
        found = Finding(
            kind=FindingKind.RE_ADDED,
            row_key=joiner.row_key,
            user_id=step_run.person.user_id,
            detail=detail,
        )
        (self.turned_back if step_run.settled else self.missed).append(found)

    async def _record(self, joiner: Onboard, user_id: str, added: StepResult) -> None:
        done = added.outcome is StepOutcome.DONE
        settled = EntryOutcome.ADDED if done else EntryOutcome.ALREADY_A_MEMBER
        outcome = settled if added.settled else failure(added.explanation)
        entry = replace(
            self.group_run.entry(Action.ADD, outcome=outcome),
            user=user_id,
            row_key=joiner.row_key,
            end_date=joiner.end_date,
            request_id=added.request_id,
        )
        await self.group_run.record([entry])
        if not added.settled:
            self._miss(joiner, added.explanation)

    def _miss(self, joiner: Onboard, why: str) -> None:
        detail = f"could not be added: {why}"
        self.missed.append(Finding(kind=FindingKind.MISSING_MEMBER, row_key=joiner.row_key, detail=detail))


def _joined(joiner: Onboard, person: Person) -> Readmission:
    return Readmission(user_id=person.id, row_key=joiner.row_key, end_date=joiner.end_date)


def _several_rows(joiner: Onboard, person: Person, others: Collection[str]) -> Finding:
    return Finding(
        kind=FindingKind.AMBIGUOUS_ROW,
        row_key=joiner.row_key,
        user_id=person.id,
        detail=same_person(others),
    )
