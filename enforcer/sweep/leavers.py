"""Offboard the people of a plan: recheck their rows, take the steps, record the results."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from functools import partial

from enforcer.concurrency import each
from enforcer.core.exceptions import AccessDeniedError
from enforcer.core.plan import Finding, FindingKind, Offboard, Step, stuck_finding
from enforcer.core.planning.recheck import Recheck, SkipReason, names
from enforcer.core.runs import OUT_OF_TIME, RUN_ENDED, Outcome, Result
from enforcer.offboarding.steps import StepRun, conclude, entries, intent, take_steps
from enforcer.policies.what_if import before_asking
from enforcer.sweep.group_run import GroupRun

# Enough for sixteen batches of twenty in flight, the next ones waiting, and others being recorded.
_PEOPLE_AT_ONCE = 560
# When this many in a row are refused, it is not about the person.
_CANARIES = 20
_NAMED = 3
# How `StepRun.failures` begins where Graph refused the removal.
_REFUSED = f"{Step.REMOVE}: 403"


class _SkippedError(Exception):
    """The recheck found a reason to leave the person alone."""

    def __init__(self, skip_reason: SkipReason) -> None:
        self.skip_reason = skip_reason
        super().__init__(skip_reason.reason)


class _RecheckError(Exception):
    """The register could not be read, or the lease is lost: not an answer of Graph's."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))


