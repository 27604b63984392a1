"""Offboard one person now, from every managed group, with or without a row in the register."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from enforcer.core.contractors import Contractor, Registration
from enforcer.core.enforcement import Enforcement
from enforcer.core.entries import Context
from enforcer.core.members import Person
from enforcer.core.offboarded import Offboarded, steps_taken
from enforcer.core.plan import Offboard, Step
from enforcer.core.runs import Outcome, Report, Result, Run, RunKind, RunState, counted
from enforcer.core.standing import Account, Standing, recorded
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.exceptions import EnforcerError, RefusedError, RunError, UnavailableError
from enforcer.graph.memberships import groups_having
from enforcer.person import Taken, conclude, entries, intent
from enforcer.proof import prove_departure
from enforcer.registration import end_rows
from enforcer.services import Services
from enforcer.settings import Mode

# Somebody waits, and it is only to be sure.
_ASKING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OffboardOrder:
    """Somebody is to be offboarded now.

    Attributes:
        user: Object ID, user principal name or e-mail address.
        reason: Why, in the words of whoever asked.
        actor: Who asked.
        seconds: How long it may take until everything is recorded, but for what Entra says afterwards, for
            which it is asked a few seconds more. None: as long as it takes.
    """

    user: str
    reason: str
    actor: str
    run_id: str
    seconds: float | None = None


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
        TimeoutError: The order's time was up; what was begun is in the register.
    """
    async with asyncio.timeout(order.seconds):
        person = await services.directory.find(order.user)
        _require_allowed(services, person)
        offboarding = _Offboarding(services, order, person, services.now().replace(microsecond=0))
        told = await offboarding.carry_out()
    # Everything is done and on record: what Entra says of it must not undo that.
    answer = await prove_departure(services, offboarding.departures, order.reason)
    return replace(told, proof=answer.proof, proof_policy=answer.policy) if answer else told


