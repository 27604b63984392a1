"""Offboard one contractor on demand, step by step: look, begin, take the steps, record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import NotContractorError, RunError, UnavailableError
from enforcer.core.offboard_answer import Offboarded, step_reports
from enforcer.core.person_in_group import PersonInGroup
from enforcer.core.plan import Step
from enforcer.core.runs import Report, Result
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.offboarding.asking import managed_groups_of, roles_of
from enforcer.offboarding.leaver import Leaver, StepResults
from enforcer.offboarding.own_rows import are_own
from enforcer.policies.proof import prove_leaver
from enforcer.register.changes import end_rows
from enforcer.services import Services
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import OffboardedOnDemand

NOTHING = "not a member of a managed group, without a row or a record"
OWN_ROWS = (
    "not a member of a managed group, without a record, and their row was written within the last hour by"
    " whoever asks for this. Somebody else can offboard them, or ask again when the row is an hour old"
)
# The steps are taken: what they did is to be on record whenever that is possible.
_RECORDING_SECONDS = 4.0


@dataclass(slots=True)
class Offboarding:
    """One person's offboarding, from the first look at them to its record.

    Attributes:
        until: Event loop time after which no step is begun; None for no limit.
        rows: Their rows in the register, as they were before.
        ended: Those of them that end now.
        roles_unread: Why nobody knows which directory roles they hold.
    """

    services: Services
    leaver: Leaver
    until: float | None
    rows: list[RegisterRow] = field(default_factory=list)
    ended: list[RegisterRow] = field(default_factory=list)
    roles_unread: StepResult | None = None

    # Before the first step -------------------------------------------------------------------------------

    async def look(self) -> None:
        """Find out who the person is to the managed groups, before anything is written.

        Raises:
            NotContractorError: Nothing to any of them, or only by a row that whoever asks has just written.
            RefusedError: They are in a protected group, or such a group is missing.
            UnavailableError: Entra does not say whether they may be offboarded.
        """
        groups, leaver = self.services.settings.group_ids, self.leaver
        listed = await managed_groups_of(self.services, leaver.person.id)
        self.rows = [row for group_id in groups for row in await self._named(group_id)]
        await leaver.look({row.group_id: row for row in self.rows}, listed)
        is_contractor, why = leaver.is_contractor, NOTHING
        if self.rows and leaver.rests_on_rows:
            run = leaver.run
            if await are_own(self.services, self.rows, run.actor, run.started_at):
                is_contractor, why = None if listed is None else False, OWN_ROWS
        match is_contractor:
            case False:
                raise NotContractorError(leaver.person.id, why)
            case None:
                raise UnavailableError(
                    f"Entra does not say whether {leaver.person.id}, who has neither a row nor a record, is a"
                    " member of a managed group"
                )
        await self._ask_for_roles()

    async def begin(self) -> None:
        """End the person's rows, and record the intents."""
        leaver = self.leaver
        for group_id in self.services.settings.group_ids:
            await self.services.runs.save(Report(run=replace(leaver.run, group_id=group_id)))
        self.ended = await end_rows(
            self.services, self.rows, leaver.person.id, leaver.run.started_at, leaver.context()
        )
        await leaver.begin()

    async def _named(self, group_id: str) -> list[RegisterRow]:
        """Find the rows under any of the person's names, in any case; there may be several."""
        return await self.services.register.named(group_id, self.leaver.person.names)

    async def _ask_for_roles(self) -> None:
        """Ask which directory roles the person holds, if their account would be disabled or blocked."""
        leaver = self.leaver
        if leaver.roles is None and (leaver.account.disable or leaver.account.to_leavers):
            match await roles_of(self.services, leaver.person.id):
                case StepResult() as unread:
                    self.roles_unread = unread
                case roles:
                    leaver.roles = roles

    async def finish(self) -> Offboarded:
        """Take the steps, record them, and ask Entra about the next sign-in. Raises: as `conclude`."""
        offboarded = await self.conclude()
        answer = await prove_leaver(self.services, self.leaver.concluded, self.leaver.run.reason)
        return replace(offboarded, proof=answer.proof, proof_policy=answer.policy) if answer else offboarded

    async def conclude(self) -> Offboarded:
        """Take the steps, and record them.

        Raises:
            RunError: Storage refuses; a step that Graph refuses is reported with its result.
            UnavailableError: A step was not answered; what was done is on record.
            TimeoutError: Storage took too long to record what was done.
        """
        steps = await self.take_steps()
        async with asyncio.timeout(None if self.until is None else _RECORDING_SECONDS):
            return await self.record(steps)

    # The steps -------------------------------------------------------------------------------------------

    async def take_steps(self) -> StepResults:
        """Disable, remove everywhere, have the rest blocked, and only then revoke: for the next token."""
        steps, in_groups = StepResults(), self.leaver.in_groups
        await self._disable(steps)
        for place, in_group in enumerate(in_groups):
            steps.removals[in_group.group_id] = removal = await self._remove(in_group)
            in_groups[place] = in_group.after(removal)
        await self._disable(steps)  # where only a removal has shown that they were a member
        if self.leaver.account.to_leavers:
            steps.account[Step.LEAVERS_ADD] = await self._add_to_leavers()
        revoke = partial(self.services.steps.revoke, self.leaver.person.id)
        steps.account[Step.REVOKE] = await self._tried(revoke)
        return steps

    async def _disable(self, steps: StepResults) -> None:
        if Step.DISABLE in steps.account:
            return
        await self._ask_for_roles()
        if not self.leaver.account.disable:
            return
        if self.leaver.roles is None and self.roles_unread is not None:
            steps.account[Step.DISABLE] = self.roles_unread
            return
        disable = partial(self.services.steps.set_enabled, self.leaver.person.id, enabled=False)
        steps.account[Step.DISABLE] = await self._tried(disable)

    async def _add_to_leavers(self) -> StepResult:
        if self.leaver.roles is None and self.roles_unread is not None:
            return self.roles_unread
        leavers_group = self.services.settings.leavers_group
        return await self._tried(
            partial(self.services.steps.add_leaver, leavers_group, self.leaver.person.id)
        )

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
        run = self.leaver.run
        emit(
            OffboardedOnDemand(
                run_id=run.run_id,
                user_id=self.leaver.person.id,
                actor=run.actor,
                done=all(outcome.finished for outcome in outcomes),
                removed=sum(outcome.result is Result.REMOVED for outcome in outcomes),
                disabled=any(outcome.disabled for outcome in outcomes),
            )
        )
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
            ended_rows=row_names(self.ended),
            roles=self.leaver.roles or (),
        )


def row_names(rows: Sequence[RegisterRow]) -> tuple[str, ...]:
    """Return rows as the caller is told of them: `group/row key`."""
    return tuple(f"{row.group_id}/{row.row_key}" for row in rows)


def _unanswered(why: str) -> StepResult:
    return StepResult(outcome=StepOutcome.FAILED, explanation=why, unavailable=True)
