"""One person is offboarded now: what is done in which order, and what is recorded in which group."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from enforcer.core.dates import instant
from enforcer.core.enforcement import Sessions, State
from enforcer.core.ledger import Action
from enforcer.core.offboarded import Offboarded
from enforcer.core.plan import Step
from enforcer.core.runs import Report, Run, RunKind, RunState
from enforcer.core.steps import StepOutcome
from enforcer.exceptions import NotFoundError, RefusedError, UnavailableError
from enforcer.offboarding import OffboardOrder, offboard_now, record_failure
from enforcer.settings import Disable, Mode
from sandbox.directory import Fault, Group, User
from tests.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

RUN_ID = "20261123T120000-abcdef"
STEPS = (Action.DISABLE, Action.REMOVE, Action.REVOKE)


async def offboard(world: World, user: User, run_id: str = RUN_ID) -> Offboarded:
    order = OffboardOrder(user=user.id, reason="left", actor="cli:ann", run_id=run_id)
    return await offboard_now(world.services, order)


def second_group(world: World, *members: User) -> Group:
    """Manage a second group, besides the world's own."""
    other = world.tenant.add_group("Others", members=members)
    world.configure(group_ids=(world.group.id, other.id))
    return other


async def run_of(world: World, group: Group | None = None) -> Run:
    [run] = await world.services.runs.of_id(RUN_ID, [(group or world.group).id])
    return run


async def steps_in_the_ledger(world: World, group: Group) -> list[tuple[Action, str]]:
    entries = [link.entry async for link in world.services.ledger.links(group.id)]
    return [(entry.action, entry.outcome) for entry in entries if entry.action in STEPS]


# Who -----------------------------------------------------------------------------------------------------


async def test_whoever_is_protected_or_in_report_mode_is_refused_and_nothing_is_written(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    world.configure(protected_ids=frozenset({anna.id}))
    with pytest.raises(RefusedError, match="ENFORCER_PROTECTED_IDS"):
        await offboard(world, anna)
    world.configure(protected_ids=frozenset(), mode=Mode.REPORT)
    with pytest.raises(RefusedError, match="ENFORCER_MODE"):
        await offboard(world, anna)
    assert world.graph_writes() == []
    assert await world.enforcement(anna.id) is None
    assert await world.ledger() == []


async def test_nobody_of_that_name_leaves_no_run(world: World) -> None:
    order = OffboardOrder(user="nobody@x.example", reason="left", actor="cli:ann", run_id=RUN_ID)
    with pytest.raises(NotFoundError):
        await offboard_now(world.services, order)
    assert await world.services.runs.of_id(RUN_ID, [world.group.id]) == []


# What is done --------------------------------------------------------------------------------------------


async def test_he_leaves_every_group_before_his_sessions_are_revoked(world: World) -> None:
    anna = world.member("Anna")
    other = second_group(world, anna)

    told = await offboard(world, anna)

    steps = [write for write in world.graph_writes() if "$ref" in write or "revoke" in write]
    assert [step.partition(" ")[0] for step in steps] == ["DELETE", "DELETE", "POST"]
    assert anna.id not in world.tenant.members[other.id]
    assert [(one.step, one.group_id) for one in told.steps] == [
        (Step.REMOVE, world.group.id),
        (Step.REMOVE, other.id),
        (Step.REVOKE, ""),
    ]
    assert (told.done, told.sessions) == (True, Sessions.REVOKED)


@pytest.mark.parametrize(
    ("wanted", "member", "guest"),
    [(Disable.NONE, True, True), (Disable.GUESTS, True, False), (Disable.ALL, False, False)],
)
async def test_accounts_are_disabled_where_the_setting_says_so(
    world: World, wanted: Disable, *, member: bool, guest: bool
) -> None:
    world.configure(disable_accounts=wanted)
    anna, gina = world.member("Anna"), world.guest("Gina")
    told = [await offboard(world, user) for user in (anna, gina)]
    assert (anna.account_enabled, gina.account_enabled) == (member, guest)
    assert [one.steps[0].step is Step.DISABLE for one in told] == [not member, not guest]
    assert (await run_of(world)).disabled == int(not guest)


async def test_an_account_that_was_disabled_before_is_not_said_to_be_disabled_by_us(world: World) -> None:
    world.configure(disable_accounts=Disable.ALL)
    anna = world.member("Anna", account_enabled=False)
    for run_id in (RUN_ID, "20261123T130000-abcdef"):
        told = await offboard(world, anna, run_id)
        assert [one.step for one in told.steps] == [Step.REMOVE, Step.REVOKE]
    known = await world.on_record(anna.id)
    assert (known.was_disabled, known.disabled_at) == (True, None)


async def test_an_account_that_we_disabled_in_a_broken_off_attempt_is_still_ours_to_enable(
    world: World,
) -> None:
    world.configure(disable_accounts=Disable.ALL)
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=400))
    assert not (await offboard(world, anna)).done
    assert not anna.account_enabled
    told = await offboard(world, anna, "20261123T130000-abcdef")
    assert told.steps[0].step is Step.DISABLE
    known = await world.on_record(anna.id)
    assert (known.state, known.was_disabled) == (State.OFFBOARDED, False)
    assert known.disabled_at is not None


