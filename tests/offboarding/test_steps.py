"""One person's steps: the intent before them, their outcome, and what is recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enforcer.core.exceptions import GroupError
from enforcer.core.ledger import Action, Entry
from enforcer.core.ledger_entries import Context
from enforcer.core.offboarding_record import OffboardingRecord, Sessions, State
from enforcer.core.plan import Admission, Offboard, Step
from enforcer.core.runs import Result
from enforcer.core.steps import StepOutcome, StepResult
from enforcer.core.user_kind import UserKind
from enforcer.offboarding.steps import StepRun, conclude, entries, intent, take_steps
from sandbox.directory import Effect, Fault
from tests.support.paper_group import ANNA, BEN, ENDED, known
from tests.support.world import World

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DUE = datetime(2026, 11, 23, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)
DONE, ABSENT, GONE = (
    StepResult(outcome=outcome, request_id="request")
    for outcome in (StepOutcome.DONE, StepOutcome.ABSENT, StepOutcome.NO_ACCOUNT)
)
FAILED = StepResult(outcome=StepOutcome.FAILED, explanation="400 Odd Words.")
OUT = (Step.REVOKE,)


def leaver(*steps: Step, earlier: OffboardingRecord | None = None, **changes: object) -> Offboard:
    """Return a person of a plan: by default a member to be removed and revoked."""
    plain = Offboard(
        user_id=ANNA.id,
        row_key=ANNA.mail,
        user_principal_name=ANNA.user_principal_name,
        end_date=ENDED,
        due_at=DUE,
        user_kind=UserKind.MEMBER,
        steps=steps or (Step.REMOVE, Step.REVOKE),
        earlier=earlier,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def step_run(person: Offboard, *results: StepResult, interrupted: str = "") -> StepRun:
    """Return the person's steps, with results for the first ones."""
    done = dict(zip(person.steps, results, strict=False))
    return StepRun(person=person, results=done, interrupted=interrupted)


def known_after(person: Offboard, *results: StepResult) -> OffboardingRecord:
    return conclude(step_run(person, *results), "run-2", NOW).record


def recorded(person: Offboard, *results: StepResult) -> list[Entry]:
    context = Context(group_id="g", run_id="run-2", actor="timer")
    return entries(step_run(person, *results), context, NOW)


# Before the first step -----------------------------------------------------------------------------------


def test_the_intent_of_somebody_new_says_who_when_and_by_which_run() -> None:
    assert intent(leaver(user_kind=UserKind.EXTERNAL, was_disabled=True), "run-2") == OffboardingRecord(
        row_key=ANNA.mail,
        user_id=ANNA.id,
        state=State.OFFBOARDING,
        end_date=ENDED,
        due_at=DUE,
        user_kind=UserKind.EXTERNAL,
        was_disabled=True,
        run_id="run-2",
    )


def test_a_member_without_a_row_has_the_object_id_as_key_and_no_end_date() -> None:
    begun = intent(leaver(row_key=None, end_date=None, due_at=None), "run-2")
    assert (begun.row_key, begun.end_date, begun.due_at) == (ANNA.id, "", None)


def test_what_an_earlier_run_began_is_taken_up_with_its_attempts() -> None:
    earlier = known(ANNA, State.STUCK, attempts=6, last_error="odd", disabled_at=EARLIER, was_disabled=True)
    dated = leaver(earlier=earlier, was_disabled=True, end_date="2026-11-20", due_at=EARLIER)
    begun = intent(dated, "run-2")
    assert begun == replace(earlier, run_id="run-2", end_date="2026-11-20", due_at=EARLIER)


def test_what_was_begun_keeps_its_date_when_nobody_gives_another() -> None:
    earlier = known(ANNA, State.OFFBOARDING)
    begun = intent(leaver(earlier=earlier, end_date=None, due_at=None), "run-2")
    assert (begun.end_date, begun.due_at) == (earlier.end_date, earlier.due_at)


