"""Offboard one person now from every managed group, with or without a row in the register."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import (
    EnforcerError,
    NoAccountError,
    NotFoundError,
    RefusedError,
    RunError,
    UnavailableError,
)
from enforcer.core.keys import readable
from enforcer.core.ledger_entries import Context
from enforcer.core.offboard_answer import Offboarded, step_reports
from enforcer.core.person_in_group import PersonInGroup
from enforcer.core.plan import Step
from enforcer.core.runs import Report, Run, RunKind, RunState
from enforcer.core.settings import Mode
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.graph.memberships import groups_having
from enforcer.graph.priority import Priority, working_at
from enforcer.offboarding.leaver import Leaver, StepResults
from enforcer.policies.proof import prove_leaver
from enforcer.register.changes import end_rows
from enforcer.services import Services

# The caller waits, and the answer is only a safeguard.
_ASKING_SECONDS = 5.0
_RECORDING_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OffboardRequest:
    """A request to offboard a person now.

    Attributes:
        user: Object ID, user principal name or e-mail address.
        reason: Why, in the caller's words.
        actor: The caller.
        seconds: Time limit for the steps; None for no limit. Recording, and asking Entra about the next
            sign-in, takes a few seconds more.
    """

    user: str
    reason: str
    actor: str
    run_id: str
    seconds: float | None = None
    actor_name: str = ""


async def offboard_now(services: Services, request: OffboardRequest) -> Offboarded:
    """Offboard a person from all managed groups, and end their rows so that no later run adds them back.

    Rows are ended and intents written before the first step, so that the next sweep completes an interrupted
    offboarding. Before that nothing is on record, and a caller without an answer has to call again. It takes
    no lease: removing and revoking twice is harmless, and the caller waits.

    Raises:
        NoAccountError: Nobody in Entra has this name; rows under it have been ended nevertheless.
        NotFoundError, AmbiguousError: Nobody can have this name, or several people do.
        RefusedError: The person is protected, or the mode is `report`.
        RunError: Storage refuses; a step that Graph refuses is reported with its result.
        UnavailableError: Graph or storage did not answer; what was done is on record.
        TimeoutError: Time was up before the first step, or storage took too long to record the last; what was
            begun is in the register.
    """
    with working_at(Priority.HIGH):
        return await _offboard_now(services, request)


async def _offboard_now(services: Services, request: OffboardRequest) -> Offboarded:
    now = asyncio.get_running_loop().time()
    until = None if request.seconds is None else now + request.seconds
    async with asyncio.timeout_at(until):
        try:
            person = await services.directory.find(request.user)
        except NotFoundError as error:
            raise await _without_account(services, request, error) from error
        _require_allowed(services, person.id)
        leaver = Leaver(services=services, person=person, run=_begun(services, request))
        offboarding = _Offboarding(services, leaver, until)
        await offboarding.begin()
    steps = await offboarding.take_steps()
    async with asyncio.timeout(None if until is None else _RECORDING_SECONDS):
        offboarded = await offboarding.record(steps)
    answer = await prove_leaver(services, leaver.concluded, request.reason)
    return replace(offboarded, proof=answer.proof, proof_policy=answer.policy) if answer else offboarded


async def _without_account(
    services: Services, request: OffboardRequest, unknown: NotFoundError
) -> NotFoundError:
    """End the rows under a name that nobody in Entra has, and return the error to raise.

    Otherwise such a row would let in whoever is soft-deleted, or registered before their account exists. Only
    rows under this very name are ended: another key that was once theirs may be somebody else's by now.

    Raises:
        RefusedError: There is a row, but it must not be touched, as in `offboard_now`.
        RunError, UnavailableError: Storage refuses, or does not answer.
    """
    if not (name := readable(request.user)):
        return unknown
    run = _begun(services, request)
    groups = services.settings.group_ids
    rows = [row for group_id in groups for row in await services.register.named(group_id, {name})]
    if rows:
        _require_allowed(services, name)
    context = Context(
        group_id="", run_id=run.run_id, actor=run.actor, actor_name=run.actor_name, note=run.reason
    )
    ended = await end_rows(services, rows, name, run.started_at, context)
    error = NoAccountError(request.user, _row_names(ended))
    for group_id in dict.fromkeys(row.group_id for row in ended):
        failed = replace(run, group_id=group_id, state=RunState.FAILED, error=str(error)[:1000])
        await services.runs.save(Report(run=replace(failed, finished_at=services.now())))
    return error


async def record_failure(services: Services, request: OffboardRequest, error: EnforcerError) -> None:
    """Record why a run failed that will not be retried.

    The log must not say it, as the text may name people. Where storage itself fails, it is recorded nowhere.
    """
    with suppress(EnforcerError):
        for run in await services.runs.of_id(request.run_id, services.settings.group_ids):
            if run.state is RunState.RUNNING:
                failed = replace(
                    run, state=RunState.FAILED, finished_at=services.now(), error=str(error)[:1000]
                )
                await services.runs.save(Report(run=failed))


def _require_allowed(services: Services, user_id: str) -> None:
    if user_id in services.settings.protected_ids:
        raise RefusedError(f"{user_id} is never acted upon: ENFORCER_PROTECTED_IDS names it", field="user")
    if services.settings.mode is Mode.REPORT:
        raise RefusedError("nobody is offboarded while ENFORCER_MODE is report", field="ENFORCER_MODE")


def _begun(services: Services, request: OffboardRequest) -> Run:
    return Run(
        run_id=request.run_id,
        group_id="",
        kind=RunKind.OFFBOARD,
        started_at=services.now().replace(microsecond=0),
        mode=services.settings.mode.value,
        reason=request.reason,
        actor=request.actor,
        actor_name=request.actor_name,
    )


@dataclass(slots=True)
class _Offboarding:
    services: Services
    leaver: Leaver
    until: float | None
    ended: list[RegisterRow] = field(default_factory=list)

    # Before the first step -------------------------------------------------------------------------------

    async def begin(self) -> None:
        """End the person's rows, and record the intents."""
        groups, leaver = self.services.settings.group_ids, self.leaver
        rows = [row for group_id in groups for row in await self._named(group_id)]
        for group_id in groups:
            await self.services.runs.save(Report(run=replace(leaver.run, group_id=group_id)))
        self.ended = await end_rows(
            self.services, rows, leaver.person.id, leaver.run.started_at, leaver.context()
        )
        await leaver.begin({row.group_id: row for row in rows}, await self._listed())

    async def _named(self, group_id: str) -> list[RegisterRow]:
        """Find the rows under any of the person's names, in any case; there may be several."""
        return await self.services.register.named(group_id, self.leaver.person.names)

    async def _listed(self) -> frozenset[str] | None:
        """Return the groups that have the person as a member; None where Graph does not answer."""
        groups = self.services.settings.group_ids
        try:
            async with asyncio.timeout(_ASKING_SECONDS):
                found = await groups_having(self.services.graph, self.leaver.person.id, groups)
        except (EnforcerError, TimeoutError):
            return None
        return frozenset(map(str.lower, found))

    # The steps -------------------------------------------------------------------------------------------

    async def take_steps(self) -> StepResults:
        """Disable, remove everywhere, and only then revoke, so that the next token has no membership."""
        steps, in_groups = StepResults(), self.leaver.in_groups
        await self._disable(steps)
        for place, in_group in enumerate(in_groups):
            steps.removals[in_group.group_id] = removal = await self._remove(in_group)
            in_groups[place] = in_group.after(removal)
        await self._disable(steps)  # where only a removal has shown that they were a member
        revoke = partial(self.services.steps.revoke, self.leaver.person.id)
        steps.account[Step.REVOKE] = await self._tried(revoke)
        return steps

    async def _disable(self, steps: StepResults) -> None:
        if self.leaver.account.disable and Step.DISABLE not in steps.account:
            disable = partial(self.services.steps.set_enabled, self.leaver.person.id, enabled=False)
            steps.account[Step.DISABLE] = await self._tried(disable)

    async def _remove(self, in_group: PersonInGroup) -> StepResult:
        remove = partial(self.services.steps.remove, in_group.group_id, self.leaver.person.id)
        removal = in_group.weighed(await self._tried(remove))
        if removal.outcome is StepOutcome.ABSENT and removal.uncertain:
            # One of the two answers is wrong, and no member list is read soon that would tell which.
            removal = in_group.weighed(await self._tried(remove))
        return removal

    async def _tried(self, step: Callable[[], Awaitable[StepResult]]) -> StepResult:
        """Take one step. What would end a sweep only fails this step here; the others are still taken."""
        if self.until is not None and asyncio.get_running_loop().time() >= self.until:
            return _unanswered("not begun: the time was up")
        try:
            async with asyncio.timeout_at(self.until):
                return await step()
        except TimeoutError:
            return _unanswered("no answer in time")
        except UnavailableError as error:
            return _unanswered(str(error)[:240])
        except Exception as error:  # noqa: BLE001 -- whatever it is, the other steps are taken and recorded
            explanation = str(error) if isinstance(error, RunError) else f"{type(error).__name__}: {error}"
            return StepResult(outcome=StepOutcome.FAILED, explanation=explanation[:240])

    # The record ------------------------------------------------------------------------------------------

    async def record(self, steps: StepResults) -> Offboarded:
        """Record the results of the steps, and return them.

        Raises:
            UnavailableError: A step was not answered; what was done is on record.
        """
        outcomes = await self.leaver.record(steps)
        if steps.unanswered:
            raise UnavailableError(next(outcome.reason for outcome in outcomes if outcome.reason))
        person = self.leaver.person
        return Offboarded(
            run_id=self.leaver.run.run_id,
            user_id=person.id,
            user_principal_name=person.user_principal_name,
            guest=person.user_kind.may_be_guest,
            done=all(outcome.finished for outcome in outcomes),
            sessions=next((out.record.sessions for out in outcomes if out.record.sessions), None),
            steps=step_reports(steps.account, steps.removals),
            ended_rows=_row_names(self.ended),
        )


def _row_names(rows: Sequence[RegisterRow]) -> tuple[str, ...]:
    """Return rows as the caller is told of them: `group/row key`."""
    return tuple(f"{row.group_id}/{row.row_key}" for row in rows)


def _unanswered(why: str) -> StepResult:
    return StepResult(outcome=StepOutcome.FAILED, explanation=why, unavailable=True)