# What is recorded ----------------------------------------------------------------------------------------


async def test_whose_end_had_not_come_ends_now_and_whose_had_keeps_his_date(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    await world.register(anna.id, RUNNING)
    await world.register(ben.id, ENDED)
    begun = world.clock.moment.replace(microsecond=0)

    ended = [(await offboard(world, user)).ended_rows for user in (anna, ben)]

    assert ended == [(f"{world.group.id}/{anna.id}",), ()]
    now, then = await world.on_record(anna.id), await world.on_record(ben.id)
    assert (now.end_date, now.due_at) == (instant(begun), begun)
    assert then.end_date == ENDED
    assert then.due_at is not None
    assert then.due_at < begun - timedelta(days=1000)


@pytest.mark.parametrize("start", ["2099-01-01", "2098-12-31T09:00:00+01:00"])
async def test_a_row_that_has_not_begun_ends_as_one_that_can_be_read(world: World, start: str) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, "2099-06-30", start_date=start, note="old")

    await offboard(world, anna)

    row = await world.services.register.registration(world.group.id, anna.id)
    assert row is not None
    assert row.start_date == ""
    assert row.note.startswith("old | offboarded at ")
    assert f"StartDate was {start}" in row.note
    assert (await world.plan()).findings == ()


@pytest.mark.parametrize("start", ["2019-01-01", "soon"])
async def test_a_start_that_is_past_or_cannot_be_read_stays(world: World, start: str) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING, start_date=start)

    await offboard(world, anna)

    row = await world.services.register.registration(world.group.id, anna.id)
    assert row is not None
    assert row.start_date == start
    assert "StartDate" not in row.note


async def test_a_row_that_ended_before_it_began_keeps_the_dates_that_somebody_must_mend(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED, start_date=RUNNING)

    await offboard(world, anna)

    row = await world.services.register.registration(world.group.id, anna.id)
    assert row is not None
    assert (row.end_date, row.start_date) == (ENDED, RUNNING)


async def test_a_run_counts_him_once_with_reason_and_lag(world: World) -> None:
    anna = world.member("Anna")
    await offboard(world, anna)
    run = await run_of(world)
    assert (run.kind, run.state, run.reason, run.actor) == (
        RunKind.OFFBOARD,
        RunState.COMPLETE,
        "left",
        "cli:ann",
    )
    assert (run.due, run.removed, run.already_absent, run.skipped, run.revoked) == (1, 1, 0, 0, 1)
    assert run.lag_seconds.max is not None
    assert 0 <= run.lag_seconds.max < 2


async def test_a_group_in_which_he_neither_is_nor_has_a_row_is_not_concerned(world: World) -> None:
    anna = world.member("Anna")
    other = second_group(world)

    await offboard(world, anna)

    assert (await run_of(world, other)).due == 0
    assert await world.services.enforcements.get(other.id, anna.id) is None
    assert await steps_in_the_ledger(world, other) == []
    assert (await world.on_record(anna.id)).state is State.OFFBOARDED