def test_a_person_removed_again_has_to_be_revoked_again() -> None:
    half = known(ANNA, State.OFFBOARDING, removed_at=EARLIER, revoked_at=EARLIER, sessions=Sessions.REVOKED)
    begun = intent(leaver(earlier=half), "run-2")
    assert (begun.removed_at, begun.revoked_at, begun.sessions) == (None, None, None)


def test_whoever_is_out_already_keeps_what_was_done() -> None:
    half = known(ANNA, State.OFFBOARDING, removed_at=EARLIER)
    assert intent(leaver(*OUT, earlier=half), "run-2").removed_at == EARLIER


@pytest.mark.parametrize(
    "earlier",
    [
        known(ANNA, State.OFFBOARDED, attempts=5, row_key=ANNA.mail),
        known(ANNA, State.VERIFIED, attempts=5, row_key=ANNA.mail),
        known(BEN, State.OFFBOARDING, attempts=5, row_key=ANNA.mail),
    ],
)
def test_a_finished_or_foreign_record_is_not_taken_up(earlier: OffboardingRecord) -> None:
    assert intent(leaver(earlier=earlier), "run-2") == intent(leaver(), "run-2")


# What came of the steps ----------------------------------------------------------------------------------


def test_a_person_with_all_steps_done_is_offboarded_without_failures() -> None:
    earlier = known(ANNA, State.STUCK, attempts=7, last_error="odd", next_attempt_at=EARLIER)
    outcome = conclude(step_run(leaver(earlier=earlier), DONE, DONE), "run-2", NOW)
    about = outcome.record
    assert (outcome.result, outcome.finished, outcome.incomplete) == (Result.REMOVED, True, False)
    assert (about.state, about.removed_at, about.revoked_at) == (State.OFFBOARDED, NOW, NOW)
    assert (about.attempts, about.last_error, about.next_attempt_at) == (0, "", None)
    assert (outcome.revoked, outcome.disabled, outcome.reason) == (True, False, "")


def test_a_guests_sessions_are_left_to_the_home_tenant_and_not_counted() -> None:
    outcome = conclude(step_run(leaver(user_kind=UserKind.EXTERNAL), DONE, DONE), "run-2", NOW)
    assert (outcome.record.sessions, outcome.revoked) == (Sessions.HOME_TENANT, False)


def test_an_account_that_is_gone_has_no_sessions_that_were_revoked() -> None:
    outcome = conclude(step_run(leaver(), ABSENT, GONE), "run-2", NOW)
    assert (outcome.record.sessions, outcome.record.revoked_at) == (Sessions.NO_ACCOUNT, None)
    assert (outcome.finished, outcome.revoked) == (True, False)


def test_sessions_that_were_revoked_before_the_removal_do_not_count() -> None:
    outcome = conclude(step_run(leaver(), FAILED, DONE), "run-2", NOW)
    about = outcome.record
    assert (about.removed_at, about.revoked_at, about.sessions) == (None, None, None)
    assert (outcome.result, outcome.revoked, outcome.incomplete) == (Result.SKIPPED, False, True)


def test_a_failed_revocation_leaves_a_removed_person_unfinished() -> None:
    outcome = conclude(step_run(leaver(), DONE, FAILED), "run-2", NOW)
    about = outcome.record
    assert (outcome.result, outcome.finished, outcome.incomplete) == (Result.REMOVED, False, True)
    assert (about.state, about.attempts, about.last_error) == (State.OFFBOARDING, 1, "revoke: 400 Odd Words.")
    assert (about.removed_at, about.revoked_at, about.sessions) == (NOW, None, None)


@pytest.mark.parametrize(
    ("result", "disabled_at", "counted"), [(DONE, NOW, True), (GONE, None, False), (FAILED, None, False)]
)
def test_an_account_counts_as_disabled_only_when_we_did_it(
    result: StepResult, disabled_at: datetime | None, *, counted: bool
) -> None:
    person = leaver(Step.DISABLE, Step.REMOVE, Step.REVOKE)
    outcome = conclude(step_run(person, result, DONE, DONE), "run-2", NOW)
    assert (outcome.record.disabled_at, outcome.disabled) == (disabled_at, counted)


