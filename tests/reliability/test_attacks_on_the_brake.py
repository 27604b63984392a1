"""What somebody tries who wants to empty a group past the brake, or to fill it. Each was found by trying."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from enforcer.core.actors import Actor
from enforcer.core.exceptions import HeldError, LeaseHeldError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.runs import Occasion, Report
from enforcer.services import open_services
from enforcer.storage.tables.plans import TABLE as PLANS
from enforcer.sweep.approval import approve
from enforcer.sweep.sweep import SweepRequest, sweep
from sandbox.directory.objects import User
from tests.reliability.conftest import OpenWorld
from tests.support.ledger_entries import break_in, forge_head
from tests.support.people import leavers, offboard, recorded, stayers, tried
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

MOST = 10


async def end(world: World, users: list[User]) -> None:
    for user in users:
        await world.register(user.id, ENDED)


async def sweep_for(world: World, reason: str) -> Report:
    request = SweepRequest(group_id=world.group.id, actor="test", reason=reason)
    return await sweep(world.services, request)


async def test_ten_ends_and_a_sweep_again_and_again_remove_only_ten(open_world: OpenWorld) -> None:
    """Found: 37 of 40 members gone in 93 s by `PUT` and `POST /sweeps`."""
    world = await open_world()
    users = await stayers(world, 40)

    reports = []
    for start in range(0, 40, MOST):
        await end(world, users[start : start + MOST])
        reports.append(await sweep_for(world, "asked for"))
        world.clock.advance(seconds=30)

    assert [report.run.removed for report in reports] == [MOST, 0, 0, 0]
    assert [report.run.held for report in reports] == [False, True, True, True]
    assert len(world.member_ids()) == 30
    assert len(await recorded(world, Action.HOLD)) == 3


@pytest.mark.parametrize("forged", ["[]", "fewer", "earlier"])
async def test_a_head_that_forgets_whom_the_brake_let_through_is_not_believed(
    open_world: OpenWorld, forged: str
) -> None:
    world = await open_world()
    users = await stayers(world, 40)
    await end(world, users[:MOST])
    assert (await sweep_for(world, "asked for")).run.removed == MOST
    _, window = await world.services.ledger.remembered(world.group.id)
    assert window is not None
    fewer = [replace(one, people=1) for one in window.batches]
    earlier = [replace(one, at=one.at - timedelta(days=2)) for one in window.batches]
    told = {"[]": [], "fewer": fewer, "earlier": earlier}[forged]
    await forge_head(world.services.tables, world.group.id, Window=msgspec.json.encode(told).decode())

    await end(world, users[MOST : 2 * MOST])
    assert (await sweep_for(world, "asked for")).run.held
    with pytest.raises(HeldError):
        await offboard(world, users[2 * MOST])
    assert len(world.member_ids()) == 30


async def test_ends_written_after_each_verification_sweep_wait(open_world: OpenWorld) -> None:
    """Found: 40 → 33 → 23 → 13 in half an hour, ten rows after each verification sweep."""
    world = await open_world()
    users = await stayers(world, 40)
    await end(world, users[:7])
    assert (await sweep_for(world, Occasion.NIGHTLY)).run.removed == 7

    for start in (7, 17, 27):
        await end(world, users[start : start + MOST])
        world.clock.advance(minutes=15)
        report = await sweep_for(world, Occasion.VERIFICATION)
        assert (report.run.removed, report.run.skipped) == (0, start + MOST - 7)

    assert len(world.member_ids()) == 33
    assert (await sweep_for(world, "asked for")).run.held
    assert len(world.member_ids()) == 33


async def test_a_continuation_takes_nobody_who_was_not_begun(open_world: OpenWorld) -> None:
    world = await open_world()
    users = await stayers(world, 3)
    await end(world, users[:1])

    report = await sweep_for(world, Occasion.CONTINUATION)

    assert (report.run.due, report.run.removed, report.run.skipped) == (1, 0, 1)
    assert tried(world) == []


async def test_one_ordinary_night_does_not_hold_the_next(open_world: OpenWorld) -> None:
    world = await open_world()
    users = await stayers(world, 40)

    for start in (0, MOST, 2 * MOST):
        await end(world, users[start : start + MOST])
        assert (await sweep_for(world, Occasion.NIGHTLY)).run.removed == MOST
        world.clock.advance(hours=24)

    assert len(world.member_ids()) == 10


async def test_many_additions_in_one_sweep_wait_and_hold_no_removal(open_world: OpenWorld) -> None:
    """Found: 29 were added in one sweep."""
    world = await open_world(ENFORCER_ONBOARD="add")
    await leavers(world, 1)
    [stayer] = await stayers(world, 1)
    newcomers = [world.tenant.add_user(f"New {number}") for number in range(29)]
    for user in newcomers:
        await world.register(user.id, RUNNING)

    report = await world.sweep()
    assert (report.run.removed, report.run.added) == (1, 0)
    assert (report.run.held, report.run.held_onboard) == (False, True)
    assert world.member_ids() == {stayer.id}

    [waiting] = report.waiting
    assert (waiting.people, waiting.joiners) == (0, 29)
    await approve(world.services, waiting.digest, actor=Actor(id="cli:ann"))
    report = await world.sweep()
    assert (report.run.added, report.run.held_onboard) == (29, False)


async def test_additions_in_small_steps_are_counted_together(open_world: OpenWorld) -> None:
    world = await open_world(ENFORCER_ONBOARD="add")
    await stayers(world, 10)

    added = []
    for step in range(3):
        for number in range(5):
            await world.register(world.tenant.add_user(f"New {step} {number}").id, RUNNING)
        added.append((await world.sweep()).run.added)

    assert added == [5, 5, 0]
    assert len(world.member_ids()) == 20


async def test_the_first_fill_of_an_empty_group_needs_an_approval(open_world: OpenWorld) -> None:
    world = await open_world(ENFORCER_ONBOARD="add")
    await world.register(world.tenant.add_user("First").id, RUNNING)

    assert (await world.sweep()).run.held_onboard
    assert tried(world) == []


async def test_a_forged_approval_releases_nobody(open_world: OpenWorld) -> None:
    """Found: `ApprovedBy` a stranger, written into the table, ran a held plan, and `audit verify` passed."""
    world = await open_world()
    await leavers(world, 12)
    held = await world.sweep()
    assert held.run.held

    for forged in ({}, {"Approval": 1}, {"Approval": 10**9}, {"Approval": -1}):
        await _forge_approval(world, held.run.digest, **forged)
        assert (await world.sweep()).run.held

    assert tried(world) == []
    [waiting] = await world.services.plans.waiting([world.group.id])
    assert (waiting.digest, waiting.approved_by) == (held.run.digest, "")
    await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))
    assert (await world.sweep()).run.removed == 12


async def test_a_used_approval_cannot_be_made_unused_again(open_world: OpenWorld) -> None:
    world = await open_world()
    users = await leavers(world, 12)
    held = await world.sweep()
    [approved] = await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))
    assert (await world.sweep()).run.removed == 12
    for user in users:
        world.tenant.add_member(world.group, user)
    world.clock.advance(hours=2)

    await _forge_approval(world, held.run.digest, ApprovedBy="cli:ann", Approval=approved.approval, UsedBy="")

    assert (await world.sweep()).run.held
    assert len(world.member_ids()) == 12


@pytest.mark.parametrize("state", [State.OFFBOARDING, State.STUCK, State.OFFBOARDED, State.VERIFIED])
async def test_forged_records_do_not_pass_the_brake(open_world: OpenWorld, state: State) -> None:
    """Found: rows with `State=offboarding`, written into the table, went past the brake."""
    world = await open_world()
    users = await leavers(world, 12)
    now = world.clock()
    due_at = datetime(2020, 2, 1, tzinfo=UTC)
    for number, user in enumerate(users):
        forged = OffboardingRecord(
            row_key=user.id,
            user_id=user.id,
            state=state,
            end_date=ENDED,
            due_at=due_at,
            removed_at=now - timedelta(minutes=5) if state in (State.OFFBOARDED, State.VERIFIED) else None,
            begun_in=number,
        )
        await world.services.records.save(world.group.id, [forged])

    assert (await world.sweep()).run.held
    assert tried(world) == []


async def test_forged_records_of_strangers_are_counted(open_world: OpenWorld) -> None:
    world = await open_world(ENFORCER_DISABLE_ACCOUNTS="all")
    await stayers(world, 3)
    for number in range(12):
        user = world.tenant.add_user(f"Stranger {number}")
        forged = OffboardingRecord(row_key=user.id, user_id=user.id, state=State.OFFBOARDING)
        await world.services.records.save(world.group.id, [forged])

    assert (await world.sweep()).run.held
    assert tried(world) == []


async def test_an_older_entry_of_somebody_else_lets_nobody_pass(open_world: OpenWorld) -> None:
    world = await open_world()
    await leavers(world, 1)
    await world.sweep()
    [begin] = [link async for link in world.services.ledger.links(world.group.id)][:1]
    assert begin.entry.action is Action.BEGIN
    users = await leavers(world, 12)
    for user in users:
        forged = OffboardingRecord(
            row_key=user.id, user_id=user.id, state=State.OFFBOARDING, begun_in=begin.sequence
        )
        await world.services.records.save(world.group.id, [forged])

    assert (await world.sweep()).run.held


async def test_whoever_comes_after_an_approval_waits_for_their_own(open_world: OpenWorld) -> None:
    world = await open_world()
    await leavers(world, 12)
    held = await world.sweep()
    await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))
    late = await leavers(world, 12)

    report = await world.sweep()

    assert (report.run.removed, report.run.skipped, report.run.held) == (12, 12, True)
    assert world.member_ids() == {user.id for user in late}
    [waiting] = report.waiting
    assert (waiting.digest, waiting.people) == (report.run.digest, 12)
    assert (await world.sweep()).run.held
    await approve(world.services, waiting.digest, actor=Actor(id="cli:ann"))
    assert (await world.sweep()).run.removed == 12


async def test_a_sweep_that_only_looks_does_not_end_the_hold(open_world: OpenWorld) -> None:
    """Found: a report-only sweep after a hold resolved the alarm."""
    world = await open_world()
    await leavers(world, 12)
    held = await world.sweep()

    looked = await _look(world)
    verified = await sweep_for(world, Occasion.VERIFICATION)

    for report in (held, looked, verified):
        assert [plan.digest for plan in report.waiting] == [held.run.digest]
    await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))
    assert (await _look(world)).waiting == ()


async def test_a_hold_whose_people_are_extended_is_gone(open_world: OpenWorld) -> None:
    world = await open_world()
    users = await leavers(world, 12)
    await world.sweep()
    for user in users:
        await world.register(user.id, RUNNING)

    assert (await _look(world)).waiting == ()
    assert await world.services.plans.waiting([world.group.id]) == []


async def test_two_instances_do_not_let_through_twice_as_many(open_world: OpenWorld) -> None:
    world = await open_world(ENFORCER_BRAKE_COUNT="9")
    users = await stayers(world, 18)
    await end(world, users[:9])
    async with open_services(world.services.settings, now=world.clock) as other:
        first = asyncio.create_task(world.sweep())
        await end(world, users[9:])
        request = SweepRequest(group_id=world.group.id, actor="test", reason="test")
        results = await asyncio.gather(first, sweep(other, request), return_exceptions=True)

    assert all(isinstance(one, Report | LeaseHeldError) for one in results)
    assert len(world.member_ids()) >= 9
    assert await break_in(world.services.ledger, world.group.id) is None


async def _look(world: World) -> Report:
    settings = replace(world.services.settings, mode=type(world.services.settings.mode).REPORT)
    request = SweepRequest(group_id=world.group.id, actor="test", reason="look", only_look=True)
    return await sweep(replace(world.services, settings=settings), request)


async def _forge_approval(world: World, digest: str, **forged: object) -> None:
    columns = {"ApprovedAt": world.clock(), "ApprovedBy": "stranger", **forged}
    async with world.services.tables.table(PLANS) as table:
        await table.update_entity(
            {"PartitionKey": digest, "RowKey": "plan", **columns},
        )
