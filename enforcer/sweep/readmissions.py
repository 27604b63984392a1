"""Take members whose access continues out of the leavers' group (`ENFORCER_LEAVERS_GROUP`)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from enforcer.core.contractors import Contractor, read_row
from enforcer.core.exceptions import GroupError
from enforcer.core.ledger import Action, EntryOutcome, failure
from enforcer.core.plan import Finding, FindingKind, Readmission
from enforcer.core.runs import OUT_OF_TIME
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.sweep.group_run import GroupRun


class _EndedError(Exception):
    """Their row no longer gives access."""


@dataclass(slots=True)
class Readmissions:
    """The members whom one run takes out of the leavers' group.

    Attributes:
        missed: Those who could not be taken out, and are still blocked.
    """

    group_run: GroupRun
    missed: list[Finding] = field(default_factory=list)

    async def take_out(self, people: Iterable[Readmission]) -> None:
        """Take everybody out; whoever cannot be taken out is a finding and does not hold up the others.

        Raises:
            RunError, UnavailableError: The run has to end.
        """
        for person in people:  # one by one: an error must not cancel what is not on record yet
            await self._in_time(person)

    async def _in_time(self, person: Readmission) -> None:
        if self.group_run.time_is_up():
            self._miss(person, OUT_OF_TIME)
            return
        try:
            async with asyncio.timeout_at(self.group_run.last_call):
                await self._take_out(person)
        except GroupError as error:
            self._miss(person, str(error))
        except TimeoutError:
            self._miss(person, OUT_OF_TIME)
        except _EndedError:
            return  # they are due: the next run offboards them

    async def _take_out(self, person: Readmission) -> None:
        services, recheck = self.group_run.services, partial(self._recheck, person)
        result = await services.steps.remove(services.settings.leavers_group, person.user_id, recheck)
        await self._record(person, result)
        if not result.settled:
            self._miss(person, result.explanation)

    async def _recheck(self, person: Readmission) -> None:
        services = self.group_run.services
        row = await services.register.row(self.group_run.group_id, person.row_key)
        read = None if row is None else read_row(row, services.settings.date_rules)
        await self.group_run.lease.require()
        if not isinstance(read, Contractor) or read.is_due(services.now()):
            raise _EndedError

    async def _record(self, person: Readmission, result: StepResult) -> None:
        done = result.outcome is StepOutcome.DONE
        settled = EntryOutcome.REMOVED if done else EntryOutcome.ALREADY_ABSENT
        entry = self.group_run.entry(
            Action.LEAVERS_REMOVE, outcome=settled if result.settled else failure(result.explanation)
        )
        entry = replace(
            entry,
            user=person.user_id,
            row_key=person.row_key,
            end_date=person.end_date,
            request_id=result.request_id,
        )
        await self.group_run.record([entry])

    def _miss(self, person: Readmission, why: str) -> None:
        detail = f"is a member with access, but still in the leavers' group: {why}"
        found = Finding(
            kind=FindingKind.LEAVERS_GROUP, row_key=person.row_key, user_id=person.user_id, detail=detail
        )
        self.missed.append(found)