def test_the_sixth_failed_run_makes_a_person_stuck_for_a_day() -> None:
    fifth = known_after(leaver(earlier=known(ANNA, State.OFFBOARDING, attempts=4)), DONE, FAILED)
    assert (fifth.state, fifth.attempts, fifth.next_attempt_at) == (State.OFFBOARDING, 5, None)
    outcome = conclude(step_run(leaver(earlier=fifth), DONE, FAILED), "run-3", NOW)
    assert outcome.result is Result.STUCK
    assert (outcome.record.state, outcome.record.attempts) == (State.STUCK, 6)
    assert outcome.record.next_attempt_at == NOW + timedelta(days=1)


def test_a_run_that_is_tried_again_has_failed_once() -> None:
    first = known_after(leaver(), DONE, FAILED)
    again = known_after(leaver(earlier=first), DONE, FAILED)
    assert (first.attempts, again.attempts, again.last_error) == (1, 1, "revoke: 400 Odd Words.")
    fifth = known(ANNA, State.OFFBOARDING, attempts=5, run_id="run-2")
    assert known_after(leaver(earlier=fifth), DONE, FAILED).state is State.OFFBOARDING
    begun = known(ANNA, State.OFFBOARDING, run_id="run-2")
    assert known_after(leaver(earlier=begun), DONE, FAILED).attempts == 1, "the first try broke off uncounted"


def test_interrupted_steps_are_not_a_failed_attempt() -> None:
    earlier = known(ANNA, State.OFFBOARDING, attempts=5, last_error="odd")
    outcome = conclude(step_run(leaver(earlier=earlier), DONE, interrupted="no time"), "run-2", NOW)
    about = outcome.record
    assert (about.state, about.attempts, about.last_error) == (State.OFFBOARDING, 5, "odd")
    assert (about.removed_at, outcome.result) == (NOW, Result.REMOVED)
    assert (outcome.reason, outcome.finished, outcome.incomplete) == ("no time", False, True)


def test_a_person_whose_removal_was_not_tried_is_not_out() -> None:
    untried = conclude(step_run(leaver(), interrupted="no time"), "run-2", NOW)
    assert (untried.result, untried.record.removed_at) == (Result.SKIPPED, None)


def test_whoever_was_absent_is_counted_as_absent() -> None:
    outcome = conclude(step_run(leaver(), ABSENT, DONE), "run-2", NOW)
    assert (outcome.result, outcome.record.removed_at) == (Result.ALREADY_ABSENT, NOW)


def test_a_removal_that_was_only_not_visible_yet_keeps_its_time() -> None:
    earlier = known(ANNA, State.OFFBOARDED, removed_at=EARLIER)
    lagging = leaver(earlier=earlier, admission=Admission.BEGUN)
    assert known_after(lagging, ABSENT, DONE).removed_at == EARLIER
    assert known_after(lagging, DONE, DONE).removed_at == NOW, "really a member again"
    assert known_after(leaver(earlier=earlier), ABSENT, DONE).removed_at == NOW, "another engagement"


def test_whoever_is_out_without_a_removal_on_record_is_out_as_of_now() -> None:
    begun = known(ANNA, State.OFFBOARDING)
    outcome = conclude(step_run(leaver(*OUT, earlier=begun), DONE), "run-2", NOW)
    assert (outcome.result, outcome.record.removed_at) == (Result.ALREADY_ABSENT, NOW)
    assert outcome.record.revoked_at == NOW
    assert known_after(leaver(*OUT, earlier=replace(begun, removed_at=EARLIER)), DONE).removed_at == EARLIER


def test_whoever_is_out_and_cannot_be_revoked_is_skipped() -> None:
    outcome = conclude(step_run(leaver(*OUT, earlier=known(ANNA, State.OFFBOARDING)), FAILED), "run-2", NOW)
    assert (outcome.result, outcome.record.attempts) == (Result.SKIPPED, 1)


