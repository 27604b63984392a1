"""The brake for offboarding on demand: the first people of a window always go, the others need two people."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.actors import Actor
from enforcer.core.exceptions import HeldError, UnavailableError
from enforcer.core.ledger import Action
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from enforcer.storage.tables.plans import TABLE as PLANS
from enforcer.sweep.approval import approve
from sandbox.directory import Fault, User
from tests.support.leaving import RUN_ID, offboard, second_group
from tests.support.world import ENDED, World

pytestmark = pytest.mark.anyio


def _members(world: World, number: int) -> list[User]:
    return [world.member(f"Person {place}") for place in range(number)]


def _run_id(place: int) -> str:
    return f"20261123T12{place:04d}-abcdef"


async def _try(world: World, user: User, place: int) -> str:
    """Offboard somebody; return the digest if the brake holds it."""
    try:
        await offboard(world, user, _run_id(place))
    except HeldError as error:
        return error.digest
    return ""


async def test_single_offboardings_one_after_the_other_end_held(world: World) -> None:
    world.configure(brake_count=3, brake_percent=10.0)
    people = _members(world, 40)
    digests = [await _try(world, user, place) for place, user in enumerate(people[:8])]
    # Four are ten percent of the forty whom the window began with, however many are left.
    assert [bool(digest) for digest in digests] == [False] * 4 + [True] * 4
    assert len(set(digests)) == 5
    assert {user.id for user in people[4:]} == world.member_ids()


async def test_what_a_sweep_has_removed_counts_and_the_other_way_round(world: World) -> None:
    world.configure(brake_count=2, brake_percent=0.0)
    people = _members(world, 6)
    for user in people[:2]:
        await world.register(user.id, ENDED)
    assert (await world.sweep()).run.removed == 2
    assert await _try(world, people[2], 1)
    world.clock.advance(hours=23)
    assert not await _try(world, people[2], 2)
    assert not await _try(world, people[3], 3)
    await world.register(people[4].id, ENDED)
    assert (await world.sweep()).run.held


async def test_one_person_alone_is_never_held_whatever_the_bounds(world: World) -> None:
    world.configure(brake_count=0, brake_percent=0.0)
    anna, ben = _members(world, 2)
    assert not await _try(world, anna, 1)
    assert await _try(world, ben, 2)


async def test_an_approved_person_goes_and_nobody_else_does(world: World) -> None:
    world.configure(brake_count=0, brake_percent=0.0)
    anna, ben, carl = _members(world, 3)
    await _try(world, anna, 1)
    digest = await _try(world, ben, 2)
    [held] = await approve(world.services, digest, actor=Actor(id="user:somebody-else"))
    assert (held.digest, held.people) == (digest, 1)
    assert await _try(world, carl, 3)
    assert not await _try(world, ben, 4)
    assert world.member_ids() == {carl.id}
    # The approval is used: should Ben come back, somebody has to approve it again.
    world.tenant.add_member(world.group, ben)
    assert await _try(world, ben, 5) == digest
    assert ben.id in world.member_ids()


async def test_a_held_offboarding_writes_its_run_and_touches_nobody(world: World) -> None:
    world.configure(brake_count=0, brake_percent=0.0)
    anna, ben = _members(world, 2)
    await _try(world, anna, 1)
    digest = await _try(world, ben, 2)
    [run] = await world.services.runs.of_id(_run_id(2), [world.group.id])
    assert (run.held, run.digest, run.actor, run.due, run.skipped) == (True, digest, "cli:ann", 1, 1)
    assert await world.record_of(ben.id) is None
    [entry] = [entry for entry in await world.ledger() if entry.action is Action.HOLD]
    assert (entry.actor, entry.run) == ("cli:ann", _run_id(2))
    [waiting] = await world.services.plans.waiting([world.group.id])
    assert (waiting.digest, waiting.run_id) == (digest, _run_id(2))


async def test_a_repeated_call_does_not_count_the_same_person_twice(world: World) -> None:
    world.configure(brake_count=1, brake_percent=0.0)
    anna, ben = _members(world, 2)
    away = Fault(path="revokeSignInSessions", status=503, times=None)
    world.directory.sandbox.faults.add(away)
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await offboard(world, anna)
    world.directory.sandbox.faults.clear()
    assert (await offboard(world, anna)).done
    assert await _try(world, ben, 1)


async def test_offboardings_at_the_same_time_never_exceed_the_bound(world: World) -> None:
    world.configure(brake_count=2, brake_percent=0.0)
    people = _members(world, 8)
    digests = await asyncio.gather(*(_try(world, user, place) for place, user in enumerate(people)))
    assert sum(not digest for digest in digests) == 2
    assert len(world.member_ids()) == 6


async def test_past_the_brake_of_one_group_nobody_leaves_another(world: World) -> None:
    world.configure(brake_count=1, brake_percent=0.0)
    anna, ben, carl = _members(world, 3)
    other = second_group(world, ben, carl)
    assert not await _try(world, anna, 1)
    digest = await _try(world, ben, 2)
    assert set(world.tenant.members[other.id]) == {ben.id, carl.id}
    await approve(world.services, digest, actor=Actor(id="user:somebody-else"))
    assert not await _try(world, ben, 3)
    assert set(world.tenant.members[other.id]) == {carl.id}


async def test_somebody_in_no_group_any_more_costs_nothing(world: World) -> None:
    world.configure(brake_count=1, brake_percent=0.0)
    anna, ben = _members(world, 2)
    for _ in range(2):
        await offboard_now(
            world.services, OffboardRequest(user=anna.id, reason="left", actor="cli:ann", run_id=RUN_ID)
        )
    gone = world.tenant.add_user("Gone")
    await world.register(gone.id, ENDED)
    assert not await _try(world, gone, 1)
    assert await _try(world, ben, 2)


async def test_a_second_approval_of_the_same_people_covers_all_groups(world: World) -> None:
    world.configure(brake_count=0, brake_percent=0.0)
    anna, ben = _members(world, 2)
    other = second_group(world, anna, ben)
    assert not await _try(world, anna, 1)
    digest = await _try(world, ben, 2)
    for place in (3, 4):
        await approve(world.services, digest, actor=Actor(id="user:somebody-else"))
        assert not await _try(world, ben, place)
        assert ben.id not in world.member_ids()
        assert ben.id not in world.tenant.members[other.id]
        for group in (world.group, other):
            world.tenant.add_member(group, ben)
        assert await _try(world, ben, place + 10) == digest


async def test_what_waits_on_demand_waits_through_sweeps_until_they_are_out(world: World) -> None:
    world.configure(brake_count=0, brake_percent=0.0)
    anna, ben, carl = _members(world, 3)
    await _try(world, anna, 1)
    digests = {await _try(world, user, place) for place, user in enumerate((ben, carl), 2)}
    assert {plan.digest for plan in (await world.sweep()).waiting} == digests

    world.tenant.remove_member(world.group, ben)
    waiting = (await world.sweep()).waiting
    assert digests > {plan.digest for plan in waiting}
    world.tenant.remove_member(world.group, carl)
    assert (await world.sweep()).waiting == ()


async def test_a_forged_approval_lets_nobody_go_on_demand_and_is_shown(world: World) -> None:
    world.configure(brake_count=0, brake_percent=0.0)
    anna, ben = _members(world, 2)
    await _try(world, anna, 1)
    digest = await _try(world, ben, 2)
    forged = {"ApprovedAt": world.clock(), "ApprovedBy": "user:stranger", "Approval": 1}
    async with world.services.tables.table(PLANS) as table:
        await table.update_entity({"PartitionKey": digest, "RowKey": "plan", **forged})
    assert await _try(world, ben, 3) == digest
    assert world.member_ids() == {ben.id}
    [waiting] = await world.services.plans.waiting([world.group.id])
    assert (waiting.digest, waiting.approved_by) == (digest, "")