@dataclass(slots=True)
class Leavers:
    """The people whom one run offboards.

    Attributes:
        outcomes: Each person's outcome, in the order in which they were finished.
        refused: Those for whom Graph refused a step, as it does for administrators' accounts.
        failure: What ends the run. Nobody else is started after it, but whoever was started is finished and
            recorded: one person's error must not lose what was done for another.
    """

    group_run: GroupRun
    outcomes: list[Outcome] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)
    failure: Exception | None = None

    async def offboard(self, people: tuple[Offboard, ...]) -> None:
        """Offboard everybody, a few canaries first, so that a refusal of everybody is noticed early.

        Raises:
            RunError, UnavailableError: The run has to end.
            Any other failure, once everybody who was started is on record.
        """
        ahead = await self._canaries(people)
        # In the register's order, so that one read serves the rechecks of many.
        others = sorted((item for item in people if item.key not in ahead), key=lambda item: item.key)
        await each(others, self._offboard_one, at_once=_PEOPLE_AT_ONCE)
        if self.failure is not None:
            raise self.failure

    @property
    def stuck(self) -> list[Finding]:
        """Findings for those who are stuck after this run, and those for whom Graph refused a step."""
        stuck = [stuck_finding(out.record) for out in self.outcomes if out.result is Result.STUCK]
        named = {found.user_id for found in stuck}
        return stuck + [found for found in self.refused if found.user_id not in named]

    async def _canaries(self, people: tuple[Offboard, ...]) -> set[str]:
        """Offboard people one by one until one is not refused; return their keys.

        They are drawn at random: an account that Graph always refuses must not be first every night and keep
        the others in. A refusal of somebody who was refused before proves nothing.

        Raises:
            AccessDeniedError: All were refused. No attempt is counted, as it is not about any of them.
        """
        tried: list[StepRun] = []
        ahead: set[str] = set()
        for person in random.sample(people, min(len(people), _CANARIES)):
            ahead.add(person.key)
            step_run = await self._begin(person)
            tried += [step_run] if step_run else []
            if not all(_is_refused(step_run) for step_run in tried):
                break
        fresh = [one for one in tried if _is_refused(one) and not _was_refused_before(one.person)]
        if len(fresh) > 1 and all(_is_refused(one) for one in tried):
            await self._give_up(tried)
        for step_run in tried:
            await self._conclude(step_run)
        return ahead

    async def _give_up(self, tried: list[StepRun]) -> None:
        now, context = self.group_run.services.now(), self.group_run.context
        await self.group_run.record([entry for one in tried for entry in entries(one, context, now)])
        people = ", ".join(sorted(one.person.user_id for one in tried)[:_NAMED])
        raise AccessDeniedError(
            "Graph refuses to remove anybody: make this identity an owner of the group, or grant it"
            " GroupMember.ReadWrite.All. If `enforcer check` says that it may, these are administrators'"
            f" accounts, which have to be removed by hand: {people}. {tried[0].failures}"
        )

    async def _offboard_one(self, person: Offboard) -> None:
        if step_run := await self._begin(person):
            await self._conclude(step_run)

    async def _begin(self, person: Offboard) -> StepRun | None:
        """Take the person's steps, unless the recheck just before the first finds a reason not to."""
        if self.failure is not None or self.group_run.time_is_up():
            reason = RUN_ENDED if self.failure is not None else OUT_OF_TIME
            self.outcomes.append(left_alone(person, reason, incomplete=True))
            return None
        try:
            return await self._take_steps(person)
        except _SkippedError as error:
            self.outcomes.append(await self._leave_alone(person, error.skip_reason))
        except _RecheckError as error:
            self.outcomes.append(self._end(person, error.error))
        return None

    def _end(self, person: Offboard, error: Exception) -> Outcome:
        self.failure = self.failure or error
        return left_alone(person, RUN_ENDED, incomplete=True)

    async def _leave_alone(self, person: Offboard, skip_reason: SkipReason) -> Outcome:
        if skip_reason.withdraws:
            try:
                await self.group_run.forget(intent(person, self.group_run.run.run_id), skip_reason.reason)
            except Exception as error:  # noqa: BLE001 -- ends the run, once everybody who was started is on record
                return self._end(person, error)
        return left_alone(person, skip_reason.reason, incomplete=not skip_reason.withdraws)

    async def _recheck(self, person: Offboard) -> None:
        """Make sure that the person is still due and the lease is still ours."""
        try:
            skip_reason = await self._skip_reason(person)
            await self.group_run.lease.require()
        except Exception as error:
            raise _RecheckError(error) from error
        if skip_reason is not None:
            raise _SkippedError(skip_reason)

    async def _skip_reason(self, person: Offboard) -> SkipReason | None:
        """Read the person's rows again."""
        services, group_id = self.group_run.services, self.group_run.group_id
        own, since = person.row_key or person.user_id, self.group_run.lease.taken_at
        recheck = Recheck(
            own=await services.register.row(group_id, own),
            others=await services.register.changed(group_id, since, names(person), besides=own),
            rules=services.settings.date_rules,
            now=services.now(),
        )
        return recheck.skip_reason(person)

    async def _take_steps(self, person: Offboard) -> StepRun:
        """Take the person's steps; if interrupted, keep what was done until then."""
        group_run, step_run = self.group_run, StepRun(person=person)
        try:
            async with asyncio.timeout_at(group_run.last_call):
                recheck = partial(self._recheck, person)
                await take_steps(group_run.services, group_run.group_id, step_run, recheck)
        except TimeoutError:
            return replace(step_run, interrupted=OUT_OF_TIME)
        except (_SkippedError, _RecheckError):
            raise
        except Exception as error:  # noqa: BLE001 -- ends the run, once everybody who was started is on record
            self.failure = self.failure or error
            return replace(step_run, interrupted=RUN_ENDED)
        return step_run

    async def _conclude(self, step_run: StepRun) -> None:
        now = self.group_run.services.now()  # the same in both records, as the evidence compares them
        outcome = conclude(step_run, self.group_run.run.run_id, now)
        outcome = replace(outcome, record=before_asking(outcome.record))
        try:
            await self.group_run.record(entries(step_run, self.group_run.context, now))
            await self.group_run.services.records.save(self.group_run.group_id, [outcome.record])
        except Exception as error:  # noqa: BLE001 -- ends the run, once everybody who was started is on record
            self.failure = self.failure or error
        self.outcomes.append(outcome)
        if any(result.forbidden for result in step_run.results.values()):
            self.refused.append(_refused(outcome))


def left_alone(person: Offboard, reason: str, *, incomplete: bool = False) -> Outcome:
    """Return the outcome of somebody whom the run leaves alone."""
    return Outcome(result=Result.SKIPPED, record=intent(person, ""), reason=reason, incomplete=incomplete)


def _is_refused(step_run: StepRun) -> bool:
    removal = step_run.results.get(Step.REMOVE)
    return removal is not None and removal.forbidden


def _was_refused_before(person: Offboard) -> bool:
    earlier = person.earlier
    return earlier is not None and earlier.unfinished and _REFUSED in earlier.last_error


def _refused(outcome: Outcome) -> Finding:
    # Where Graph refuses this very account, no later run will succeed: report it at once.
    item = outcome.record
    detail = f"Graph refuses a step, as it does for administrators: {item.last_error}"
    return Finding(kind=FindingKind.STUCK, row_key=item.row_key, user_id=item.user_id, detail=detail)
