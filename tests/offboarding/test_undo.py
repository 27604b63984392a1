"""Undoing exactly what one run did."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.actors import Actor
from enforcer.core.exceptions import (
    AccessDeniedError,
    InputError,
    LeaseHeldError,
    LeaseLostError,
    NotFoundError,
    RefusedError,
    RunError,
)
from enforcer.core.ledger import Action
from enforcer.core.runs import RunKind, RunState
from enforcer.core.settings import Disable, Mode
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from enforcer.offboarding.undo import Reversal, Reversed, plan_undo, undo
from sandbox.directory import Effect, Fault
from sandbox.storage_proxy import Calls, Reply, Service, StorageProxy
from sandbox.storage_proxy import Fault as StorageFault
from tests.support.leaving import second_group
from tests.support.world import ENDED, RUNNING, World, running_world

pytestmark = pytest.mark.anyio


@pytest.fixture
def environ() -> dict[str, str]:
    """A world in which accounts are disabled as well."""
    return {"ENFORCER_DISABLE_ACCOUNTS": "all"}


async def undo_run(world: World, run_id: str) -> list[Reversed]:
    reversals = await plan_undo(world.services, run_id)
    return (await undo(world.services, run_id, reversals, actor=Actor(id="cli:ann")))[1]


async def test_undo_restores_what_the_run_took_and_nothing_else(world: World) -> None:
    before, anna, ben = world.member("Before"), world.member("Anna"), world.guest("Ben")
    await world.register(before.id, ENDED)
    await world.sweep()
    world.clock.advance(hours=1)
    await world.register(anna.id, ENDED)
    await world.register(ben.id, ENDED)
    await world.register(world.member("Running").id, RUNNING)
    report = await world.sweep()

    planned = await plan_undo(world.services, report.run.run_id)
    assert {(item.action, item.user_id) for item in planned} == {
        (action, user.id) for user in (anna, ben) for action in (Action.ADD, Action.ENABLE)
    }
    assert not {anna.id, ben.id} & world.member_ids()

    results = await undo_run(world, report.run.run_id)
    assert all(item.done and item.outcome == "undone" and item.request_id for item in results)
    assert {anna.id, ben.id} <= world.member_ids()
    assert [user.account_enabled for user in (anna, ben)] == [True, True]
    assert before.id not in world.member_ids()
    assert not before.account_enabled


async def test_an_interrupted_undo_is_recorded_as_failed_with_what_it_restored(world: World) -> None:
    for name in ("Anna", "Ben"):
        await world.register(world.member(name).id, ENDED)
    report = await world.sweep()
    world.directory.sandbox.faults.add(Fault(path="members/\\$ref", skip=1, status=401, times=None))

    with pytest.raises(RunError):
        await undo_run(world, report.run.run_id)

    runs = await world.services.runs.of_group(world.group.id, world.clock.moment)
    [run] = [one for one in runs if one.kind is RunKind.UNDO]
    assert (run.state, run.added, run.incomplete) == (RunState.FAILED, 1, 1)
    assert run.finished_at is not None
    assert "401" in run.error


async def test_it_is_in_the_ledger_and_among_the_runs(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    report = await world.sweep()
    reversals = await plan_undo(world.services, report.run.run_id)
    run_id, _ = await undo(world.services, report.run.run_id, reversals, actor=Actor(id="cli:ann"))
    entries = [entry for entry in await world.ledger() if entry.run == run_id]
    assert {(entry.action, entry.actor, entry.note) for entry in entries} == {
        (action, "cli:ann", f"undo of run {report.run.run_id}") for action in (Action.ADD, Action.ENABLE)
    }
    (run,) = await world.services.runs.of_id(run_id, [world.group.id])
    assert (run.kind, run.state, run.added, run.incomplete) == (RunKind.UNDO, RunState.COMPLETE, 1, 0)


async def test_what_was_undone_is_not_undone_again(world: World) -> None:
    await world.register(world.member("Anna").id, ENDED)
    report = await world.sweep()
    await undo_run(world, report.run.run_id)
    with pytest.raises(InputError, match="nothing to undo"):
        await plan_undo(world.services, report.run.run_id)


async def test_an_extended_end_date_keeps_a_restored_member_in(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    for user in (anna, ben):
        await world.register(user.id, ENDED)
    report = await world.sweep()
    await undo_run(world, report.run.run_id)
    await world.register(anna.id, RUNNING)
    again = await world.sweep()
    assert world.member_ids() == {anna.id}
    assert (again.run.removed, again.findings) == (1, ())


async def test_a_joiner_added_by_hand_meanwhile_is_not_an_error(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    report = await world.sweep()
    world.tenant.add_member(world.group, anna)
    assert all(item.done for item in await undo_run(world, report.run.run_id))


async def test_undo_of_a_deleted_account_is_incomplete_and_says_so(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    for user in (anna, ben):
        await world.register(user.id, ENDED)
    report = await world.sweep()
    world.tenant.delete_user(anna, world.clock())
    results = await undo_run(world, report.run.run_id)
    assert {item.reversal.user_id for item in results if not item.done} == {anna.id}
    assert {item.reversal.user_id for item in results if item.done} == {ben.id}
    # It can be retried for those for whom it failed.
    left = await plan_undo(world.services, report.run.run_id)
    assert {item.user_id for item in left} == {anna.id}


async def test_a_refused_joiner_holds_up_nobody(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    for user in (anna, ben):
        await world.register(user.id, ENDED)
    report = await world.sweep()
    world.directory.sandbox.faults.add(Fault(method="PATCH", path=anna.id, status=403))
    results = await undo_run(world, report.run.run_id)
    assert [item.reversal for item in results if not item.done] == [
        Reversal(action=Action.ENABLE, group_id=world.group.id, user_id=anna.id, row_key=anna.id)
    ]
    assert {anna.id, ben.id} <= world.member_ids()


async def test_a_run_that_did_nothing_or_does_not_exist_cannot_be_undone(world: World) -> None:
    report = await world.sweep()
    with pytest.raises(InputError, match="nothing to undo"):
        await plan_undo(world.services, report.run.run_id)
    with pytest.raises(NotFoundError, match="there is no run"):
        await plan_undo(world.services, "20200101T000000-000000")


async def test_in_report_mode_nothing_is_undone(world: World) -> None:
    await world.register(world.member("Anna").id, ENDED)
    report = await world.sweep()
    reversals = await plan_undo(world.services, report.run.run_id)
    world.configure(mode=Mode.REPORT)
    with pytest.raises(RefusedError):
        await undo(world.services, report.run.run_id, reversals, actor=Actor(id="cli:ann"))
    assert world.member_ids() == set()


async def test_it_waits_for_whoever_is_at_work_on_the_group(world: World) -> None:
    await world.register(world.member("Anna").id, ENDED)
    report = await world.sweep()
    reversals = await plan_undo(world.services, report.run.run_id)
    async with world.services.leases.holding(world.group.id, "a sweep"):
        with pytest.raises(LeaseHeldError, match="a sweep"):
            await undo(world.services, report.run.run_id, reversals, actor=Actor(id="cli:ann"))
    assert world.member_ids() == set()


# The records of restored members -------------------------------------------------------------------------


async def test_a_restored_member_does_not_bypass_the_brake(world: World) -> None:
    world.configure(disable_accounts=Disable.NONE)
    people = [world.member(f"Leaver {number}") for number in range(3)]
    for user in people:
        await world.register(user.id, ENDED)
    report = await world.sweep()
    results = await undo_run(world, report.run.run_id)
    assert [item.reversal.action for item in results] == [Action.ADD] * 3
    assert [await world.record_of(user.id) for user in people] == [None] * 3
    world.configure(brake_count=1, brake_percent=10)

    again = await world.sweep()

    assert (again.run.held, again.run.removed, again.run.skipped) == (True, 0, 3)
    assert world.member_ids() == {user.id for user in people}


async def test_the_record_of_a_person_who_cannot_be_restored_stays(world: World) -> None:
    world.configure(disable_accounts=Disable.NONE)
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    report = await world.sweep()
    known = await world.on_record(anna.id)
    refused = Fault(method="POST", path=r"members/\$ref", status=403, times=None)
    world.directory.sandbox.faults.add(refused)

    [result] = await undo_run(world, report.run.run_id)

    assert (result.done, result.outcome.startswith("failed: 403")) == (False, True)
    assert await world.on_record(anna.id) == known
    assert (await world.sweep()).run.verified == 1


async def test_undo_of_an_offboarding_on_demand_restores_every_group(
    world: World,
) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    other = second_group(world, anna, ben)
    orders = [
        OffboardRequest(user=user.id, reason="left", actor="cli:ann", run_id=f"20261123T12000{number}-abcdef")
        for number, user in enumerate((anna, ben))
    ]
    for request in orders:
        await offboard_now(world.services, request)

    reversals = await plan_undo(world.services, orders[0].run_id)
    run_id, results = await undo(world.services, orders[0].run_id, reversals, actor=Actor(id="cli:ann"))

    assert all(result.done for result in results)
    for group in (world.group, other):
        assert set(world.tenant.members[group.id]) == {anna.id}
        (run,) = await world.services.runs.of_id(run_id, [group.id])
        assert (run.state, run.added, run.incomplete, run.reason) == (
            RunState.COMPLETE,
            1,
            0,
            f"undo of run {orders[0].run_id}",
        )
        assert await world.services.records.get(group.id, anna.id) is None
        assert await world.services.records.get(group.id, ben.id) is not None
    assert (anna.account_enabled, ben.account_enabled) == (True, False)


async def test_an_undo_that_lost_its_lease_restores_nobody_else(world: World) -> None:
    world.configure(disable_accounts=Disable.NONE)
    for name in ("Anna", "Ben"):
        await world.register(world.member(name).id, ENDED)
    report = await world.sweep()
    reversals = await plan_undo(world.services, report.run.run_id)
    slow = Fault(method="POST", path=r"members/\$ref", effect=Effect.DELAY, seconds=0.3)
    world.directory.sandbox.faults.add(slow)

    undoing = asyncio.create_task(
        undo(world.services, report.run.run_id, reversals, actor=Actor(id="cli:ann"))
    )
    while not slow.struck:  # noqa: ASYNC110 -- nothing to wait on
        await asyncio.sleep(0.01)
    world.clock.advance(seconds=60)
    async with world.services.leases.holding(world.group.id, "another"):
        with pytest.raises(LeaseLostError):
            await undoing

    assert world.member_ids() == {reversals[0].user_id}


async def test_an_undo_that_cannot_be_recorded_restores_nobody(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_world(storage.endpoints.connection_string, monkeypatch.setenv) as world:
        await world.register(world.member("Anna").id, ENDED)
        report = await world.sweep()
        reversals = await plan_undo(world.services, report.run.run_id)
        runs = Calls(service=Service.TABLE, path=r"^/runs\b")
        storage.set_fault(StorageFault(calls=runs, times=1_000, reply=Reply.REFUSED))

        with pytest.raises(AccessDeniedError):
            await undo(world.services, report.run.run_id, reversals, actor=Actor(id="cli:ann"))

        assert world.member_ids() == set()