async def record_failure(services: Services, order: OffboardOrder, error: EnforcerError) -> None:
    """Say in the run's record why it failed, where nobody tries it again.

    The log must not: the text may name people. Where it is storage that fails, there is nothing to say it in.
    """
    with suppress(EnforcerError):
        for run in await services.runs.of_id(order.run_id, services.settings.group_ids):
            if run.state is RunState.RUNNING:
                failed = replace(
                    run, state=RunState.FAILED, finished_at=services.now(), error=str(error)[:1000]
                )
                await services.runs.save(Report(run=failed))


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
    standings: list[Standing] = field(default_factory=list)
    people: dict[str, Offboard] = field(default_factory=dict)
    departures: list[tuple[Run, Enforcement]] = field(default_factory=list)

    async def carry_out(self) -> Offboarded:
        rows = await self._find_rows()
        for group_id in self._groups:
            await self.services.runs.save(Report(run=self._begun(group_id)))
        ended = await end_rows(self.services, rows, self.person.id, self.now, self._context(""))
        await self._plan({row.group_id: row for row in rows})
        await self._write_intents()
        account, removals = await self._take_steps()
        taken = {
            group_id: Taken(person=person, results=_in_order(person, account, removals[group_id]))
            for group_id, person in self.people.items()
        }
        outcomes = [await self._record(standing, taken[standing.group_id]) for standing in self.standings]
        if any(result.unavailable for item in taken.values() for result in item.results.values()):
            raise UnavailableError(next(item.failures for item in taken.values() if item.failures))
        return self._told(account, removals, outcomes, ended)

    @property
    def _groups(self) -> tuple[str, ...]:
        return self.services.settings.group_ids

    # What is known ---------------------------------------------------------------------------------------

    async def _find_rows(self) -> list[Registration]:
        """Find his rows, whichever of his names they go by and in whatever case; there may be several."""
        return [
            row
            for group_id in self._groups
            for row in await self.services.register.named(group_id, self.person.names)
        ]

    async def _plan(self, rows: Mapping[str, Registration]) -> None:
        listed, groups = await self._listed(), self._groups
        self.standings = [await self._stand(group_id, rows.get(group_id), listed) for group_id in groups]
        account = Account.of(self.person, self.standings, self.services.settings.disable_accounts)
        self.people = {
            standing.group_id: standing.offboarding(self.person, account, self.now)
            for standing in self.standings
        }

    async def _listed(self) -> frozenset[str] | None:
        """Ask in which of the groups he is; None where Graph does not say."""
        try:
            async with asyncio.timeout(_ASKING_SECONDS):
                found = await groups_having(self.services.graph, self.person.id, self._groups)
        except (EnforcerError, TimeoutError):
            return None
        return frozenset(map(str.lower, found))

    async def _stand(
        self, group_id: str, row: Registration | None, listed: frozenset[str] | None
    ) -> Standing:
        read = row.read(self.services.settings.zone) if row else None
        row_key = row.row_key if row else None
        return Standing(
            group_id=group_id,
            row_key=row_key,
            ended=read if isinstance(read, Contractor) and read.is_due(self.now) else None,
            earlier=await self.services.enforcements.get(group_id, row_key or self.person.id),
            listed=None if listed is None else group_id in listed,
        )

    # The steps -------------------------------------------------------------------------------------------

    async def _write_intents(self) -> None:
        for standing in recorded(self.standings):
            begun = intent(self.people[standing.group_id], self.order.run_id)
            await self.services.enforcements.save(standing.group_id, [begun])

    async def _take_steps(self) -> tuple[dict[Step, StepResult], dict[str, StepResult]]:
        """Disable, remove everywhere, and only then revoke: the next token knows of no membership."""
        directory, account = self.services.directory, dict[Step, StepResult]()
        if any(Step.DISABLE in person.steps for person in self.people.values()):
            account[Step.DISABLE] = await _tried(directory.set_enabled(self.person.id, enabled=False))
        removals = {standing.group_id: await self._remove(standing) for standing in self.standings}
        account[Step.REVOKE] = await _tried(directory.revoke(self.person.id))
        return account, removals

    async def _remove(self, standing: Standing) -> StepResult:
        removal = await _tried(self.services.directory.remove(standing.group_id, self.person.id))
        if removal.outcome is not StepOutcome.ABSENT or not standing.listed:
            return removal
        # One of the two answers is wrong, and no member list will be read soon to tell.
        again = await _tried(self.services.directory.remove(standing.group_id, self.person.id))
        return replace(again, uncertain=True)

    # The record ------------------------------------------------------------------------------------------

    async def _record(self, standing: Standing, taken: Taken) -> Outcome:
        now, group_id = self.services.now(), standing.group_id
        outcome = standing.with_own_removal(conclude(taken, self.order.run_id, now), self.order.run_id)
        removal = taken.results[Step.REMOVE]
        concerned = standing.is_concerned or removal.outcome is StepOutcome.DONE or removal.uncertain
        if concerned or not taken.settled or group_id == self._groups[0]:
            await self.services.ledger.append(group_id, entries(taken, self._context(group_id), now))
        await self._save(standing, outcome, concerned=concerned)
        run = self._run(group_id, outcome, concerned=concerned)
        await self.services.runs.save(Report(run=run))
        self.departures.append((run, outcome.enforcement))
        return outcome

    async def _save(self, standing: Standing, outcome: Outcome, *, concerned: bool) -> None:
        enforcements, group_id, earlier = self.services.enforcements, standing.group_id, standing.earlier
        has_intent = standing in recorded(self.standings)
        absent = outcome.finished and outcome.result is Result.ALREADY_ABSENT
        if earlier is not None and not earlier.unfinished and absent:
            # Called again: what was on record about the first time stays.
            await enforcements.save(group_id, [earlier])
        elif concerned or (has_intent and not outcome.finished):
            await enforcements.save(group_id, [outcome.enforcement])
        elif earlier is None and has_intent:
            await enforcements.forget(group_id, outcome.enforcement.row_key)

    def _context(self, group_id: str) -> Context:
        order = self.order
        return Context(group_id=group_id, run_id=order.run_id, actor=order.actor, note=order.reason)

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
        run = replace(
            counted(self._begun(group_id), [outcome]),
            finished_at=self.services.now(),
            state=RunState.COMPLETE if outcome.finished else RunState.FAILED,
            error=outcome.reason,
        )
        # Whoever was not in the group, and had no row there, was not due there.
        return run if concerned or not outcome.finished else replace(run, due=0, already_absent=0)

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