def test_every_failed_step_is_named_in_no_more_than_240_characters() -> None:
    assert step_run(leaver(), FAILED, FAILED).failures == "remove: 400 Odd Words.; revoke: 400 Odd Words."
    assert len(step_run(leaver(), replace(FAILED, explanation="x" * 500)).failures) == 240


# What the ledger says ------------------------------------------------------------------------------------


def test_every_step_is_an_entry_with_who_did_it_to_whom_and_graphs_request() -> None:
    person = leaver(Step.DISABLE, Step.REMOVE, Step.REVOKE)
    found = recorded(person, DONE, DONE, DONE)
    assert [(entry.action, entry.outcome) for entry in found] == [
        (Action.DISABLE, "disabled"),
        (Action.REMOVE, "removed"),
        (Action.REVOKE, "revoked"),
    ]
    assert {(entry.actor, entry.run, entry.request_id) for entry in found} == {("timer", "run-2", "request")}
    assert {(entry.user, entry.row_key, entry.end_date) for entry in found} == {(ANNA.id, ANNA.mail, ENDED)}


@pytest.mark.parametrize(
    ("removal", "revocation", "words"),
    [
        (ABSENT, DONE, ["already_absent", "revoked"]),
        (DONE, FAILED, ["removed", "failed: 400 Odd Words."]),
        (ABSENT, GONE, ["already_absent", "no_account"]),
    ],
)
def test_the_ledger_says_no_more_than_was_done(
    removal: StepResult, revocation: StepResult, words: list[str]
) -> None:
    assert [entry.outcome for entry in recorded(leaver(), removal, revocation)] == words


def test_the_ledger_never_says_that_a_guests_sessions_were_revoked() -> None:
    assert recorded(leaver(user_kind=UserKind.EXTERNAL), DONE, DONE)[-1].outcome == "home_tenant"


def test_a_person_found_to_be_out_gets_only_the_missing_entry() -> None:
    begun = known(ANNA, State.OFFBOARDING)
    found = recorded(leaver(*OUT, earlier=begun), DONE)
    assert [(entry.action, entry.outcome) for entry in found] == [
        (Action.REMOVE, "already_absent"),
        (Action.REVOKE, "revoked"),
    ]
    on_record = leaver(*OUT, earlier=replace(begun, removed_at=EARLIER))
    assert [entry.action for entry in recorded(on_record, DONE)] == [Action.REVOKE]
    assert recorded(leaver(earlier=begun)) == [], "nothing was tried, and the person is not out"


# The steps -----------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_steps_are_taken_in_order_and_none_waits_for_anothers_success(world: World) -> None:
    anna = world.member("Anna")
    world.directory.sandbox.faults.add(Fault(method="PATCH|DELETE", status=400, times=None))
    person = leaver(Step.DISABLE, Step.REMOVE, Step.REVOKE, user_id=anna.id)
    steps = StepRun(person=person)

    await take_steps(world.services, world.group.id, steps)

    assert [write.partition(" ")[0] for write in world.graph_writes()] == ["PATCH", "DELETE", "POST"]
    assert [step for step, result in steps.results.items() if result.settled] == [Step.REVOKE]


@pytest.mark.anyio
async def test_what_was_done_before_the_run_had_to_end_is_noted(world: World) -> None:
    anna = world.member("Anna")
    steps = StepRun(person=leaver(Step.DISABLE, Step.REMOVE, Step.REVOKE, user_id=anna.id))
    with pytest.raises(GroupError):
        await take_steps(world.services, "00000000-1111-2222-3333-444444444444", steps)
    assert list(steps.results) == [Step.DISABLE]
    assert not anna.account_enabled


@pytest.mark.anyio
async def test_a_person_absent_after_an_unanswered_removal_was_removed(world: World) -> None:
    world.directory.sandbox.faults.add(Fault(path=r"\$ref", effect=Effect.ANSWER_AFTER_EFFECT, status=504))
    steps = StepRun(person=leaver(Step.REMOVE, user_id=world.member("Anna").id))
    await take_steps(world.services, world.group.id, steps)
    assert steps.results[Step.REMOVE].outcome is StepOutcome.DONE
