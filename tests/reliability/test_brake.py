"""The brake: a plan for unusually many people waits for approval; until then, nothing changes in Entra."""

from __future__ import annotations

import pytest

from enforcer.core.actors import Actor
from enforcer.core.exceptions import InputError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import State
from enforcer.sweep.approval import approve
from sandbox.storage_proxy import Calls, Fault, Reply, StorageProxy
from tests.reliability.conftest import OpenWorld
from tests.support.directory_facts import DirectoryFact
from tests.support.people import leavers, mark, offboard, recorded, stayers, strike, tried
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("count", "percent", "leaving", "staying", "held"),
    [
        (3, "10", 2, 0, False),
        (3, "10", 3, 0, False),
        (3, "10", 4, 0, True),
        (0, "40", 3, 7, False),
        (0, "40", 4, 6, False),
        (0, "40", 5, 5, True),
        (0, "33.3", 1, 2, True),
        (0, "33.4", 1, 2, False),
        (5, "10", 5, 0, False),
        (4, "100", 5, 0, False),
        (0, "0", 1, 9, True),
    ],
)
async def test_both_bounds_must_be_passed(  # noqa: PLR0913, PLR0917 -- a table
    open_world: OpenWorld,
    count: int,
    percent: str,
    leaving: int,
    staying: int,
    held: bool,  # noqa: FBT001
) -> None:
    world = await open_world(ENFORCER_BRAKE_COUNT=str(count), ENFORCER_BRAKE_PERCENT=percent)
    await leavers(world, leaving)
    await stayers(world, staying)

    report = await world.sweep()

    assert report.run.held is held
    assert len(world.member_ids()) == staying + (leaving if held else 0)
    assert (report.run.due, report.run.skipped) == (leaving, leaving if held else 0)


async def test_a_held_plan_of_removals_removes_nobody_and_holds_no_addition(open_world: OpenWorld) -> None:
    world = await open_world(
        ENFORCER_BRAKE_COUNT="1",
        ENFORCER_BRAKE_PERCENT="1",
        ENFORCER_ONBOARD="add",
        ENFORCER_DISABLE_ACCOUNTS="all",
    )
    before = await leavers(world, 1)
    await world.sweep()
    world.tenant.add_member(world.group, before[0])
    newcomer = world.tenant.add_user("New Comer")
    await world.register(newcomer.id, RUNNING)
    await leavers(world, 3)
    since = mark(world)

    for _ in range(3):
        report = await world.sweep()
        assert report.run.held

    assert {change.fact for change in tried(world, since)} == {DirectoryFact.ADDED}
    assert newcomer.id in world.member_ids()
    assert len([action for action, _ in await recorded(world, Action.HOLD)]) == 1


async def test_somebody_who_waits_for_it_is_never_held(open_world: OpenWorld) -> None:
    world = await _held(open_world)
    person = world.member("Anna Urgent")

    done = await offboard(world, person)

    assert done.done
    assert person.id not in world.member_ids()
    assert len(world.member_ids()) == 6
    assert (await world.sweep()).run.held


async def test_a_run_that_broke_off_after_an_approval_needs_no_second_one(open_world: OpenWorld) -> None:
    world = await _held(open_world)
    await _approve(world)
    strike(world, path=r"\$ref", status=401, skip=2, times=None)
    with pytest.raises(Exception, match="token"):
        await world.sweep()
    world.directory.sandbox.faults.clear()

    report = await world.sweep()

    assert not report.run.held
    assert len(world.member_ids()) == 2


async def test_an_approval_from_before_a_failed_run_releases_no_other_plan(
    open_world: OpenWorld, proxy: StorageProxy
) -> None:
    world = await _held(open_world, proxy)
    await _approve(world)
    proxy.set_fault(Fault(calls=Calls(method="PUT", path="/plans"), reply=Reply.REFUSED))
    with pytest.raises(Exception, match="refuses"):
        await world.sweep()
    proxy.clear()
    world.clock.advance(seconds=5)
    assert await world.services.plans.released(world.group.id)
    assert (await world.sweep()).run.removed == 4
    assert await world.services.plans.released(world.group.id) == [], "nor does anybody see it as unused"
    await world.sweep()

    world.clock.advance(days=1)
    for user in await world.services.register.whole_rows(world.group.id):
        if user.end_date == ENDED:
            world.tenant.add_member(world.group, user.row_key)
    assert (await world.sweep()).run.held


async def test_what_was_begun_before_the_brake_held_is_not_forgotten(open_world: OpenWorld) -> None:
    world = await open_world(ENFORCER_BRAKE_COUNT="1", ENFORCER_BRAKE_PERCENT="1")
    [first] = await leavers(world, 1)
    strike(world, path="revokeSignInSessions", status=403)
    await world.sweep()
    await leavers(world, 3)
    assert (await world.sweep()).run.held
    record = await world.record_of(first.id)
    assert record is not None
    assert record.state is State.OFFBOARDING

    await _approve(world)
    await world.sweep()

    assert world.member_ids() == set()
    assert world.is_revoked(first, world.clock.moment)


async def test_a_plan_is_acted_upon_only_if_it_is_still_the_expected_one(open_world: OpenWorld) -> None:
    world = await open_world()
    await leavers(world, 2)
    digest = (await world.plan()).digest
    await leavers(world, 1)

    with pytest.raises(InputError, match="has changed"):
        await world.sweep(expected_digest=digest)

    assert tried(world) == []
    assert (await world.sweep(expected_digest=(await world.plan()).digest)).run.removed == 3


async def _held(open_world: OpenWorld, proxy: StorageProxy | None = None) -> World:
    """Run a sweep in which four of six are due, which is too many."""
    bounds = {"ENFORCER_BRAKE_COUNT": "3", "ENFORCER_BRAKE_PERCENT": "50"}
    world = await (open_world(proxy.endpoints, **bounds) if proxy else open_world(**bounds))
    await leavers(world, 4)
    await stayers(world, 2)
    assert (await world.sweep()).run.held
    return world


async def _approve(world: World) -> None:
    [plan] = await world.services.plans.waiting([world.group.id])
    await approve(world.services, plan.digest, actor=Actor(id="approver"))
