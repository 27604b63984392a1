"""Offboarding the people of a run that has to end: time is up, or storage fails."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.exceptions import AccessDeniedError, LeaseLostError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import State
from enforcer.core.runs import OUT_OF_TIME, RUN_ENDED, Result
from enforcer.core.settings import Disable
from enforcer.graph.retries import RetryBudget
from enforcer.sweep.leavers import Leavers
from sandbox.azurite import StorageEndpoints
from sandbox.directory import Fault
from sandbox.storage_proxy import Calls, Reply, Service, StorageProxy
from sandbox.storage_proxy import Fault as StorageFault
from tests.support.directory_facts import DirectoryFact, attempts, changes_made, numbers
from tests.support.group_run import offboard, open_group_run, planned
from tests.support.people import leavers, recorded
from tests.support.world import RUNNING, World, running_world

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "calls",
    [Calls(path=r"\$batch"), Calls(method="DELETE", path=r"^/enforcements\b")],
    ids=["ledger", "intent"],
)
async def test_a_skip_that_cannot_be_recorded_ends_the_run_and_holds_in_the_next(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    async with running_world(storage.endpoints.connection_string, monkeypatch.setenv) as world:
        anna, ben = await leavers(world, 2)
        renewed, other = sorted(await planned(world), key=lambda one: one.user_id != anna.id)
        await world.register(anna.id, RUNNING)
        async with open_group_run(world) as group_run:
            run_leavers = Leavers(group_run)
            storage.set_fault(StorageFault(calls=calls, times=1_000, reply=Reply.REFUSED))
            with pytest.raises(AccessDeniedError):
                await run_leavers.offboard((renewed,))
            with pytest.raises(AccessDeniedError):
                await run_leavers.offboard((other,))
        storage.clear()

        assert {(out.reason, out.incomplete) for out in run_leavers.outcomes} == {(RUN_ENDED, True)}
        assert world.graph_writes() == []
        assert (await world.on_record(anna.id)).unfinished

        report = await world.sweep()

        assert world.member_ids() == {anna.id}
        assert (report.run.due, report.run.removed) == (1, 1)
        assert await world.record_of(anna.id) is None
        assert {user for user, _ in await recorded(world, Action.WITHDRAW)} == {anna.id}
        assert (await world.on_record(ben.id)).state is State.OFFBOARDED


async def test_a_recheck_that_cannot_read_the_register_ends_the_run(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_world(storage.endpoints.connection_string, monkeypatch.setenv) as world:
        users = await leavers(world, 2)
        people = await planned(world)
        async with open_group_run(world) as group_run:
            run_leavers = Leavers(group_run)
            rows = Calls(path=r"^/contractors\b")
            storage.set_fault(StorageFault(calls=rows, times=1_000, reply=Reply.REFUSED))
            with pytest.raises(AccessDeniedError, match="storage refuses"):
                await run_leavers.offboard(people)

        assert {(out.reason, out.incomplete) for out in run_leavers.outcomes} == {(RUN_ENDED, True)}
        assert (len(run_leavers.outcomes), world.graph_writes()) == (2, [])
        assert world.member_ids() == {user.id for user in users}


async def test_when_time_is_up_nobody_is_started_and_all_are_incomplete(world: World) -> None:
    users = await leavers(world, 3)
    run_leavers = await offboard(world, await planned(world), until=asyncio.get_running_loop().time())
    assert {(out.reason, out.incomplete) for out in run_leavers.outcomes} == {(OUT_OF_TIME, True)}
    assert world.member_ids() == {user.id for user in users}


async def test_a_run_out_of_time_at_any_step_is_completed_by_the_next(
    azurite: StorageEndpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = running_world(
        azurite.connection_string, monkeypatch.setenv, retry_budget=RetryBudget(failures=60)
    )
    async with opening as world:
        world.configure(disable_accounts=Disable.ALL)
        users = await leavers(world, 3)
        for user, method in zip(users, ("PATCH", "DELETE", "POST"), strict=True):
            world.directory.sandbox.faults.add(Fault(method=method, path=user.id, times=None))
        people = await planned(world)
        async with open_group_run(world, until=asyncio.get_running_loop().time() + 0.5) as group_run:
            runs = {
                one.user_id: Leavers(group_run) for one in people
            }  # one run each, so that all are started
            await asyncio.gather(*(runs[one.user_id].offboard((one,)) for one in people))

        done = attempts(world.directory.sandbox.log.entries)
        whole = [DirectoryFact.CHANGED, DirectoryFact.REMOVED, DirectoryFact.REVOKED]
        for number, user in enumerate(users):
            tried = [one.fact for one in done if one.user_id == user.id]
            assert list(dict.fromkeys(tried)) == whole[: number + 1]
            [outcome] = runs[user.id].outcomes
            assert (outcome.reason, outcome.incomplete, outcome.finished) == (OUT_OF_TIME, True, False)
            said = [entry.action for entry in await world.ledger() if entry.user == user.id]
            assert said == [Action.DISABLE, Action.REMOVE][:number]
            left = await world.on_record(user.id)
            assert (left.state, left.attempts) == (State.OFFBOARDING, 0)
            assert [left.disabled_at is not None, left.removed_at is not None] == [number > 0, number > 1]

        world.directory.sandbox.faults.clear()
        assert (await world.sweep()).run.incomplete == 0
        assert world.member_ids() == set()
        done = changes_made(world.directory.sandbox.log.entries)
        for user in users:
            assert not user.account_enabled
            [removed], revoked = (
                numbers(done, fact, user.id) for fact in (DirectoryFact.REMOVED, DirectoryFact.REVOKED)
            )
            assert max(revoked) > removed


async def test_a_failed_run_keeps_what_was_done_without_counting_attempts(world: World) -> None:
    anna, _ = await leavers(world, 2)
    people = sorted(await planned(world), key=lambda one: one.user_id != anna.id)
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=401, times=None))

    async with open_group_run(world) as group_run:
        run_leavers = Leavers(group_run)
        with pytest.raises(AccessDeniedError, match="refuses the token"):
            await run_leavers.offboard((people[0],))
        with pytest.raises(AccessDeniedError, match="refuses the token"):
            await run_leavers.offboard((people[1],))

    assert [(out.result, out.reason) for out in run_leavers.outcomes] == [
        (Result.REMOVED, RUN_ENDED),
        (Result.SKIPPED, RUN_ENDED),
    ]
    assert all(out.incomplete for out in run_leavers.outcomes)
    half = await world.on_record(anna.id)
    assert (half.state, half.attempts, half.revoked_at) == (State.OFFBOARDING, 0, None)
    assert half.removed_at is not None
    assert await recorded(world, Action.REMOVE) == [(anna.id, "removed")]


async def test_a_group_taken_over_by_another_run_is_left_alone(world: World) -> None:
    users = await leavers(world, 2)
    people = await planned(world)
    async with open_group_run(world) as group_run:
        run_leavers = Leavers(group_run)
        world.clock.advance(seconds=60)
        async with world.services.leases.holding(world.group.id, "another"):
            with pytest.raises(LeaseLostError):
                await run_leavers.offboard(people)

    assert {(out.reason, out.incomplete) for out in run_leavers.outcomes} == {(RUN_ENDED, True)}
    assert world.member_ids() == {user.id for user in users}


async def test_an_outcome_that_cannot_be_recorded_ends_the_run_but_counts(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_world(storage.endpoints.connection_string, monkeypatch.setenv) as world:
        await leavers(world, 1)
        people = await planned(world)
        ledger = Calls(service=Service.TABLE, path=r"\$batch|ledger")
        async with open_group_run(world) as group_run:
            run_leavers = Leavers(group_run)
            storage.set_fault(StorageFault(calls=ledger, times=1_000, reply=Reply.REFUSED))
            with pytest.raises(AccessDeniedError):
                await run_leavers.offboard(people)
            storage.clear()

    assert [out.result for out in run_leavers.outcomes] == [Result.REMOVED]
