"""Offboard one person: the steps, in order, and what is recorded of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from enforcer.core.ledger import Action, Entry, EntryOutcome, failure
from enforcer.core.ledger_entries import Context
from enforcer.core.offboarding_record import (
    RUNS_BEFORE_STUCK,
    STUCK_RETRY,
    OffboardingRecord,
    Sessions,
    State,
)
from enforcer.core.plan import Offboard, Step
from enforcer.core.runs import Outcome, Result
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.core.user_kind import UserKind
from enforcer.graph.batch import Precondition, no_precondition
from enforcer.services import Services

_ACTIONS = {
    Step.DISABLE: Action.DISABLE,
    Step.REMOVE: Action.REMOVE,
    Step.LEAVERS_ADD: Action.LEAVERS_ADD,
    Step.REVOKE: Action.REVOKE,
}
_DONE = {
    Step.DISABLE: EntryOutcome.DISABLED,
    Step.REMOVE: EntryOutcome.REMOVED,
    Step.LEAVERS_ADD: EntryOutcome.ADDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """The steps taken for a person, with their results.

    Attributes:
        interrupted: Why they were interrupted; empty where they were not.
    """

    person: Offboard
    results: dict[Step, StepResult] = field(default_factory=dict)
    interrupted: str = ""

    @property
    def settled(self) -> bool:
        return all(step in self.results and self.results[step].settled for step in self.person.steps)

    @property
    def failures(self) -> str:
        return "; ".join(
            f"{step}: {result.explanation}" for step, result in self.results.items() if not result.settled
        )[:240]


def intent(person: Offboard, run_id: str) -> OffboardingRecord:
    """Return the record to write before the first step, so that a later run can complete this one."""
    earlier = person.earlier
    if earlier is not None and earlier.unfinished and earlier.user_id == person.user_id:
        begun = replace(
            earlier,
            run_id=run_id,
            end_date=person.end_date or earlier.end_date,
            due_at=person.due_at or earlier.due_at,
            user_kind=person.known_kind,
            was_disabled=person.was_disabled,
            keeps_account=person.keeps_account,
            disabled_at=None if Step.DISABLE in person.steps else earlier.disabled_at,
            begun_in=person.sequence or earlier.begun_in,
        )
        # Whoever is removed again has to be revoked again after that.
        if not person.is_out:
            begun = replace(begun, removed_at=None, leavers_at=None, revoked_at=None, sessions=None)
        return begun
    return OffboardingRecord(
        row_key=person.key,
        user_id=person.user_id,
        state=State.OFFBOARDING,
        end_date=person.end_date or "",
        due_at=person.due_at,
        user_kind=person.known_kind,
        was_disabled=person.was_disabled,
        keeps_account=person.keeps_account,
        run_id=run_id,
        begun_in=person.sequence,
    )


async def take_steps(
    services: Services, group_id: str, step_run: StepRun, precondition: Precondition = no_precondition
) -> None:
    """Take the person's steps in order and note each result; a failed step does not stop the next.

    Sessions are revoked last, so that the next token is issued without the membership, or not at all. The
    precondition is checked just before the first step is sent; after that, all steps are taken.

    Raises:
        Whatever the precondition raises.
        RunError: The whole run has to end; what was done until then is noted.
    """
    person, results, directory = step_run.person, step_run.results, services.steps
    for step in person.steps:
        match step:
            case Step.DISABLE:
                results[step] = await directory.set_enabled(
                    person.user_id, enabled=False, precondition=precondition
                )
            case Step.REMOVE:
                removal = await directory.remove(group_id, person.user_id, precondition)
                results[step] = _credited(person, removal)
            case Step.LEAVERS_ADD:
                leavers_group = services.settings.leavers_group
                results[step] = await directory.add_leaver(leavers_group, person.user_id, precondition)
            case Step.REVOKE:
                results[step] = await directory.revoke(person.user_id, precondition)
        precondition = no_precondition


def _credited(person: Offboard, removal: StepResult) -> StepResult:
    """Count an unanswered removal as ours, if the person was listed before and is absent now.

    Unless an earlier removal is on record, and the list only lagged behind it.
    """
    known = not person.is_fresh and person.earlier is not None and person.earlier.removed_at is not None
    if removal.outcome is StepOutcome.ABSENT and removal.uncertain and not known:
        return replace(removal, outcome=StepOutcome.DONE)
    return removal


def conclude(step_run: StepRun, run_id: str, now: datetime) -> Outcome:
    """Return the outcome of the steps, with the person's new record.

    An interruption does not count as a failed attempt, as it is not about this person.
    """
    record = _with_results(intent(step_run.person, run_id), step_run, now)
    if step_run.settled:
        record = replace(record, state=State.OFFBOARDED, attempts=0, next_attempt_at=None, last_error="")
    elif not step_run.interrupted:
        record = _after_failure(record, step_run, now)
    return Outcome(
        result=_result(step_run, record),
        record=record,
        reason=step_run.interrupted or step_run.failures,
        finished=step_run.settled,
        incomplete=not step_run.settled,
        revoked=_was_done(step_run, Step.REVOKE) and record.sessions is Sessions.REVOKED,
        disabled=_was_done(step_run, Step.DISABLE),
    )


def entries(step_run: StepRun, context: Context, now: datetime) -> list[Entry]:
    """Return the ledger's entries, one for each step taken or found to be done."""
    person = step_run.person
    about = intent(person, context.run_id)
    return [
        context.entry(
            _ACTIONS[step],
            now,
            outcome=_words(step, result, person.known_kind),
            about=about,
            request_id=result.request_id,
        )
        for step, result in (_found_out(person) | step_run.results).items()
    ]


