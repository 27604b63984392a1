"""What a run did, counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.plan import Finding, HeldPlan

OUT_OF_TIME = "the run's time was up"
RUN_ENDED = "run stopped before this person was finished"
# Characters of the reason that somebody gives for a run: it goes into tables, the ledger and messages.
LONGEST_REASON = 500
# How the error of a run begins whose queue message failed every time.
GIVEN_UP = "the queue message failed every time and was given up"
# A queued offboarding is tried for a day.
_LONGEST_WAIT = timedelta(hours=26)
# Who asked for a run that no record names: whoever may write to the queue.
QUEUE_MESSAGE = "queue message"


def claimed(reason: str) -> str:
    """Return the reason that a queue message gives for itself, so that it is taken for nobody else's."""
    return f"{QUEUE_MESSAGE}: {reason}"[:LONGEST_REASON]


class Result(StrEnum):
    """What this run did about a due person; exactly one applies."""

    REMOVED = "removed"
    ALREADY_ABSENT = "already_absent"
    SKIPPED = "skipped"
    STUCK = "stuck"


class RunKind(StrEnum):
    SWEEP = "sweep"
    OFFBOARD = "offboard"
    UNDO = "undo"


class Occasion(StrEnum):
    """The reasons that this product itself gives for a sweep; any other is in somebody's own words."""

    NIGHTLY = "nightly"
    LATE = "nightly, late"
    WITHOUT_TIMER = "nightly, without the timer"
    VERIFICATION = "verification"
    CONTINUATION = "continuation"
    APPLY = "apply"