async def test_of_somebody_in_no_group_the_first_one_keeps_what_was_done(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    other = second_group(world)

    assert (await offboard(world, anna)).done

    assert await steps_in_the_ledger(world, world.group) == [
        (Action.REMOVE, "already_absent"),
        (Action.REVOKE, "revoked"),
    ]
    assert await steps_in_the_ledger(world, other) == []
    assert [await world.enforcement(anna.id), (await run_of(world)).due] == [None, 0]


async def test_whoever_has_a_row_is_counted_although_he_is_out_already(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    await world.register(anna.id, RUNNING)
    await offboard(world, anna)
    run = await run_of(world)
    assert (run.due, run.already_absent, run.removed) == (1, 1, 0)
    assert (await world.on_record(anna.id)).state is State.OFFBOARDED


async def test_called_again_what_was_on_record_about_the_first_time_stays(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    await offboard(world, anna)
    first = await world.on_record(anna.id)
    world.clock.advance(hours=1)

    await offboard(world, anna, "20261123T130000-abcdef")

    assert await world.on_record(anna.id) == first


# When something fails ------------------------------------------------------------------------------------


async def test_one_step_that_fails_for_good_keeps_no_other_from_being_taken(world: World) -> None:
    anna = world.member("Anna")
    other = second_group(world, anna)
    world.directory.sandbox.faults.add(Fault(method="DELETE", path=world.group.id, status=400, times=None))

    told = await offboard(world, anna)

    assert [one.outcome for one in told.steps] == [StepOutcome.FAILED, StepOutcome.DONE, StepOutcome.DONE]
    assert not told.done
    assert (await run_of(world)).state is RunState.FAILED
    assert ((await run_of(world)).skipped, (await run_of(world)).left_undone) == (1, 1)
    assert (await run_of(world, other)).state is RunState.COMPLETE
    left = await world.on_record(anna.id)
    assert (left.state, left.attempts, left.revoked_at) == (State.OFFBOARDING, 1, None)
    # Where he is out, the sessions were revoked after that, and that counts.
    assert told.sessions is Sessions.REVOKED


async def test_a_group_that_is_gone_is_only_this_steps_failure(world: World) -> None:
    anna = world.member("Anna")
    world.configure(group_ids=("00000000-1111-2222-3333-444444444444", world.group.id))
    told = await offboard(world, anna)
    assert [one.outcome for one in told.steps] == [StepOutcome.FAILED, StepOutcome.DONE, StepOutcome.DONE]
    assert world.member_ids() == set()


async def test_a_graph_that_falls_silent_is_told_after_what_was_done_is_on_record(world: World) -> None:
    anna = world.member("Anna")
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=503, times=None))
    with pytest.raises(UnavailableError, match="revoke: no answer: 503"):
        await offboard(world, anna)
    assert [action for action, _ in await steps_in_the_ledger(world, world.group)] == [
        Action.REMOVE,
        Action.REVOKE,
    ]
    assert (await world.on_record(anna.id)).removed_at is not None


# Groups that he has nothing to do with --------------------------------------------------------------------


async def test_groups_without_him_have_no_record_of_him_even_while_graph_is_away(world: World) -> None:
    ghost = world.member("Ghost")
    other = second_group(world)
    world.directory.sandbox.faults.add(Fault(method="DELETE|POST", status=503, times=None))
    with pytest.raises(UnavailableError):
        await offboard(world, ghost)
    world.directory.sandbox.faults.clear()

    told = await offboard(world, ghost)

    assert told.done
    assert await world.services.enforcements.all_of_group(other.id) == []
    assert (await run_of(world)).removed == 1
    assert (await run_of(world, other)).due == 0


async def test_called_again_it_is_no_second_end_of_access(world: World) -> None:
    ghost = world.member("Ghost")
    await offboard(world, ghost)
    world.clock.advance(minutes=5)
    await offboard(world, ghost, "20261123T121000-abcdef")
    ends = {entry.end_date for entry in await world.ledger() if entry.action is Action.REMOVE}
    assert len(ends) == 1


async def test_a_removal_that_an_earlier_try_of_the_same_run_made_stays_counted_and_timed(
    world: World,
) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=503, times=None))
    with pytest.raises(UnavailableError):
        await offboard(world, anna)
    world.directory.sandbox.faults.clear()
    first = await world.on_record(anna.id)
    world.clock.advance(minutes=5)

    await offboard(world, anna)

    run = await run_of(world)
    assert (run.removed, run.already_absent, run.revoked) == (1, 0, 1)
    assert (await world.on_record(anna.id)).removed_at == first.removed_at


async def test_an_account_that_has_nothing_to_do_with_any_group_is_not_disabled(world: World) -> None:
    stranger = world.tenant.add_user("Break Glass")
    world.configure(disable_accounts=Disable.ALL)
    told = await offboard(world, stranger)
    assert [one.step for one in told.steps] == [Step.REMOVE, Step.REVOKE]
    assert stranger.account_enabled


async def test_a_run_that_nobody_tries_again_is_on_record_as_failed_and_one_that_ended_stays(
    world: World,
) -> None:
    anna = world.member("Anna")
    other = second_group(world)
    await offboard(world, anna)
    ended = await run_of(world)
    await world.services.runs.save(Report(run=replace(ended, group_id=other.id, state=RunState.RUNNING)))
    order = OffboardOrder(user=anna.id, reason="left", actor="cli:ann", run_id=RUN_ID)

    await record_failure(world.services, order, UnavailableError("storage does not answer"))

    assert await run_of(world) == ended
    failed = await run_of(world, other)
    assert (failed.state, failed.error) == (RunState.FAILED, "storage does not answer")


async def test_the_run_is_on_record_before_anything_is_done(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    world.directory.sandbox.faults.add(Fault(method="DELETE|POST|PATCH", status=503, times=None))
    with pytest.raises(UnavailableError):
        await offboard(world, anna)
    assert (await run_of(world)).actor == "cli:ann"
