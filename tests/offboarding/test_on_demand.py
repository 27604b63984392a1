"""Offboarding on demand: what is done, in which order, and what happens when something fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import (
    NoAccountError,
    NotContractorError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import OffboardingRecord, Sessions, State
from enforcer.core.plan import Step
from enforcer.core.runs import Report, RunState
from enforcer.core.settings import Disable, Mode
from enforcer.core.steps import StepOutcome
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now, record_failure
from enforcer.offboarding.undo import plan_undo
from enforcer.sweep.sweep import SweepRequest, sweep
from sandbox.directory import Fault, User
from sandbox.directory.faults import Effect
from tests.support.directory_facts import DirectoryFact, changes_made
from tests.support.leaving import RUN_ID, offboard, run_of, second_group, steps_in_the_ledger
from tests.support.world import RUNNING, World

pytestmark = pytest.mark.anyio


# Who -----------------------------------------------------------------------------------------------------


async def test_a_protected_person_or_report_mode_is_refused_and_writes_nothing(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    world.configure(protected_ids=frozenset({anna.id}))
    with pytest.raises(RefusedError, match="ENFORCER_PROTECTED_IDS"):
        await offboard(world, anna)
    world.configure(protected_ids=frozenset(), mode=Mode.REPORT)
    with pytest.raises(RefusedError, match="ENFORCER_MODE"):
        await offboard(world, anna)
    assert world.graph_writes() == []
    assert await world.record_of(anna.id) is None
    assert await world.ledger() == []


async def test_nobody_of_that_name_leaves_no_run(world: World) -> None:
    request = OffboardRequest(user="nobody@x.example", reason="left", actor="cli:ann", run_id=RUN_ID)
    with pytest.raises(NotFoundError):
        await offboard_now(world.services, request)
    assert await world.services.runs.of_id(RUN_ID, [world.group.id]) == []


async def test_rows_of_a_soft_deleted_account_end_so_that_it_stays_out(
    world: World,
) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    await world.register("ben@x.example", RUNNING)
    world.tenant.delete_user(anna, world.clock())

    with pytest.raises(NoAccountError, match="Entra has no account") as raised:
        await offboard(world, anna)

    assert raised.value.ended_rows == (f"{world.group.id}/{anna.id}",)
    [ended] = [entry for entry in await world.ledger() if entry.action is Action.REGISTER_END]
    assert (ended.user, ended.run, ended.note) == (anna.id, RUN_ID, "left")
    run = await run_of(world)
    assert (run.state, run.due) == (RunState.FAILED, 0)
    assert anna.id in run.error

    world.tenant.restore_user(anna)
    assert anna.id in world.member_ids()
    assert (await world.sweep()).run.removed == 1
    assert anna.id not in world.member_ids()


async def test_a_row_waiting_for_its_account_ends_and_others_rows_do_not(world: World) -> None:
    other = second_group(world)
    for group, key in ((world.group, "Nora.New@x.example"), (other, "nora.new@x.example")):
        row = RegisterRow(group_id=group.id, row_key=key, end_date=RUNNING)
        await world.services.register.save(row)
    await world.register("nora.newman@x.example", RUNNING)
    request = OffboardRequest(user="nora.new@x.example", reason="left", actor="cli:ann", run_id=RUN_ID)

    with pytest.raises(NoAccountError) as raised:
        await offboard_now(world.services, request)

    ended = {f"{world.group.id}/Nora.New@x.example", f"{other.id}/nora.new@x.example"}
    assert set(raised.value.ended_rows) == ended
    bystander = await world.services.register.row(world.group.id, "nora.newman@x.example")
    assert bystander is not None
    assert bystander.end_date == RUNNING
    with pytest.raises(NoAccountError) as again:
        await offboard_now(world.services, request)
    assert again.value.ended_rows == ()


async def test_an_address_passed_to_somebody_else_ends_nothing_of_theirs(world: World) -> None:
    anna = world.member("Anna", mail="post@x.example")
    await world.register("post@x.example", RUNNING)
    world.tenant.delete_user(anna, world.clock())
    heir = world.member("Heir", mail="post@x.example")

    with pytest.raises(NoAccountError) as raised:
        await offboard(world, anna)

    assert raised.value.ended_rows == ()
    assert heir.id in world.member_ids()
    row = await world.services.register.row(world.group.id, "post@x.example")
    assert row is not None
    assert row.end_date == RUNNING


async def test_the_row_of_nobody_in_entra_is_not_touched_where_nothing_may_be(world: World) -> None:
    stranger = "0d5e6f1a-0000-4000-8000-000000000000"
    await world.register(stranger, RUNNING)
    request = OffboardRequest(user=stranger.upper(), reason="left", actor="cli:ann", run_id=RUN_ID)
    for forbidding in ({"protected_ids": frozenset({stranger})}, {"mode": Mode.REPORT}):
        world.configure(**{"protected_ids": frozenset(), **forbidding})
        with pytest.raises(RefusedError):
            await offboard_now(world.services, request)
    assert await world.ledger() == []


# What is done --------------------------------------------------------------------------------------------


async def test_sessions_are_revoked_after_the_removal_from_every_group(world: World) -> None:
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


async def test_the_account_is_disabled_first_and_sessions_are_revoked_last(
    world: World,
) -> None:
    world.configure(disable_accounts=Disable.ALL)
    anna = world.member("Anna")
    other = second_group(world, anna)

    await offboard(world, anna)

    done = changes_made(world.directory.sandbox.log.entries)
    assert {one.user_id for one in done} == {anna.id}
    assert [(one.fact, one.group_id) for one in done] == [
        (DirectoryFact.CHANGED, ""),
        (DirectoryFact.REMOVED, world.group.id),
        (DirectoryFact.REMOVED, other.id),
        (DirectoryFact.REVOKED, ""),
    ]


@pytest.mark.parametrize(
    ("was_disabled", "disabled_by_us", "enabled", "disables"),
    [
        (False, False, True, True),
        (False, False, False, True),
        (False, True, True, True),
        (False, True, False, True),
        (True, False, True, True),
        (True, False, False, False),
    ],
)
async def test_an_account_of_an_earlier_attempt_is_enabled_only_if_ours(
    world: World, *, was_disabled: bool, disabled_by_us: bool, enabled: bool, disables: bool
) -> None:
    world.configure(disable_accounts=Disable.ALL)
    anna = world.member("Anna", account_enabled=enabled)
    begun = OffboardingRecord(
        row_key=anna.id,
        user_id=anna.id,
        state=State.OFFBOARDING,
        due_at=world.clock(),
        was_disabled=was_disabled,
        disabled_at=world.clock() if disabled_by_us else None,
    )
    await world.services.records.save(world.group.id, [begun])

    await offboard(world, anna)

    assert not anna.account_enabled
    known = await world.on_record(anna.id)
    assert (known.was_disabled, known.disabled_at is not None) == (not disables, disables)
    reversals = await plan_undo(world.services, RUN_ID)
    assert (Action.ENABLE in {one.action for one in reversals}) is disables


async def test_an_account_disabled_before_is_not_reported_as_disabled_by_us(world: World) -> None:
    world.configure(disable_accounts=Disable.ALL)
    anna = world.member("Anna", account_enabled=False)
    for run_id in (RUN_ID, "20261123T130000-abcdef"):
        told = await offboard(world, anna, run_id)
        assert [one.step for one in told.steps] == [Step.REMOVE, Step.REVOKE]
    known = await world.on_record(anna.id)
    assert (known.was_disabled, known.disabled_at) == (True, None)


async def test_an_account_disabled_by_an_interrupted_run_is_enabled_by_undo(
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


# When something fails ------------------------------------------------------------------------------------


async def test_one_step_that_fails_for_good_keeps_no_other_from_being_taken(world: World) -> None:
    anna = world.member("Anna")
    other = second_group(world, anna)
    world.directory.sandbox.faults.add(Fault(method="DELETE", path=world.group.id, status=400, times=None))

    told = await offboard(world, anna)

    assert [one.outcome for one in told.steps] == [StepOutcome.FAILED, StepOutcome.DONE, StepOutcome.DONE]
    assert not told.done
    assert (await run_of(world)).state is RunState.FAILED
    assert ((await run_of(world)).skipped, (await run_of(world)).incomplete) == (1, 1)
    assert (await run_of(world, other)).state is RunState.COMPLETE
    left = await world.on_record(anna.id)
    assert (left.state, left.attempts, left.revoked_at) == (State.OFFBOARDING, 1, None)
    # In the group that let Anna go, the sessions were revoked after the removal, and that counts.
    assert told.sessions is Sessions.REVOKED


async def test_a_group_that_is_gone_is_only_this_steps_failure(world: World) -> None:
    anna = world.member("Anna")
    world.configure(group_ids=("00000000-1111-2222-3333-444444444444", world.group.id))
    told = await offboard(world, anna)
    assert [one.outcome for one in told.steps] == [StepOutcome.FAILED, StepOutcome.DONE, StepOutcome.DONE]
    assert world.member_ids() == set()


async def test_a_silent_graph_is_reported_after_what_was_done_is_recorded(world: World) -> None:
    anna = world.member("Anna")
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=503, times=None))
    with pytest.raises(UnavailableError, match="revoke: no answer: 503"):
        await offboard(world, anna)
    assert [action for action, _ in await steps_in_the_ledger(world, world.group)] == [
        Action.REMOVE,
        Action.REVOKE,
    ]
    assert (await world.on_record(anna.id)).removed_at is not None


async def test_an_unlisted_membership_left_behind_is_ended_by_the_next_sweep(
    world: World,
) -> None:
    anna = world.member("Anna")
    other = second_group(world, anna)
    await world.register(anna.id, RUNNING)
    away = [Fault(path="checkMemberGroups", status=403), Fault(method="DELETE", path=other.id, status=403)]
    for fault in away:
        world.directory.sandbox.faults.add(fault)
    assert not (await offboard(world, anna)).done

    await world.sweep()
    await sweep(world.services, SweepRequest(group_id=other.id, actor="timer", reason="nightly"))

    assert anna.id not in world.tenant.members[other.id]
    left = await world.services.records.get(other.id, anna.id)
    assert left is not None
    assert (left.state, left.sessions) == (State.OFFBOARDED, Sessions.REVOKED)


async def test_a_membership_shown_only_by_its_removal_disables_before_revoking(
    world: World,
) -> None:
    world.configure(disable_accounts=Disable.ALL)
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    nothing = {"@odata.context": "x", "value": []}
    world.directory.sandbox.faults.add(Fault(path="checkMemberGroups", status=200, body=nothing))

    told = await offboard(world, anna)

    assert told.done
    assert not anna.account_enabled
    writes = [write.partition(" ")[0] for write in world.graph_writes() if "checkMember" not in write]
    assert writes == ["DELETE", "PATCH", "POST"]
    assert (await world.on_record(anna.id)).disabled_at is not None


async def test_a_removal_whose_answer_was_lost_is_a_removal_and_can_be_undone(world: World) -> None:
    anna = world.member("Anna")
    world.directory.sandbox.faults.add(Fault(method="DELETE", effect=Effect.DROP_AFTER_EFFECT))

    told = await offboard(world, anna)

    assert (told.done, told.steps[0].outcome) == (True, StepOutcome.DONE)
    assert (await run_of(world)).removed == 1
    assert await steps_in_the_ledger(world, world.group) == [
        (Action.REMOVE, "removed"),
        (Action.REVOKE, "revoked"),
    ]


async def test_a_person_who_is_listed_but_cannot_be_removed_is_reported(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    listed = {"@odata.context": "x", "value": [world.group.id]}
    world.directory.sandbox.faults.add(Fault(path="checkMemberGroups", status=200, body=listed))
    told = await offboard(world, anna)
    assert told.steps[0].outcome is StepOutcome.ABSENT
    assert "in a group inside this one" in told.steps[0].detail


async def test_whoever_is_not_a_contractor_is_refused_and_nothing_is_done(world: World) -> None:
    stranger = world.tenant.add_user("Break Glass")
    world.configure(disable_accounts=Disable.ALL)
    with pytest.raises(NotContractorError, match="not a contractor"):
        await offboard(world, stranger)
    await _assert_untouched(world, stranger)


async def _assert_untouched(world: World, user: User) -> None:
    assert user.account_enabled
    assert not world.is_revoked(user, world.clock.moment)
    assert [write for write in world.graph_writes() if "checkMemberGroups" not in write] == []
    assert await world.services.runs.of_id(RUN_ID, [world.group.id]) == []
    assert await world.record_of(user.id) is None


async def test_a_stranger_is_left_alone_while_entra_does_not_say_who_they_are(world: World) -> None:
    stranger = world.tenant.add_user("Break Glass")
    world.configure(disable_accounts=Disable.ALL)
    world.directory.sandbox.faults.add(Fault(path="checkMemberGroups", status=403, times=None))
    with pytest.raises(UnavailableError, match="neither a row nor a record"):
        await offboard(world, stranger)
    await _assert_untouched(world, stranger)


async def test_a_row_alone_never_costs_anybody_their_account(world: World) -> None:
    world.configure(disable_accounts=Disable.ALL)
    stranger = world.tenant.add_user("Break Glass")
    await world.register(stranger.id, RUNNING)
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=400))

    assert not (await offboard(world, stranger)).done

    # Neither does whoever finishes what was begun: a sweep, or a second call.
    assert (await world.on_record(stranger.id)).keeps_account
    await world.sweep()
    assert (await offboard(world, stranger, "20261123T130000-abcdef")).done
    assert stranger.account_enabled


@pytest.mark.parametrize("listed", [True, False])
async def test_while_membership_cannot_be_read_only_a_removal_disables(world: World, *, listed: bool) -> None:
    world.configure(disable_accounts=Disable.ALL)
    user = world.member("Anna") if listed else world.tenant.add_user("Break Glass")
    await world.register(user.id, RUNNING)
    world.directory.sandbox.faults.add(Fault(path="checkMemberGroups", status=403, times=None))
    assert (await offboard(world, user)).done
    assert user.account_enabled is not listed


# Directory roles -----------------------------------------------------------------------------------------

_GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"


async def test_whoever_holds_a_directory_role_is_removed_but_not_disabled(world: World) -> None:
    world.configure(disable_accounts=Disable.ALL)
    anna = world.member("Anna", directory_roles=[_GLOBAL_ADMINISTRATOR])
    told = await offboard(world, anna)
    role = world.tenant.directory_role(_GLOBAL_ADMINISTRATOR)
    assert (told.done, told.roles) == (True, (role.id,))
    assert [one.step for one in told.steps] == [Step.REMOVE, Step.REVOKE]
    assert anna.account_enabled
    assert anna.id not in world.member_ids()
    assert world.is_revoked(anna, (await run_of(world)).started_at)


@pytest.mark.parametrize(("status", "error"), [(403, None), (503, UnavailableError)])
async def test_while_roles_cannot_be_read_nobody_is_disabled(
    world: World, status: int, error: type[Exception] | None
) -> None:
    world.configure(disable_accounts=Disable.ALL)
    anna = world.member("Anna")
    world.directory.sandbox.faults.add(Fault(path="transitiveMemberOf", status=status, times=None))
    if error is None:
        told = await offboard(world, anna)
        assert (told.done, told.steps[0].outcome) == (False, StepOutcome.FAILED)
        assert "which directory roles they hold" in told.steps[0].detail
    else:
        with pytest.raises(error, match="which directory roles they hold"):
            await offboard(world, anna)
    assert anna.account_enabled
    assert world.member_ids() == set()
    world.directory.sandbox.faults.clear()
    assert (await offboard(world, anna)).done
    assert not anna.account_enabled


# Protected groups ----------------------------------------------------------------------------------------


async def test_a_member_of_a_protected_group_is_refused(world: World) -> None:
    anna = world.member("Anna")
    inner = world.tenant.add_group("Inner", members=[anna])
    protected = world.tenant.add_group("Break glass", members=[inner])
    world.configure(protected_group_ids=(protected.id,))
    with pytest.raises(RefusedError, match=f"ENFORCER_PROTECTED_GROUP_IDS names their group {protected.id}"):
        await offboard(world, anna)
    await _assert_untouched(world, anna)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(path="select=id,displayName,visibility", status=404), RefusedError),
        (Fault(path="select=id,displayName,visibility", status=503, times=None), UnavailableError),
        (Fault(path="checkMemberGroups", status=403), UnavailableError),
    ],
)
async def test_nobody_is_offboarded_while_a_protected_group_cannot_be_read(
    world: World, fault: Fault, error: type[Exception]
) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    world.configure(protected_group_ids=(world.tenant.add_group("Break glass").id,))
    world.directory.sandbox.faults.add(fault)
    with pytest.raises(error, match="ENFORCER_PROTECTED_GROUP_IDS"):
        await offboard(world, anna)
    await _assert_untouched(world, anna)


async def test_a_run_that_is_not_retried_is_recorded_as_failed_unless_ended(
    world: World,
) -> None:
    anna = world.member("Anna")
    other = second_group(world)
    await offboard(world, anna)
    ended = await run_of(world)
    await world.services.runs.save(Report(run=replace(ended, group_id=other.id, state=RunState.RUNNING)))
    request = OffboardRequest(user=anna.id, reason="left", actor="cli:ann", run_id=RUN_ID)

    await record_failure(world.services, request, UnavailableError("storage does not answer"))

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
