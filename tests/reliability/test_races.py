"""Two at a time on one group, one person or one plan."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from enforcer.core.actors import Actor
from enforcer.core.exceptions import InputError
from enforcer.core.ledger import Action
from enforcer.core.runs import RunState
from enforcer.services import Services
from enforcer.sweep.approval import approve
from enforcer.sweep.sweep import SweepRequest, sweep
from sandbox.azurite import StorageEndpoints
from sandbox.directory.objects import Group, User
from sandbox.storage_proxy import Calls, Fault
from tests.conftest import NewAccount
from tests.support.crash_point import CrashWorld, running_crash_world
from tests.support.directory_facts import DirectoryFact, changes_made, numbers, touched
from tests.support.fault_world import FaultSchedule, FaultWorld, opened_fault_world
from tests.support.fork_jobs import Exit, ForkServer, Job, Kind, running_fork_server
from tests.support.interrupted_work import Stage
from tests.support.ledger_entries import break_in
from tests.support.world import ENDED, RUNNING

pytestmark = pytest.mark.anyio

FEW = 5
repeats = pytest.mark.parametrize(
    "count", [pytest.param(FEW, id="few"), pytest.param(200, id="many", marks=pytest.mark.long)]
)


# Two processes -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Pair:
    """A world with a second process."""

    world: CrashWorld
    other: ForkServer

    async def run(self, one: Job, other: Job) -> None:
        ends = await asyncio.gather(self.world.run(one), self.other.run(other))
        assert set(ends) == {Exit.DONE}


@pytest.fixture(scope="module")
def azurite(new_account: NewAccount) -> StorageEndpoints:
    return new_account()


@pytest.fixture(scope="module")
async def pair(azurite: StorageEndpoints) -> AsyncIterator[Pair]:
    async with running_crash_world(azurite) as world:
        stage = Stage(world)
        async with running_fork_server(stage.sweep(stage.group())) as other:
            yield Pair(world, other)


@repeats
async def test_two_runners_on_one_group_do_the_work_once(pair: Pair, count: int) -> None:
    for _ in range(count):
        stage, group, people = await _a_few(pair.world)
        await pair.run(stage.sweep(group), stage.sweep(group))
        await _assert_all_out_once(pair.world, stage, group, people)


@repeats
async def test_a_sweep_and_an_offboarding_on_demand_do_not_disturb_each_other(pair: Pair, count: int) -> None:
    for number in range(count):
        stage, group, people = await _a_few(pair.world)
        running = stage.user(group)
        await stage.row(group, running.id, RUNNING)
        person = (people[0], running)[number % 2]
        now = Job(kind=Kind.OFFBOARD, about=person.id, environ=stage.environ)
        await pair.run(stage.sweep(group), now)
        await stage.run(stage.sweep(group))
        await _assert_all_out(
            pair.world, stage, group, people if person is not running else [*people, running]
        )


async def _a_few(world: CrashWorld) -> tuple[Stage, Group, list[User]]:
    # On a slow machine the first may take longer than a shorter lease lasts.
    stage = Stage(world, {"ENFORCER_LEASE_SECONDS": "5"})
    group = stage.group()
    people = [stage.user(group), stage.guest(group), stage.user(group)]
    for person in people:
        await stage.row(group, person.id, ENDED)
    stage.user(group)
    world.log.clear()
    return stage, group, people


async def _assert_all_out_once(world: CrashWorld, stage: Stage, group: Group, people: list[User]) -> None:
    await _assert_all_out(world, stage, group, people)
    done = changes_made(world.log.entries)
    for person in people:
        assert len(numbers(done, DirectoryFact.REMOVED, person.id)) == 1
        assert len(numbers(done, DirectoryFact.REVOKED, person.id)) == 1


async def _assert_all_out(world: CrashWorld, stage: Stage, group: Group, people: list[User]) -> None:
    ids = {person.id for person in people}
    done = changes_made(world.log.entries)
    assert touched(done) == ids
    assert not ids & set(world.tenant.members[group.id])
    for person in people:
        assert len(numbers(done, DirectoryFact.REMOVED, person.id)) == 1
        assert (
            numbers(done, DirectoryFact.REVOKED, person.id)[-1]
            > numbers(done, DirectoryFact.REMOVED, person.id)[-1]
        )
    services = world.services(stage.environ)
    assert await break_in(services.ledger, group.id) is None
    runs = await services.runs.of_group(group.id, datetime.now(UTC))
    assert {run.state for run in runs} == {RunState.COMPLETE}
    assert not [item async for item in services.records.of_group(group.id) if item.unfinished]
    removed = [link.entry async for link in services.ledger.links(group.id)]
    outcomes = [
        entry.user for entry in removed if (entry.action, entry.outcome) == (Action.REMOVE, "removed")
    ]
    assert sorted(outcomes) == sorted(ids)


# Two tasks in one process -------------------------------------------------------------------------------


@pytest.fixture
async def fault_world(
    azurite: StorageEndpoints, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FaultWorld]:
    async with opened_fault_world(azurite) as opened:
        for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
            monkeypatch.setenv(name, opened.directory.environment[name])
        yield opened


@repeats
async def test_a_renewal_during_a_sweep_leaves_nobody_half_offboarded(
    fault_world: FaultWorld, count: int
) -> None:
    for number in range(count):
        world = fault_world.new_schedule()
        people = await _leavers(world, 3)
        renewed = people[number % 3]
        await asyncio.gather(_sweep(world.services, world), _renew_soon(world, renewed))
        await _sweep(world.services, world)

        for person in people:
            out = not world.is_member(person)
            assert world.is_revoked_since_removal(person)
            assert out or person is renewed
        assert await break_in(world.services.ledger, world.group_id) is None
        assert not [item for item in await world.records() if item.unfinished]


async def test_a_renewal_before_the_recheck_counts(fault_world: FaultWorld) -> None:
    world = fault_world.new_schedule()
    people = await _leavers(world, 3)

    # The plan is made by then and nobody has been rechecked yet: the sweep waits for the renewal.
    before_the_recheck = Fault(
        calls=Calls(method="GET", path=r"/plans\("),
        act=lambda: world.write_row(people[2].id, world.day(30)),
    )
    await _sweep(world.services_in((before_the_recheck,)), world)
    world.clear_up()

    assert [world.is_member(person) for person in people] == [False, False, True]
    assert people[2].id not in {done.user_id for done in world.attempts_since(0)}
    assert people[2].id not in {item.user_id for item in await world.records()}


@repeats
async def test_an_approval_during_sweeps_releases_the_plan_once(fault_world: FaultWorld, count: int) -> None:
    for _ in range(count):
        world = fault_world.new_schedule(ENFORCER_BRAKE_COUNT="1", ENFORCER_BRAKE_PERCENT="0")
        people = await _leavers(world, 3)
        await _sweep(world.services, world)
        [plan] = await world.services.plans.waiting([world.group_id])
        await asyncio.gather(
            _soon(_approve(world.services, plan.digest)),
            _soon(_approve(world.other_services, plan.digest)),
            _soon(_sweep(world.services, world)),
        )
        await _sweep(world.services, world)

        assert not any(world.is_member(person) for person in people)
        used = await world.services.plans.get(plan.digest)
        assert used is not None
        assert used.used_by
        for person in people:
            world.add(person)
        world.clock.advance(days=1)
        await _sweep(world.services, world)
        assert all(world.is_member(person) for person in people)


async def _leavers(world: FaultSchedule, count: int) -> list[User]:
    people = [world.user("Contractor", guest=number % 2 == 1) for number in range(count)]
    for person in people:
        world.add(person)
        await world.write_row(person.id, world.day(-3))
    return people


async def _sweep(services: Services, world: FaultSchedule) -> None:
    await sweep(services, SweepRequest(group_id=world.group_id, actor="test", reason="test"))


async def _approve(services: Services, digest: str) -> None:
    with suppress(InputError):  # the other's approval was used already
        await approve(services, digest, actor=Actor(id="approver"))


async def _renew_soon(world: FaultSchedule, person: User) -> None:
    await _soon(world.write_row(person.id, world.day(30)))


async def _soon[T](work: Awaitable[T]) -> T:
    await asyncio.sleep(random.uniform(0, 0.06))  # noqa: S311 -- so that they meet at a different point each time
    return await work
