from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from enforcer.core.actors import Actor
from enforcer.core.exceptions import EnforcerError, HeldError
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.plan import FindingKind
from enforcer.core.run_ids import new_run_id
from enforcer.core.settings import Mode
from enforcer.offboarding.undo import plan_undo, undo
from enforcer.status.checks import run_checks
from enforcer.status.group_status import GroupStatus, read_status
from sandbox.directory.faults import Fault
from tests.support.findings import too_many
from tests.support.leaving import offboard
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


async def _status(world: World) -> GroupStatus:
    [group] = (await read_status(world.services)).groups
    return group


async def test_before_the_first_run_there_is_none(world: World) -> None:
    status = await _status(world)
    assert (status.contractors, status.last_run, status.last_complete_run) == (0, None, None)
    assert (status.held, status.stuck, status.ending_soon, status.findings) == (None, (), (), {})


async def test_a_run_that_failed_is_the_last_one_but_not_the_last_complete_one(world: World) -> None:
    complete = await world.sweep()
    world.clock.advance(days=1)
    world.directory.sandbox.faults.add(Fault(path="^/v1.0", times=None, status=403, code="Forbidden"))
    with pytest.raises(EnforcerError):
        await world.sweep()

    status = await _status(world)

    assert status.last_complete_run is not None
    assert status.last_run is not None
    assert status.last_complete_run.run_id == complete.run.run_id
    assert (status.last_run.run_id != complete.run.run_id, status.last_run.state) == (True, "failed")


async def test_only_sweeps_of_the_nights_kind_count(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    night = await world.sweep()
    world.clock.advance(minutes=1)
    reversals = await plan_undo(world.services, night.run.run_id)
    await undo(world.services, night.run.run_id, reversals, actor=Actor(id="cli:ann"))
    world.clock.advance(minutes=1)
    await offboard(world, anna)
    world.clock.advance(minutes=1)
    world.configure(mode=Mode.REPORT)
    looked = await world.sweep(only_look=True)
    assert (await _status(world)).last_run == looked.run
    world.configure(mode=Mode.ENFORCE)

    # What waits in the queue has not begun.
    await world.services.runs.ask(replace(night.run, run_id=new_run_id(world.clock.moment)))

    status = await _status(world)

    assert (status.last_run, status.last_complete_run) == (night.run, night.run)


async def test_findings_of_the_last_finished_sweep_survive_a_later_failure(world: World) -> None:
    ghost = world.member("Ghost")
    await world.sweep()
    world.clock.advance(minutes=1)
    world.directory.sandbox.faults.add(Fault(path="^/v1.0", times=None, status=403, code="Forbidden"))
    with pytest.raises(EnforcerError):
        await world.sweep()

    assert [
        one.user_id for one in await world.services.runs.newest_findings(world.group.id, world.services.now())
    ] == [ghost.id]


async def test_findings_are_counted_by_kind(world: World) -> None:
    world.member("Ulf Unregistered")
    world.member("Uma Unregistered")
    await world.register("anna@contoso.example", "never")
    await world.sweep()

    assert (await _status(world)).findings == {
        FindingKind.UNREGISTERED_MEMBER: 2,
        FindingKind.INVALID_ROW: 1,
    }


async def test_the_count_of_findings_misses_none_of_many(world: World) -> None:
    await world.record(too_many(ghosts=5))

    assert (await _status(world)).findings == {
        FindingKind.MISSING_MEMBER: 6_000,
        FindingKind.UNREGISTERED_MEMBER: 5,
    }
    named = await world.services.runs.newest_findings(world.group.id, world.services.now())
    assert sum(found.kind is FindingKind.UNREGISTERED_MEMBER for found in named) == 5


async def test_rows_end_soon_within_the_longest_warning_unless_ended(world: World) -> None:
    def day(number: int) -> str:
        return (world.clock.moment + timedelta(days=number)).date().isoformat()

    await world.register("gone@contoso.example", ENDED)
    await world.register("later@contoso.example", RUNNING)
    await world.register("second@contoso.example", day(12))
    await world.register("first@contoso.example", day(3))

    status = await _status(world)

    assert status.contractors == 3
    assert [end.row_key for end in status.ending_soon] == ["first@contoso.example", "second@contoso.example"]


async def test_the_forecast_counts_the_ends_of_each_week_to_come(world: World) -> None:
    world.clock.moment = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday
    for number, day in enumerate(("2026-11-22", "2026-11-23", "2026-11-29", "2026-11-30", RUNNING)):
        await world.register(f"person{number}@contoso.example", day)

    weeks = (await _status(world)).forecast

    assert [(week.number, week.ending) for week in weeks[:3]] == [(48, 2), (49, 1), (50, 0)]


async def test_who_is_stuck_is_named_and_who_is_done_is_not(world: World) -> None:
    for key, state in (("a", State.STUCK), ("b", State.OFFBOARDING), ("c", State.VERIFIED)):
        item = OffboardingRecord(row_key=key, user_id=key, state=state, attempts=6, last_error="403 no")
        await world.services.records.save(world.group.id, [item])

    status = await _status(world)

    assert [item.user_id for item in status.stuck] == ["a"]
    assert status.unfinished == 2


async def test_a_plan_is_held_until_it_is_approved_or_replaced(world: World) -> None:
    people = [world.member(f"Person {number}") for number in range(12)]
    for person in people:
        await world.register(person.id, ENDED)
    held = await world.sweep()
    assert held.run.held

    status = await _status(world)
    assert status.held is not None
    assert (status.held.digest, status.held.people) == (held.run.digest, 12)
    assert status.last_complete_run is None

    for person in people:
        await world.register(person.id, RUNNING)
    world.clock.advance(minutes=1)
    await world.sweep()
    assert (await _status(world)).held is None


async def test_every_plan_that_waits_is_named_not_one_of_them_alone(world: World) -> None:
    world.configure(brake_count=1, brake_percent=0.0)
    people = [world.member(f"Person {number}") for number in range(4)]
    await offboard(world, people[0])
    for user in people[1:3]:
        await world.register(user.id, ENDED)
    held = await world.sweep()
    with pytest.raises(HeldError) as on_demand:
        await offboard(world, people[3])

    status = await _status(world)
    assert [plan.digest for plan in status.waiting] == [on_demand.value.digest, held.run.digest]
    assert status.held == status.waiting[-1]
    told = [check.fix async for check in run_checks(world.services) if check.name == "brake"]
    assert told == [f"enforcer approve {plan.digest}" for plan in status.waiting]
