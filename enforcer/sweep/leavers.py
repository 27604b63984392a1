"""Offboards the people of a plan: looks once more, takes the steps, records what came of them."""

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

# Enough for sixteen batches of twenty under way, the next ones waiting, and others being recorded.
_PEOPLE_AT_ONCE = 560
# So many refusals in a row, and nothing else, are not about the person.
_CANARIES = 20
_NAMED = 3
# How `StepRun.failures` begins where Graph refused the removal.
_REFUSED = f"{Step.REMOVE}: 403"


class _SkippedError(Exception):
    """The person is to be left alone."""

    def __init__(self, skip_reason: SkipReason) -> None:
        self.skip_reason = skip_reason
        super().__init__(skip_reason.reason)


class _RecheckError(Exception):
    """The register could not be asked, or the group is not ours any more: that is not Graph's answer."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))


@dataclass(slots=True)
class Leavers:
    """The people whom one run offboards.

    Attributes:
        outcomes: What came of whom, in the order in which it came.
        refused: Those for whom Graph refused a step, as it does for administrators' accounts.
        failure: Why the run has to end, whatever it is. Nobody else is begun then, but whoever was begun is
            brought to an end and recorded: what was done must not be lost with an error of somebody else's.
    """

    job: GroupRun
    outcomes: list[Outcome] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)
    failure: Exception | None = None

    async def offboard(self, people: tuple[Offboard, ...]) -> None:
        """Offboard everybody; a few go ahead, so that a refusal of all is noticed early.

        Raises:
            RunError, UnavailableError: The run has to end.
            Whatever else has failed, once everybody who was begun is on record.
        """
        ahead = await self._canaries(people)
        # In the register's order, so that the last looks at their rows find many in one reading.
        others = sorted((item for item in people if item.key not in ahead), key=lambda item: item.key)
        await each(others, self._offboard_one, at_once=_PEOPLE_AT_ONCE)
        if self.failure is not None:
            raise self.failure

    @property
    def stuck(self) -> list[Finding]:
        """Name those whom this run could not offboard for the sixth time, or once more, or was refused to."""
        stuck = [stuck_finding(out.enforcement) for out in self.outcomes if out.result is Result.STUCK]
        named = {found.user_id for found in stuck}
        return stuck + [found for found in self.refused if found.user_id not in named]

    async def _canaries(self, people: tuple[Offboard, ...]) -> set[str]:
        """Offboard people one after the other until one is not refused; tell who they were.

        They are drawn by lot: whoever is refused for reasons of his own must not go ahead every night, and
        keep the others in. Whoever was refused before, while others were not, proves nothing.

        Raises:
            AccessDeniedError: All were refused: that is nobody's own failure, so no attempts are counted.
        """
        tried: list[StepRun] = []
        ahead: set[str] = set()
        for person in random.sample(people, min(len(people), _CANARIES)):
            ahead.add(person.key)
            taken = await self._begin(person)
            tried += [taken] if taken else []
            if not all(_is_refused(taken) for taken in tried):
                break
        fresh = [taken for taken in tried if _is_refused(taken) and not _was_refused_before(taken.person)]
        if len(fresh) > 1 and all(_is_refused(taken) for taken in tried):
            await self._give_up(tried)
        for taken in tried:
            await self._conclude(taken)
        return ahead

    async def _give_up(self, tried: list[StepRun]) -> None:
        now = self.job.services.now()
        await self.job.record([item for taken in tried for item in entries(taken, self.job.context, now)])
        people = ", ".join(sorted(taken.person.user_id for taken in tried)[:_NAMED])
        raise AccessDeniedError(
            "Graph refuses to remove anybody: make this identity an owner of the group, or grant it"
            " GroupMember.ReadWrite.All. Where `enforcer check` says that it may, these are administrators'"
            f" accounts, and people have to remove them: {people}. {tried[0].failures}"
        )

    async def _offboard_one(self, person: Offboard) -> None:
        if taken := await self._begin(person):
            await self._conclude(taken)

    async def _begin(self, person: Offboard) -> StepRun | None:
        """Take the person's steps, unless a last look just before the first of them finds a reason not to."""
        if self.failure is not None or self.job.time_is_up():
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
                await self.job.forget(intent(person, self.job.run.run_id), skip_reason.reason)
            except Exception as error:  # noqa: BLE001 -- ends the run, once everybody who was begun is on record
                return self._end(person, error)
        return left_alone(person, skip_reason.reason, incomplete=not skip_reason.withdraws)

    async def _look_again(self, person: Offboard) -> None:
        """Make sure that nothing has changed in his favour, and that the group is still ours."""
        try:
            skip_reason = await self._look(person)
            await self.job.lease.require()
        except Exception as error:
            raise _RecheckError(error) from error
        if skip_reason is not None:
            raise _SkippedError(skip_reason)

    async def _look(self, person: Offboard) -> SkipReason | None:
        """Look at the person's rows once more."""
        register, group_id, own = (
            self.job.services.register,
            self.job.group_id,
            person.row_key or person.user_id,
        )
        look = Recheck(
            own=await register.row(group_id, own),
            others=await register.changed(group_id, self.job.lease.taken_at, names(person), besides=own),
            rules=self.job.services.settings.date_rules,
            now=self.job.services.now(),
        )
        return look.skip_reason(person)

    async def _take_steps(self, person: Offboard) -> StepRun:
        """Take the person's steps; where they are broken off, what was done until then is kept."""
        taken = StepRun(person=person)
        try:
            async with asyncio.timeout_at(self.job.last_call):
                look = partial(self._look_again, person)
                await take_steps(self.job.services.directory, self.job.group_id, taken, look)
        except TimeoutError:
            return replace(taken, interrupted=OUT_OF_TIME)
        except (_SkippedError, _RecheckError):
            raise
        except Exception as error:  # noqa: BLE001 -- ends the run, once everybody who was begun is on record
            self.failure = self.failure or error
            return replace(taken, interrupted=RUN_ENDED)
        return taken

    async def _conclude(self, taken: StepRun) -> None:
        now = self.job.services.now()  # one time for both records: the evidence holds them against each other
        outcome = conclude(taken, self.job.run.run_id, now)
        outcome = replace(outcome, enforcement=before_asking(outcome.enforcement))
        try:
            await self.job.record(entries(taken, self.job.context, now))
            await self.job.services.enforcements.save(self.job.group_id, [outcome.enforcement])
        except Exception as error:  # noqa: BLE001 -- ends the run, once everybody who was begun is on record
            self.failure = self.failure or error
        self.outcomes.append(outcome)
        if any(result.forbidden for result in taken.results.values()):
            self.refused.append(_refused(outcome))


def left_alone(person: Offboard, reason: str, *, incomplete: bool = False) -> Outcome:
    """Return the outcome of somebody whom the run did not touch."""
    return Outcome(
        result=Result.SKIPPED, enforcement=intent(person, ""), reason=reason, incomplete=incomplete
    )


def _is_refused(taken: StepRun) -> bool:
    removal = taken.results.get(Step.REMOVE)
    return removal is not None and removal.forbidden


def _was_refused_before(person: Offboard) -> bool:
    earlier = person.earlier
    return earlier is not None and earlier.unfinished and _REFUSED in earlier.last_error


def _refused(outcome: Outcome) -> Finding:
    # No later run will succeed where Graph refuses this very account: people have to know at once.
    item = outcome.enforcement
    detail = f"Graph refuses a step, as it does for administrators: {item.last_error}"
    return Finding(kind=FindingKind.STUCK, row_key=item.row_key, user_id=item.user_id, detail=detail)
