"""The leavers' group: who leaves is put into it, and who has access again is taken out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enforcer.core.actors import Actor
from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import InputError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import State
from enforcer.core.plan import FindingKind, Step
from enforcer.core.settings import Mode, Onboarding
from enforcer.core.steps import StepOutcome
from enforcer.offboarding.undo import plan_undo, undo
from sandbox.directory import Fault, User
from sandbox.directory.objects import Group
from tests.support.leaving import offboard, second_group
from tests.support.people import heal, recorded, strike
from tests.support.policy_examples import changed, handmade, in_tenant, shipped
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

_GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"


@pytest.fixture
def left(world: World) -> Group:
    """The leavers' group, configured."""
    group = world.tenant.add_group("Contractors who have left")
    world.configure(leavers_group=group.id)
    return group


def who_left(world: World, left: Group) -> set[str]:
    return set(world.tenant.members[left.id])


async def gone(world: World, name: str = "Anna") -> User:
    """Return somebody whom a sweep has offboarded."""
    anna = world.member(name)
    await world.register(anna.id, ENDED)
    await world.sweep()
    return anna


async def test_a_leaver_is_put_into_the_group_before_sessions_end(world: World, left: Group) -> None:
    anna = world.guest("Anna")
    await world.register(anna.id, ENDED)
    assert (await world.plan()).offboard[0].steps == (Step.REMOVE, Step.LEAVERS_ADD, Step.REVOKE)

    report = await world.sweep()

    assert (report.run.due, report.run.removed, report.findings) == (1, 1, ())
    assert (world.member_ids(), who_left(world, left)) == (set(), {anna.id})
    assert [call.partition("/v1.0")[2] for call in world.graph_writes()[:3]] == [
        f"/groups/{world.group.id}/members/{anna.id}/$ref",
        f"/groups/{left.id}/members/$ref",
        f"/users/{anna.id}/revokeSignInSessions",
    ]
    record = await world.on_record(anna.id)
    assert (record.state, record.leavers_at) == (State.OFFBOARDED, record.removed_at)
    assert await recorded(world, Action.LEAVERS_ADD) == [(anna.id, "added")]


async def test_whoever_is_in_the_group_already_counts_as_added(world: World, left: Group) -> None:
    anna = world.member("Anna")
    world.tenant.add_member(left, anna)
    await world.register(anna.id, ENDED)
    assert (await world.sweep()).run.removed == 1
    assert await recorded(world, Action.LEAVERS_ADD) == [(anna.id, "already a member")]
    assert (await world.on_record(anna.id)).state is State.OFFBOARDED


async def test_a_refused_addition_is_a_finding_and_stops_no_other_step(world: World, left: Group) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    strike(world, method="POST", path=f"{left.id}/members", status=403, times=None)
    before = world.clock.moment - timedelta(seconds=5)

    report = await world.sweep()

    assert (report.run.removed, report.run.revoked, report.run.incomplete) == (1, 1, 1)
    assert world.member_ids() == set()
    assert world.is_revoked(anna, before)
    (found,) = report.findings
    assert (found.kind, found.user_id, "leavers_add: 403" in found.detail) == (
        FindingKind.STUCK,
        anna.id,
        True,
    )
    heal(world)
    assert (await world.plan()).offboard[0].steps == (Step.LEAVERS_ADD, Step.REVOKE)
    report = await world.sweep()
    assert (report.run.already_absent, report.run.incomplete, report.findings) == (1, 0, ())
    assert who_left(world, left) == {anna.id}
    assert (await world.on_record(anna.id)).state is State.OFFBOARDED


async def test_a_deleted_group_keeps_nobody_in_and_is_a_finding(world: World, left: Group) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    world.configure(leavers_group="00000000-1111-2222-3333-444444444444")
    report = await world.sweep()
    assert (world.member_ids(), report.run.removed, report.run.incomplete) == (set(), 1, 1)
    (found,) = report.findings
    assert found.kind is FindingKind.LEAVERS_GROUP
    assert "does not exist in this tenant; correct ENFORCER_LEAVERS_GROUP" in found.detail


async def test_a_deleted_account_needs_no_blocking(world: World, left: Group) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    strike(world, method="POST", path=f"{left.id}/members", status=503, times=None)
    await world.sweep()
    heal(world)
    world.tenant.delete_user(anna, world.clock())
    report = await world.sweep()
    assert (report.run.incomplete, who_left(world, left)) == (0, set())
    assert (await recorded(world, Action.LEAVERS_ADD))[-1] == (anna.id, "no_account")


async def test_whoever_another_group_gives_access_is_not_blocked(world: World, left: Group) -> None:
    anna, other = world.member("Anna"), second_group(world)
    world.tenant.add_member(other, anna)
    row = RegisterRow(group_id=other.id, row_key=anna.user_principal_name, end_date=RUNNING)
    await world.services.register.save(row)
    await world.register(anna.id, ENDED)
    strike(world, path="revokeSignInSessions", status=400, times=1)
    for _ in range(2):
        await world.sweep()
    assert (world.member_ids(), who_left(world, left)) == (set(), set())
    assert (await world.on_record(anna.id)).state is State.OFFBOARDED


# A renewal -----------------------------------------------------------------------------------------------


async def test_a_renewed_member_is_taken_out_once_they_are_a_member(world: World, left: Group) -> None:
    anna = await gone(world)
    await world.register(anna.id, RUNNING)
    await world.sweep()
    assert who_left(world, left) == {anna.id}  # not a member yet: nothing else may block them
    world.tenant.add_member(world.group, anna)

    report = await world.sweep()

    assert (report.findings, report.run.incomplete, who_left(world, left)) == ((), 0, set())
    assert await recorded(world, Action.LEAVERS_REMOVE) == [(anna.id, "removed")]
    assert (await world.plan()).readmit == ()