def _found_out(person: Offboard) -> dict[Step, StepResult]:
    """Return the removal of whoever is out without one on record: unrecorded, or done by somebody else."""
    begun = person.earlier is not None and person.earlier.removed_at is None
    return {Step.REMOVE: StepResult(outcome=StepOutcome.ABSENT)} if begun and person.is_out else {}


def _with_results(record: OffboardingRecord, step_run: StepRun, now: datetime) -> OffboardingRecord:
    """Note the time of every settled step; a revocation before the removal does not count."""
    removal = step_run.results.get(Step.REMOVE)
    out = removal.settled if removal else step_run.person.is_out
    if out and (removal is not None or record.removed_at is None):
        record = replace(record, removed_at=_removed_at(step_run, now))
    if (disabled := step_run.results.get(Step.DISABLE)) and disabled.outcome is StepOutcome.DONE:
        record = replace(record, disabled_at=now)
    if (added := step_run.results.get(Step.LEAVERS_ADD)) and added.settled:
        record = replace(record, leavers_at=now)
    revocation = step_run.results.get(Step.REVOKE)
    if revocation is None or not revocation.settled or not out:
        return record
    if revocation.outcome is StepOutcome.NO_ACCOUNT:
        return replace(record, sessions=Sessions.NO_ACCOUNT)
    return replace(record, revoked_at=now, sessions=_sessions(step_run.person.known_kind))


def _removed_at(step_run: StepRun, now: datetime) -> datetime:
    """Return when the person was removed: the earlier time, if that removal was only not visible yet."""
    removal, person = step_run.results.get(Step.REMOVE), step_run.person
    was_absent = removal is not None and removal.outcome is StepOutcome.ABSENT
    earlier = person.earlier.removed_at if person.earlier and not person.is_fresh else None
    return earlier if was_absent and earlier is not None else now


def _after_failure(record: OffboardingRecord, step_run: StepRun, now: datetime) -> OffboardingRecord:
    earlier = step_run.person.earlier
    # A run that is retried, as from the queue, counts as one failure.
    again = earlier is not None and earlier.run_id == record.run_id and record.attempts > 0
    attempts = record.attempts if again else record.attempts + 1
    stuck = attempts >= RUNS_BEFORE_STUCK
    return replace(
        record,
        state=State.STUCK if stuck else State.OFFBOARDING,
        attempts=attempts,
        next_attempt_at=now + STUCK_RETRY if stuck else None,
        last_error=step_run.failures,
    )


def _result(step_run: StepRun, record: OffboardingRecord) -> Result:
    if record.state is State.STUCK:
        return Result.STUCK
    removal = step_run.results.get(Step.REMOVE)
    if removal is None:
        return Result.ALREADY_ABSENT if step_run.settled else Result.SKIPPED
    if not removal.settled:
        return Result.SKIPPED
    return Result.REMOVED if removal.outcome is StepOutcome.DONE else Result.ALREADY_ABSENT


def _was_done(step_run: StepRun, step: Step) -> bool:
    result = step_run.results.get(step)
    return result is not None and result.outcome is StepOutcome.DONE


def _sessions(kind: UserKind) -> Sessions:
    return Sessions.REVOKED if kind.signs_in_here else Sessions.HOME_TENANT


def _words(step: Step, result: StepResult, kind: UserKind) -> str:
    match result.outcome:
        case StepOutcome.FAILED:
            return failure(result.explanation)
        case StepOutcome.NO_ACCOUNT:
            return Sessions.NO_ACCOUNT.value
        case StepOutcome.ABSENT:
            added = step is Step.LEAVERS_ADD
            return EntryOutcome.ALREADY_A_MEMBER if added else EntryOutcome.ALREADY_ABSENT
        case StepOutcome.DONE:
            if step is Step.REVOKE:
                return _sessions(kind).value
            return _DONE[step]
