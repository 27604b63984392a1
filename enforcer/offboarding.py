"""Offboard one person now, from every managed group, with or without a row in the register."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from enforcer.core.contractors import Contractor
from enforcer.core.dates import instant
from enforcer.core.enforcement import Enforcement
from enforcer.core.entries import Context
from enforcer.core.members import Person
from enforcer.core.offboarded import Offboarded, steps_taken
from enforcer.core.plan import Offboard, Step
from enforcer.core.runs import Outcome, Report, Result, Run, RunKind, RunState, lag_of
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.exceptions import EnforcerError, RefusedError, RunError, UnavailableError
from enforcer.graph.memberships import groups_having
from enforcer.person import Taken, conclude, entries, intent
from enforcer.proof import prove_departure
from enforcer.registration import end
from enforcer.services import Services
from enforcer.settings import Disable, Mode
from enforcer.tables.register import Registration

# Somebody waits, and it is only to be sure.
_ASKING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OffboardOrder:
    """Somebody is to be offboarded now.

    Attributes:
        user: Object ID, user principal name or e-mail address.
        reason: Why, in the words of whoever asked.
        actor: Who asked.
    """

    user: str
    reason: str
    actor: str
    run_id: str


async def offboard_now(services: Services, order: OffboardOrder) -> Offboarded:
    """Offboard a person from all managed groups, and end his rows, so that no later run adds him back.

    His rows end, and the intents are written, before the first step: should anything break off after that,
    the next sweep finishes. Before that nobody can know of it, and whoever gets no answer calls again.
    It takes no lease: to remove and revoke twice does no harm, and somebody waits.

    Raises:
        NotFoundError, AmbiguousError: The name means nobody, or several people.
        RefusedError: He is protected, or the mode is `report`.
        RunError: Storage refuses us; what Graph refuses is told with its step.
        UnavailableError: Graph or storage did not answer; what was begun is in the register.
    """
    person = await services.directory.find(order.user)
    _require_allowed(services, person)
    return await _Offboarding(services, order, person, services.now().replace(microsecond=0)).carry_out()


def _require_allowed(services: Services, person: Person) -> None:
    if person.id in services.settings.protected_ids:
        raise RefusedError(f"{person.id} is never acted upon: ENFORCER_PROTECTED_IDS names him", field="user")
    if services.settings.mode is Mode.REPORT:
        raise RefusedError("nobody is offboarded while ENFORCER_MODE is report", field="ENFORCER_MODE")


@dataclass(slots=True)
class _Offboarding:
    services: Services
    order: OffboardOrder
    person: Person
    now: datetime
    rows: Mapping[str, Registration] = field(default_factory=dict)
    earlier: Mapping[str, Enforcement | None] = field(default_factory=dict)
    listed: frozenset[str] | None = None
    was_disabled: bool = False
    departures: list[tuple[Run, Enforcement]] = field(default_factory=list)

    async def carry_out(self) -> Offboarded:
        found = await self._find_rows()
        for group_id in self._groups:
            await self.services.runs.save(Report(run=self._begun(group_id)))
        ended = await end(self.services, found, self.person.id, self.now, self._context(""))
        self.rows = {row.group_id: row for row in found}
        self.earlier = {group_id: await self._earlier(group_id) for group_id in self._groups}
        self.listed = await self._listed()
        self.was_disabled = self._find_out_whether_disabled()
        people = {group_id: self._offboard(group_id) for group_id in self._groups}
        await self._write_intents(people)
        account, removals = await self._take_steps()
        taken = {
            group_id: Taken(person=person, results=_in_order(person, account, removals[group_id]))
            for group_id, person in people.items()
        }
        outcomes = [await self._record(group_id, taken[group_id]) for group_id in self._groups]
        if any(result.unavailable for item in taken.values() for result in item.results.values()):
            raise UnavailableError(next(item.failures for item in taken.values() if item.failures))
        answer = await prove_departure(self.services, self.departures, self.order.reason)
        told = self._told(account, removals, outcomes, ended)
        return replace(told, proof=answer.proof, proof_policy=answer.policy) if answer else told

    @property
    def _groups(self) -> tuple[str, ...]:
        return self.services.settings.group_ids

    # The register ----------------------------------------------------------------------------------------

    async def _find_rows(self) -> list[Registration]:
        """Find his rows, whichever of his names they go by and in whatever case; there may be several."""
        return [
            row
            for group_id in self._groups
            for row in await self.services.register.named(group_id, self.person.names)
        ]

    def _context(self, group_id: str) -> Context:
        order = self.order
        return Context(group_id=group_id, run_id=order.run_id, actor=order.actor, note=order.reason)

    # The plan --------------------------------------------------------------------------------------------

    async def _earlier(self, group_id: str) -> Enforcement | None:
        row = self.rows.get(group_id)
        return await self.services.enforcements.get(group_id, row.row_key if row else self.person.id)

    async def _listed(self) -> frozenset[str] | None:
        """Ask in which of the groups he is; None where Graph does not say. Reads may lag behind."""
        try:
            async with asyncio.timeout(_ASKING_SECONDS):
                found = await groups_having(self.services.graph, self.person.id, self._groups)
        except (EnforcerError, TimeoutError):
            return None
        return frozenset(map(str.lower, found))

    def _find_out_whether_disabled(self) -> bool:
        """Tell whether the account was disabled before: that is not our doing, nor ours to undo."""
        begun = [item for item in self.earlier.values() if item is not None and item.unfinished]
        return all(item.was_disabled for item in begun) if begun else self.person.enabled is False

    def _is_concerned(self, group_id: str) -> bool:
        """Tell whether the group has anything to do with him: a row, a membership, something begun."""
        earlier = self.earlier[group_id]
        begun = earlier is not None and earlier.unfinished
        return begun or group_id in self.rows or group_id in (self.listed or ())

    def _offboard(self, group_id: str) -> Offboard:
        row, earlier = self.rows.get(group_id), self.earlier[group_id]
        end_date, due_at = self._end_of(group_id)
        return Offboard(
            user_id=self.person.id,
            row_key=row.row_key if row else None,
            user_principal_name=self.person.user_principal_name,
            end_date=end_date,
            due_at=due_at,
            guest=self.person.guest,
            steps=(*((Step.DISABLE,) if self._disables else ()), Step.REMOVE, Step.REVOKE),
            was_disabled=self.was_disabled,
            authorised=earlier is not None and earlier.unfinished,
            earlier=earlier,
        )

    def _end_of(self, group_id: str) -> tuple[str, datetime]:
        """Give the end of his access: the row's, that of an offboarding known already, or now."""
        row, earlier = self.rows.get(group_id), self.earlier[group_id]
        read = row.read(self.services.settings.zone) if row else None
        if isinstance(read, Contractor) and read.is_due(self.now):
            return read.end_date, read.due_at
        known = earlier is not None and (earlier.unfinished or group_id not in (self.listed or ()))
        if row is None and known and earlier is not None and earlier.due_at is not None:
            return earlier.end_date, earlier.due_at  # called again: it is no second end of access
        return instant(self.now), self.now

    @property
    def _disables(self) -> bool:
        """Tell whether to disable the account; never where he has nothing to do with any group."""
        wanted = self.services.settings.disable_accounts
        meant = wanted is Disable.ALL or (wanted is Disable.GUESTS and self.person.guest)
        concerned = self.listed is None or any(map(self._is_concerned, self._groups))
        return meant and concerned and not self.was_disabled

    # The steps -------------------------------------------------------------------------------------------

    async def _write_intents(self, people: Mapping[str, Offboard]) -> None:
        for group_id in self._intended:
            await self.services.enforcements.save(group_id, [intent(people[group_id], self.order.run_id)])

    @property
    def _intended(self) -> Sequence[str]:
        """Give the groups in which it is on record what has begun: where it concerns him, or in the first."""
        return [item for item in self._groups if self._is_concerned(item)] or self._groups[:1]

    async def _take_steps(self) -> tuple[dict[Step, StepResult], dict[str, StepResult]]:
        """Disable, remove everywhere, and only then revoke: the next token knows of no membership."""
        directory, account = self.services.directory, dict[Step, StepResult]()
        if self._disables:
            account[Step.DISABLE] = await _tried(directory.set_enabled(self.person.id, enabled=False))
        removals = {
            group_id: await _tried(directory.remove(group_id, self.person.id)) for group_id in self._groups
        }
        for group_id, removal in removals.items():
            if removal.outcome is StepOutcome.ABSENT and group_id in (self.listed or ()):
                # One of the two answers is wrong, and no member list will be read soon to tell.
                again = await _tried(directory.remove(group_id, self.person.id))
                removals[group_id] = replace(again, uncertain=True)
        account[Step.REVOKE] = await _tried(directory.revoke(self.person.id))
        return account, removals

    async def _record(self, group_id: str, taken: Taken) -> Outcome:
        now = self.services.now()
        outcome = self._with_own_removal(group_id, conclude(taken, self.order.run_id, now))
        removal = taken.results[Step.REMOVE]
        found = removal.outcome is StepOutcome.DONE or removal.uncertain
        concerned = self._is_concerned(group_id) or found
        if concerned or not taken.settled or group_id == self._groups[0]:
            await self.services.ledger.append(group_id, entries(taken, self._context(group_id), now))
        await self._save(group_id, outcome, taken, concerned=concerned)
        run = self._run(group_id, outcome, concerned=concerned)
        await self.services.runs.save(Report(run=run))
        self.departures.append((run, outcome.enforcement))
        return outcome

    async def _save(self, group_id: str, outcome: Outcome, taken: Taken, *, concerned: bool) -> None:
        earlier: Enforcement | None = taken.person.earlier
        absent = taken.settled and outcome.result is Result.ALREADY_ABSENT
        if earlier is not None and not earlier.unfinished and absent:
            # Called again: what was on record about the first time stays.
            await self.services.enforcements.save(group_id, [earlier])
        elif concerned or (not taken.settled and group_id in self._intended):
            await self.services.enforcements.save(group_id, [outcome.enforcement])
        elif earlier is None and group_id in self._intended:
            await self.services.enforcements.forget(group_id, outcome.enforcement.row_key)

    def _with_own_removal(self, group_id: str, outcome: Outcome) -> Outcome:
        """Count a removal that this very run made before it was tried again, as from the queue."""
        earlier = self.earlier[group_id]
        own = earlier is not None and earlier.run_id == self.order.run_id and earlier.removed_at is not None
        absent = outcome.result is Result.ALREADY_ABSENT
        return replace(outcome, result=Result.REMOVED) if own and absent else outcome

    def _begun(self, group_id: str) -> Run:
        return Run(
            run_id=self.order.run_id,
            group_id=group_id,
            kind=RunKind.OFFBOARD,
            started_at=self.now,
            mode=self.services.settings.mode.value,
            reason=self.order.reason,
            actor=self.order.actor,
        )

    def _run(self, group_id: str, outcome: Outcome, *, concerned: bool) -> Run:
        result = outcome.result if concerned or not outcome.finished else None
        return replace(
            self._begun(group_id),
            finished_at=self.services.now(),
            state=RunState.COMPLETE if outcome.finished else RunState.FAILED,
            due=int(result is not None),
            removed=int(result is Result.REMOVED),
            already_absent=int(result is Result.ALREADY_ABSENT),
            skipped=int(result is Result.SKIPPED),
            stuck=int(result is Result.STUCK),
            revoked=int(outcome.revoked),
            disabled=int(outcome.disabled),
            lag_seconds=lag_of([outcome]),
            left_undone=int(outcome.left_undone),
            error=outcome.reason,
        )

    def _told(
        self,
        account: Mapping[Step, StepResult],
        removals: Mapping[str, StepResult],
        outcomes: list[Outcome],
        ended: list[Registration],
    ) -> Offboarded:
        return Offboarded(
            run_id=self.order.run_id,
            user_id=self.person.id,
            user_principal_name=self.person.user_principal_name,
            guest=self.person.guest,
            done=all(outcome.finished for outcome in outcomes),
            sessions=next((out.enforcement.sessions for out in outcomes if out.enforcement.sessions), None),
            steps=steps_taken(account, removals),
            ended_rows=tuple(f"{row.group_id}/{row.row_key}" for row in ended),
        )


async def _tried(step: Awaitable[StepResult]) -> StepResult:
    """Take one step. What would end a sweep is only this step's failure; the others are taken."""
    try:
        return await step
    except RunError as error:
        return StepResult(outcome=StepOutcome.FAILED, explanation=str(error)[:240])


def _in_order(
    person: Offboard, account: Mapping[Step, StepResult], removal: StepResult
) -> dict[Step, StepResult]:
    return {step: removal if step is Step.REMOVE else account[step] for step in person.steps}