async def test_a_joiner_is_taken_out_in_the_same_run(world: World, left: Group) -> None:
    anna = await gone(world)
    world.configure(onboard=Onboarding.ADD, brake_percent=100.0)
    await world.register(anna.id, RUNNING)
    report = await world.sweep()
    assert (report.run.added, world.member_ids(), who_left(world, left)) == (1, {anna.id}, set())


async def test_nobody_is_taken_out_who_has_no_access_or_no_row(world: World, left: Group) -> None:
    anna, ben, cara = world.member("Anna"), world.member("Ben"), world.member("Cara")
    for user in (anna, ben, cara):
        world.tenant.add_member(left, user)
    await world.register(ben.id, RUNNING, start_date="2099-01-01")
    await world.register(cara.id, RUNNING)
    world.configure(protected_ids=frozenset({cara.id}))
    await world.sweep()
    assert who_left(world, left) == {anna.id, ben.id, cara.id}


async def test_a_refused_readmission_is_a_finding_and_tried_again(world: World, left: Group) -> None:
    anna = world.member("Anna")
    world.tenant.add_member(left, anna)
    await world.register(anna.id, RUNNING)
    world.configure(mode=Mode.REPORT)
    await world.sweep()
    world.configure(mode=Mode.ENFORCE)
    world.directory.sandbox.faults.add(Fault(method="DELETE", path=left.id, status=403, times=1))

    report = await world.sweep()

    (found,) = report.findings
    assert (found.kind, found.user_id, report.run.incomplete) == (FindingKind.LEAVERS_GROUP, anna.id, 1)
    assert "still in the leavers' group: 403" in found.detail
    assert (await world.sweep()).run.incomplete == 0
    assert who_left(world, left) == set()


# On demand, undo, What If --------------------------------------------------------------------------------


async def test_offboarding_on_demand_puts_them_in_once_for_all_groups(world: World, left: Group) -> None:
    anna = world.guest("Anna")
    other = second_group(world, anna)
    await world.register(anna.id, RUNNING)

    done = await offboard(world, anna)

    assert [(step.step, step.outcome) for step in done.steps] == [
        (Step.REMOVE, StepOutcome.DONE),
        (Step.REMOVE, StepOutcome.DONE),
        (Step.LEAVERS_ADD, StepOutcome.DONE),
        (Step.REVOKE, StepOutcome.DONE),
    ]
    assert (done.done, who_left(world, left), set(world.tenant.members[other.id])) == (
        True,
        {anna.id},
        set(),
    )
    assert (await world.on_record(anna.id)).leavers_at is not None
    writes = [call for call in world.graph_writes() if left.id in call]
    assert len(writes) == 1


async def test_on_demand_what_was_not_added_is_left_to_the_next_sweep(world: World, left: Group) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    strike(world, method="POST", path=f"{left.id}/members", status=400, times=None)
    done = await offboard(world, anna)
    assert (done.done, world.member_ids()) == (False, set())
    heal(world)
    await world.sweep()
    assert who_left(world, left) == {anna.id}


@pytest.mark.parametrize("is_member", [True, False])
async def test_on_demand_nobody_is_blocked_on_a_rows_word_or_with_a_role(
    world: World,
    left: Group,
    is_member: bool,  # noqa: FBT001
) -> None:
    boss = world.tenant.add_user("Bea Boss", directory_roles=[_GLOBAL_ADMINISTRATOR] if is_member else [])
    await world.register(boss.id, RUNNING)
    if is_member:
        world.tenant.add_member(world.group, boss)
    done = await offboard(world, boss)
    assert (done.done, who_left(world, left)) == (True, set())
    assert (await world.on_record(boss.id)).keeps_account
    await world.sweep()
    assert who_left(world, left) == set()


async def test_undo_takes_them_out_again(world: World, left: Group) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    strike(world, method="POST", path=f"{left.id}/members", status=400, times=None)
    first = await world.sweep()
    heal(world)
    second = await world.sweep()  # the step that the first one could not take
    assert who_left(world, left) == {anna.id}
    [later] = await plan_undo(world.services, second.run.run_id)
    assert later.action is Action.LEAVERS_REMOVE

    reversals = await plan_undo(world.services, first.run.run_id)
    _, results = await undo(world.services, first.run.run_id, reversals, actor=Actor(id="cli:ann"))

    assert {one.reversal.action for one in results if one.done} == {Action.ADD, Action.LEAVERS_REMOVE}
    assert (world.member_ids(), who_left(world, left)) == ({anna.id}, set())
    with pytest.raises(InputError, match="nothing to undo"):
        await plan_undo(world.services, first.run.run_id)


async def test_what_if_proves_that_the_leavers_policy_blocks(world: World, left: Group) -> None:
    assert world.tenant.identity is not None
    world.tenant.grant(world.tenant.identity, "Policy.Read.All")
    block = handmade(in_tenant(shipped()["no-group-no-access"]), "Leavers")
    users = {"includeGroups": [left.id], "excludeGroups": [], "includeGuestsOrExternalUsers": None}
    world.tenant.policies["it"] = {**changed(block, **users).body, "id": "it"}
    world.member("Ron")
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)

    report = await world.sweep()

    assert (report.run.blocked, report.run.not_blocked) == (1, 0)
    assert FindingKind.POLICY_DRIFT not in {found.kind for found in report.findings}
    assert (await world.on_record(anna.id)).proof_policy == "Leavers"