class RunState(StrEnum):
    RUNNING = "running"
    COMPLETE = "complete"
    """Register and members were read completely, and everybody due is accounted for."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run did about one due person.

    Attributes:
        enforcement: Their record now.
        reason: Why they were skipped or are stuck.
        finished: Every step is done.
        incomplete: Something that should have been done was not.
        revoked, disabled: The step was done in this run.
    """

    result: Result
    record: OffboardingRecord
    reason: str = ""
    finished: bool = False
    incomplete: bool = False
    revoked: bool = False
    disabled: bool = False

    @property
    def lag_seconds(self) -> float | None:
        """Seconds from the end of access to the removal, if this run made it."""
        due_at, removed_at = self.record.due_at, self.record.removed_at
        if self.result is not Result.REMOVED or due_at is None or removed_at is None:
            return None
        return (removed_at - due_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Seconds from the end of access to the removal; None if nobody was removed."""

    p50: float | None = None
    p95: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, seconds: Iterable[float | None]) -> Lag:
        """Return the 50th and 95th percentile and the maximum (nearest rank) of the known ones."""
        lags = sorted(lag for lag in seconds if lag is not None)
        return cls(p50=_rank(lags, 50), p95=_rank(lags, 95), max=lags[-1]) if lags else cls()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run over one managed group, or (group_id empty) over several.

    The counts are of people: `due = removed + already_absent + skipped + stuck`. `revoked` counts only
    those whose sessions are this tenant's; `findings` counts what people must look at.

    Attributes:
        queued: It was asked for, its message waits in the queue, and it has not begun.
        out_of_time: Its time was up before everybody was dealt with, so that another one goes on.
        asked_for: Whom an offboarding was asked for, by the names given; empty for a sweep.
        part_of: The run of the batch that this offboarding belongs to; empty if it was asked for alone.
    """

    run_id: str
    group_id: str
    kind: RunKind = RunKind.SWEEP
    started_at: datetime
    finished_at: datetime | None = None
    state: RunState = RunState.RUNNING
    mode: str
    reason: str = ""
    actor: str = ""
    queued: bool = False
    out_of_time: bool = False
    asked_for: tuple[str, ...] = ()
    part_of: str = ""
    actor_name: str = ""
    due: int = 0
    removed: int = 0
    already_absent: int = 0
    revoked: int = 0
    disabled: int = 0
    verified: int = 0
    added: int = 0
    skipped: int = 0
    stuck: int = 0
    held: bool = False
    held_onboard: bool = False
    digest: str = ""
    members: int = 0
    ending_soon: int = 0
    unregistered: int = 0
    blocked: int = 0
    not_blocked: int = 0
    findings: int = 0
    moved_ends: int = 0
    lag_seconds: Lag = field(default_factory=Lag)
    incomplete: int = 0
    error: str = ""

    @property
    def holds(self) -> bool:
        """Whether anybody waits for an approval because of this run."""
        return self.held or self.held_onboard

    @property
    def is_over(self) -> bool:
        """Whether nobody will try it again: it is complete, or its queue message was given up."""
        return self.state is RunState.COMPLETE or self.is_given_up

    def may_be_done(self, now: datetime) -> bool:
        """Whether a message that names it is still to be followed.

        Whoever may write to the poison queue can have any run marked as given up. So its own message, if it
        arrives nevertheless, counts as long as offboardings are tried.
        """
        return not self.is_over or (self.state is RunState.FAILED and now - self.started_at < _LONGEST_WAIT)

    @property
    def is_given_up(self) -> bool:
        """Whether its queue message failed every time."""
        return self.error.startswith(GIVEN_UP)

    @property
    def acted(self) -> bool:
        """Whether the run changed anything in Entra, so that a later one should verify it."""
        return bool(self.removed or self.already_absent or self.revoked or self.disabled or self.added)

    @property
    def occasion(self) -> str:
        """What it ran for, in nobody's own words, for wherever people must not be named."""
        if self.kind is not RunKind.SWEEP:
            return self.kind.value
        return self.reason if self.reason in Occasion else "on_demand"

    def assert_counts(self) -> None:
        """Refuse to report counts that do not add up.

        Raises:
            AssertionError: A bug: somebody was lost.
        """
        counted = self.removed + self.already_absent + self.skipped + self.stuck
        if self.due != counted:
            raise AssertionError(
                f"run {self.run_id}: {self.due} people were due, {counted} are accounted for"
            )


def lag_of(outcomes: Iterable[Outcome]) -> Lag:
    """Return how long after the end of access people were removed."""
    return Lag.of(outcome.lag_seconds for outcome in outcomes)


def counted(run: Run, outcomes: Sequence[Outcome]) -> Run:
    """Return the run with the counts of these outcomes."""
    results = [outcome.result for outcome in outcomes]
    return replace(
        run,
        due=len(results),
        removed=results.count(Result.REMOVED),
        already_absent=results.count(Result.ALREADY_ABSENT),
        skipped=results.count(Result.SKIPPED),
        stuck=results.count(Result.STUCK),
        revoked=sum(outcome.revoked for outcome in outcomes),
        disabled=sum(outcome.disabled for outcome in outcomes),
        lag_seconds=lag_of(outcomes),
        incomplete=sum(outcome.incomplete for outcome in outcomes),
    )


def _rank(ordered: Sequence[float], percent: int) -> float:
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run with its findings and what it did, person by person.

    Attributes:
        waiting: The group's plans that wait for an approval after this run, whichever run made them.
    """

    run: Run
    findings: tuple[Finding, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    waiting: tuple[HeldPlan, ...] = ()

    @property
    def out_of_time(self) -> bool:
        """Whether somebody was not dealt with because the run's time was up."""
        reasons = [outcome.reason for outcome in self.outcomes]
        return OUT_OF_TIME in reasons or any(found.detail.endswith(OUT_OF_TIME) for found in self.findings)


# The fields of a run that count people or findings.
COUNTS = (
    "due",
    "removed",
    "already_absent",
    "revoked",
    "disabled",
    "verified",
    "added",
    "skipped",
    "stuck",
    "members",
    "ending_soon",
    "unregistered",
    "blocked",
    "not_blocked",
    "findings",
    "moved_ends",
    "incomplete",
)


def total(begun: Run, reports: Sequence[Report]) -> Run:
    """Add up the runs of several groups that were begun together; the lag covers all people."""
    runs = [report.run for report in reports]
    counts = {name: sum(getattr(run, name) for run in runs) for name in COUNTS}
    return replace(
        begun,
        held=any(run.held for run in runs),
        held_onboard=any(run.held_onboard for run in runs),
        digest=runs[0].digest if len(runs) == 1 else "",
        lag_seconds=lag_of(outcome for report in reports for outcome in report.outcomes),
        **counts,
    )
