"""Adds contractors whose time has begun to the group (`ENFORCER_ONBOARD=add`)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from enforcer.concurrency import each
from enforcer.core.contractors import Contractor, normalised, read_row
from enforcer.core.ledger import Action, Done, failure
from enforcer.core.matching import same_person
from enforcer.core.members import Person
from enforcer.core.plan import Finding, FindingKind, Onboard
from enforcer.core.runs import OUT_OF_TIME
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.exceptions import InputError, ReadError, UnavailableError
from enforcer.job import Job

_PEOPLE_AT_ONCE = 4


@dataclass(slots=True)
class Arrivals:
    """The people whom one run adds.

    Attributes:
        added: How many are members now.
        missed: Those who could not be added, and why.
        unclear: Those who were not added because the register has several rows for them.
    """

    job: Job
    added: int = 0
    missed: list[Finding] = field(default_factory=list)
    unclear: list[Finding] = field(default_factory=list)
    _keys: list[str] = field(default_factory=list)

    async def add(self, newcomers: tuple[Onboard, ...]) -> None:
        """Add everybody; whoever cannot be added is a finding and keeps nobody else waiting.

        Raises:
            RunError, UnavailableError: The run has to end.
        """
        if newcomers:
            self._keys = await self.job.services.register.keys(self.job.group_id)
            await each(newcomers, self._add_in_time, at_once=_PEOPLE_AT_ONCE)

    async def _add_in_time(self, newcomer: Onboard) -> None:
        if self.job.time_is_up():
            self._miss(newcomer, OUT_OF_TIME)
            return
        try:
            async with asyncio.timeout_at(self.job.last_call):
                await self._add_one(newcomer)
        except TimeoutError:
            self._miss(newcomer, OUT_OF_TIME)

    async def _add_one(self, newcomer: Onboard) -> None:
        if not await self._may_enter(newcomer):
            return
        await self.job.lease.require()
        try:
            person = await self.job.services.directory.find(newcomer.key)
        except (InputError, ReadError, UnavailableError) as error:
            self._miss(newcomer, str(error))
            return
        if person.id in self.job.services.settings.protected_ids:
            self._miss(newcomer, "ENFORCER_PROTECTED_IDS names him")
            return
        if others := self._other_rows(newcomer, person):
            self.unclear.append(_several_rows(newcomer, person, others))
            return
        added = await self.job.services.directory.add(self.job.group_id, person.id)
        await self._record(newcomer, person.id, added)

    async def _may_enter(self, newcomer: Onboard) -> bool:
        """Tell whether his row, read once more, still says so."""
        services = self.job.services
        row = await services.register.row(self.job.group_id, newcomer.row_key)
        contractor = row and read_row(row, services.settings.zone)
        now = services.now()
        return isinstance(contractor, Contractor) and contractor.has_begun(now) and not contractor.is_due(now)

    def _other_rows(self, newcomer: Onboard, person: Person) -> list[str]:
        """Give the keys of the person's other rows: only Entra tells that they mean him, too."""
        return [key for key in self._keys if normalised(key) in person.names and key != newcomer.row_key]

    async def _record(self, newcomer: Onboard, user_id: str, added: StepResult) -> None:
        done = added.outcome is StepOutcome.DONE
        settled = Done.ADDED if done else Done.ALREADY_A_MEMBER
        outcome = settled if added.settled else failure(added.explanation)
        entry = replace(
            self.job.entry(Action.ADD, outcome=outcome),
            user=user_id,
            row_key=newcomer.row_key,
            end_date=newcomer.end_date,
            request_id=added.request_id,
        )
        await self.job.record([entry])
        self.added += done
        if not added.settled:
            self._miss(newcomer, added.explanation)

    def _miss(self, newcomer: Onboard, why: str) -> None:
        detail = f"could not be added: {why}"
        self.missed.append(Finding(kind=FindingKind.MISSING_MEMBER, row_key=newcomer.row_key, detail=detail))


def _several_rows(newcomer: Onboard, person: Person, others: Collection[str]) -> Finding:
    return Finding(
        kind=FindingKind.AMBIGUOUS_ROW,
        row_key=newcomer.row_key,
        user_id=person.id,
        detail=same_person(others),
    )
