"""Approving a held plan: once, and only for the same people."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.actors import Actor
from enforcer.core.exceptions import InputError, NotFoundError
from enforcer.core.ledger import Action
from enforcer.sweep.approval import approve
from enforcer.sweep.planning import make_whole_plan
from sandbox.directory import User
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def environ() -> dict[str, str]:
    """The brake holds a second person."""
    return {"ENFORCER_BRAKE_COUNT": "1", "ENFORCER_BRAKE_PERCENT": "10"}


async def register_three(world: World) -> list[User]:
    users = [world.member(f"Ended {number}") for number in range(3)]
    for user in users:
        await world.register(user.id, ENDED)
    return users


async def actions(world: World) -> list[Action]:
    return [entry.action for entry in await world.ledger() if not entry.action.startswith("register")]


async def test_a_held_sweep_changes_nothing_until_its_plan_is_approved(world: World) -> None:
    users = await register_three(world)
    held = await world.sweep()
    assert held.run.held
    assert (held.run.due, held.run.skipped) == (3, 3)
    assert world.graph_writes() == []
    assert await world.record_of(users[0].id) is None

    (plan,) = await approve(world.services, f" {held.run.digest.upper()} ", actor=Actor(id="cli:ann"))
    assert (plan.people, plan.members, plan.approved_by) == (3, 3, "cli:ann")

    report = await world.sweep()
    assert (report.run.held, report.run.removed) == (False, 3)
    assert world.member_ids() == set()
    assert [action for action in await actions(world) if action in (Action.HOLD, Action.APPROVE)] == [
        Action.HOLD,
        Action.APPROVE,
    ]


async def test_an_approval_is_good_for_the_same_people_only(world: World) -> None:
    await register_three(world)
    held = await world.sweep()
    await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))
    fourth = world.member("Ended 4")
    await world.register(fourth.id, ENDED)
    again = await world.sweep()
    assert (again.run.held, again.run.removed, again.run.skipped) == (True, 3, 1)
    assert again.run.digest != held.run.digest
    assert world.member_ids() == {fourth.id}


async def test_an_approval_is_good_once(world: World) -> None:
    users = await register_three(world)
    held = await world.sweep()
    await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))
    await world.sweep()
    for user in users:
        world.tenant.add_member(world.group, user)
    world.clock.advance(hours=2)
    again = await world.sweep()
    assert (again.run.held, again.run.digest) == (True, held.run.digest)
    assert world.member_ids() == {user.id for user in users}
    # It may be approved again.
    await approve(world.services, held.run.digest, actor=Actor(id="cli:ben"))
    assert (await world.sweep()).run.removed == 3


async def test_approving_twice_is_the_same_as_once(world: World) -> None:
    await register_three(world)
    held = await world.sweep()
    first = await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))
    assert await approve(world.services, held.run.digest, actor=Actor(id="cli:ben")) == first
    assert (await actions(world)).count(Action.APPROVE) == 1


async def test_two_concurrent_approvals_are_recorded_and_count_once(world: World) -> None:
    await register_three(world)
    held = await world.sweep()

    await asyncio.gather(
        *(approve(world.services, held.run.digest, actor=Actor(id=actor)) for actor in ("cli:ann", "cli:ben"))
    )

    entries = [entry for entry in await world.ledger() if entry.action is Action.APPROVE]
    assert {entry.actor for entry in entries} == {"cli:ann", "cli:ben"}
    assert {entry.outcome for entry in entries} == {f"approved: 3 of 3 members; digest {held.run.digest}"}
    assert (await world.sweep()).run.removed == 3
    assert world.member_ids() == set()


async def test_the_current_plan_can_be_approved_before_a_sweep_holds_it(world: World) -> None:
    await register_three(world)
    await approve(world.services, (await world.plan()).digest, actor=Actor(id="cli:ann"))
    assert (await world.sweep()).run.removed == 3


async def test_the_plan_of_all_groups_is_approved_by_its_own_digest(world: World) -> None:
    other = world.tenant.add_group("Others")
    world.configure(group_ids=(world.group.id, other.id))
    await register_three(world)
    whole = await make_whole_plan(world.services)
    (approved,) = await approve(world.services, whole.digest, actor=Actor(id="cli:ann"))
    assert approved.group_id == world.group.id
    assert (await world.sweep()).run.removed == 3


async def test_a_plan_that_is_not_held_needs_no_approval(world: World) -> None:
    user = world.member("Ended")
    await world.register(user.id, ENDED)
    with pytest.raises(InputError, match="needs no approval"):
        await approve(world.services, (await world.plan()).digest, actor=Actor(id="cli:ann"))


async def test_a_used_approval_cannot_be_given_again_to_nobody(world: World) -> None:
    await register_three(world)
    held = await world.sweep()
    await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))
    report = await world.sweep()
    with pytest.raises(InputError, match=f"was used by run {report.run.run_id}"):
        await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))


async def test_a_digest_of_no_plan_is_not_found(world: World) -> None:
    await world.register(world.member("Running").id, RUNNING)
    with pytest.raises(NotFoundError, match=(await world.plan()).digest):
        await approve(world.services, "0" * 64, actor=Actor(id="cli:ann"))
