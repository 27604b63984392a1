"""One person: the steps of his offboarding, in order, and what is recorded of them."""

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
from enforcer.graph.directory import Directory

_ACTIONS = {Step.DISABLE: Action.DISABLE, Step.REMOVE: Action.REMOVE, Step.REVOKE: Action.REVOKE}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """The steps that were taken for a person.

    Attributes:
        interrupted: Why they were broken off; empty where they were not.
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
    """Return what is written before the first step, so that a run that breaks off can be taken up again."""
    earlier = person.earlier
    if earlier is not None and earlier.unfinished and earlier.user_id == person.user_id:
        begun = replace(
            earlier,
            run_id=run_id,
            end_date=person.end_date or earlier.end_date,
            due_at=person.due_at or earlier.due_at,
            user_kind=person.known_kind,
            was_disabled=person.was_disabled,
            disabled_at=None if Step.DISABLE in person.steps else earlier.disabled_at,
        )
        # Somebody who is to be removed once more has to be revoked once more, too, after that.
        if not person.is_out:
            begun = replace(begun, removed_at=None, revoked_at=None, sessions=None)
        return begun
    return OffboardingRecord(
        row_key=person.key,
        user_id=person.user_id,
        state=State.OFFBOARDING,
        end_date=person.end_date or "",
        due_at=person.due_at,
        user_kind=person.known_kind,
        was_disabled=person.was_disabled,
        run_id=run_id,
    )


async def take_steps(
    directory: Directory, group_id: str, taken: StepRun, look: Precondition = no_precondition
) -> None:
    """Take the person's steps one after the other and note each result; none waits for another's success.

    Sessions are revoked last, so that the next token is issued without the membership. The first step takes a
    last look, when its turn has really come; what has begun then is brought to its end.

    Raises:
        Whatever the look raises.
        RunError: The whole run has to end; what was done until then is noted.
    """
    person, results = taken.person, taken.results
    for step in person.steps:
        match step:
            case Step.DISABLE:
                results[step] = await directory.set_enabled(person.user_id, enabled=False, precondition=look)
            case Step.REMOVE:
                removal = await directory.remove(group_id, person.user_id, look)
                results[step] = _credited(person, removal)
            case Step.REVOKE:
                results[step] = await directory.revoke(person.user_id, look)
        look = no_precondition


def _credited(person: Offboard, removal: StepResult) -> StepResult:
    """Of somebody who was listed, and is absent after an attempt without an answer: that was the removal.

    Unless an earlier one is on record, and the list only lagged behind it.
    """
    known = person.authorised and person.earlier is not None and person.earlier.removed_at is not None
    if removal.outcome is StepOutcome.ABSENT and removal.uncertain and not known:
        return replace(removal, outcome=StepOutcome.DONE)
    return removal


def conclude(taken: StepRun, run_id: str, now: datetime) -> Outcome:
    """Say what came of the steps, and what is known of the person now.

    Steps that were broken off are no failed attempt: it was not on his account.
    """
    enforcement = _with_results(intent(taken.person, run_id), taken, now)
    if taken.settled:
        enforcement = replace(
            enforcement, state=State.OFFBOARDED, attempts=0, next_attempt_at=None, last_error=""
        )
    elif not taken.interrupted:
        enforcement = _after_failure(enforcement, taken, now)
    return Outcome(
        result=_result(taken, enforcement),
        enforcement=enforcement,
        reason=taken.interrupted or taken.failures,
        finished=taken.settled,
        incomplete=not taken.settled,
        revoked=_was_done(taken, Step.REVOKE) and enforcement.sessions is Sessions.REVOKED,
        disabled=_was_done(taken, Step.DISABLE),
    )


def entries(taken: StepRun, context: Context, now: datetime) -> list[Entry]:
    """Return the ledger's entries, one for each step that was taken or found to be done."""
    person = taken.person
    about = intent(person, context.run_id)
    return [
        context.entry(
            _ACTIONS[step],
            now,
            outcome=_words(step, result, person.known_kind),
            about=about,
            request_id=result.request_id,
        )
        for step, result in (_found_out(person) | taken.results).items()
    ]


def _found_out(person: Offboard) -> dict[Step, StepResult]:
    """Whoever is out without a removal on record: a run broke off after it, or somebody else was faster."""
    begun = person.earlier is not None and person.earlier.removed_at is None
    return {Step.REMOVE: StepResult(outcome=StepOutcome.ABSENT)} if begun and person.is_out else {}


def _with_results(enforcement: OffboardingRecord, taken: StepRun, now: datetime) -> OffboardingRecord:
    """Note the time of every settled step. Without a removal, a revocation has to come again after it."""
    removal = taken.results.get(Step.REMOVE)
    out = removal.settled if removal else taken.person.is_out
    if out and (removal is not None or enforcement.removed_at is None):
        enforcement = replace(enforcement, removed_at=_removed_at(taken, now))
    if (disabled := taken.results.get(Step.DISABLE)) and disabled.outcome is StepOutcome.DONE:
        enforcement = replace(enforcement, disabled_at=now)
    revocation = taken.results.get(Step.REVOKE)
    if revocation is None or not revocation.settled or not out:
        return enforcement
    if revocation.outcome is StepOutcome.NO_ACCOUNT:
        return replace(enforcement, sessions=Sessions.NO_ACCOUNT)
    return replace(enforcement, revoked_at=now, sessions=_sessions(taken.person.known_kind))


def _removed_at(taken: StepRun, now: datetime) -> datetime:
    """Return the time of the removal; where an earlier one was only not visible yet, the time of that."""
    removal, person = taken.results.get(Step.REMOVE), taken.person
    was_absent = removal is not None and removal.outcome is StepOutcome.ABSENT
    earlier = person.earlier.removed_at if person.earlier and person.authorised else None
    return earlier if was_absent and earlier is not None else now


def _after_failure(enforcement: OffboardingRecord, taken: StepRun, now: datetime) -> OffboardingRecord:
    earlier = taken.person.earlier
    # A run that is tried again, as from the queue, has failed once.
    again = earlier is not None and earlier.run_id == enforcement.run_id and enforcement.attempts > 0
    attempts = enforcement.attempts if again else enforcement.attempts + 1
    stuck = attempts >= RUNS_BEFORE_STUCK
    return replace(
        enforcement,
        state=State.STUCK if stuck else State.OFFBOARDING,
        attempts=attempts,
        next_attempt_at=now + STUCK_RETRY if stuck else None,
        last_error=taken.failures,
    )


def _result(taken: StepRun, enforcement: OffboardingRecord) -> Result:
    if enforcement.state is State.STUCK:
        return Result.STUCK
    removal = taken.results.get(Step.REMOVE)
    if removal is None:
        return Result.ALREADY_ABSENT if taken.settled else Result.SKIPPED
    if not removal.settled:
        return Result.SKIPPED
    return Result.REMOVED if removal.outcome is StepOutcome.DONE else Result.ALREADY_ABSENT


def _was_done(taken: StepRun, step: Step) -> bool:
    result = taken.results.get(step)
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
            return EntryOutcome.ALREADY_ABSENT
        case StepOutcome.DONE:
            if step is Step.REVOKE:
                return _sessions(kind).value
            return {Step.REMOVE: EntryOutcome.REMOVED, Step.DISABLE: EntryOutcome.DISABLED}[step]
