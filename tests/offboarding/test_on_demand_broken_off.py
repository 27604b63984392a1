"""Offboarding on demand where time runs out or storage fails between any two steps."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.exceptions import AccessDeniedError, UnavailableError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import State
from enforcer.core.runs import RunState
from enforcer.core.settings import Disable
from enforcer.graph.retries import RetryBudget
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from enforcer.sweep.sweep import SweepRequest, sweep
from sandbox.azurite import StorageEndpoints
from sandbox.directory import Fault
from sandbox.storage_proxy import Calls, Reply, StorageProxy
from sandbox.storage_proxy import Fault as StorageFault
from tests.support.directory_facts import DirectoryFact, attempts, changes_made, numbers
from tests.support.leaving import entries_of, offboard, run_of, second_group, steps_in_the_ledger
from tests.support.world import RUNNING, running_world

pytestmark = pytest.mark.anyio


async def test_out_of_time_at_any_step_earlier_steps_are_recorded_no_later_taken(
    azurite: StorageEndpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = running_world(
        azurite.connection_string, monkeypatch.setenv, retry_budget=RetryBudget(failures=60)
    )
    async with opening as world:
        world.configure(disable_accounts=Disable.ALL)
        people = [world.member(f"Person {number}") for number in range(4)]
        other = second_group(world, *people)
        steps = [("PATCH", ""), ("DELETE", world.group.id), ("DELETE", other.id), ("POST", "revoke")]
        for user, (method, path) in zip(people, steps, strict=True):
            away = Fault(method=method, path=f"({path}.*{user.id})|({user.id}.*{path})", times=None)
            world.directory.sandbox.faults.add(away)
        orders = [
            OffboardRequest(
                user=user.id, reason="left", actor="http", run_id=f"20261123T12000{number}-abcdef", seconds=4
            )
            for number, user in enumerate(people)
        ]

        await world.sweep()  # so that loading and connecting take none of the time
        answers = await asyncio.gather(
            *(offboard_now(world.services, request) for request in orders), return_exceptions=True
        )

        assert all(isinstance(answer, UnavailableError) for answer in answers)
        done = attempts(world.directory.sandbox.log.entries)
        whole = [
            (DirectoryFact.CHANGED, ""),
            (DirectoryFact.REMOVED, world.group.id),
            (DirectoryFact.REMOVED, other.id),
            (DirectoryFact.REVOKED, ""),
        ]
        for number, user in enumerate(people):
            tried = [(one.fact, one.group_id) for one in done if one.user_id == user.id]
            assert list(dict.fromkeys(tried)) == whole[: number + 1]
            for place, group in enumerate((world.group, other), start=1):
                said = [entry.outcome async for entry in entries_of(world, group) if entry.user == user.id]
                settled = ["disabled", "removed", "revoked"]
                assert said == [
                    settled[step] if at < number else _late(at, number)
                    for step, at in enumerate((0, place, 3))
                ]
                left = await world.services.records.get(group.id, user.id)
                assert left is not None
                assert left.unfinished
                assert (left.removed_at is not None) is (place < number)
                assert (left.disabled_at is not None) is (number > 0)
                assert left.revoked_at is None

        world.directory.sandbox.faults.clear()
        for group in (world.group, other):
            await sweep(world.services, SweepRequest(group_id=group.id, actor="timer", reason="nightly"))
            assert set(world.tenant.members[group.id]) == set()
        done = changes_made(world.directory.sandbox.log.entries)
        for user in people:
            assert not user.account_enabled
            removed, revoked = (
                numbers(done, fact, user.id) for fact in (DirectoryFact.REMOVED, DirectoryFact.REVOKED)
            )
            assert len(removed) == 2
            assert max(revoked) > max(removed)


def _late(step: int, stopped_at: int) -> str:
    return "failed: no answer in time" if step == stopped_at else "failed: not begun: the time was up"


@pytest.mark.parametrize(
    "calls",
    [
        Calls(path=r"^/runs\b"),
        Calls(method="PATCH", path=r"^/contractors\b"),
        Calls(path=r"^/enforcements\b"),
    ],
)
async def test_storage_failing_before_the_first_step_leaves_all_to_the_next_call(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    async with running_world(storage.endpoints.connection_string, monkeypatch.setenv) as world:
        anna = world.member("Anna")
        await world.register(anna.id, RUNNING)
        storage.set_fault(StorageFault(calls=calls, times=1_000, reply=Reply.REFUSED))
        with pytest.raises(AccessDeniedError):
            await offboard(world, anna)
        assert changes_made(world.directory.sandbox.log.entries) == []
        storage.clear()

        assert (await offboard(world, anna)).done

        assert (await world.on_record(anna.id)).state is State.OFFBOARDED
        assert (await run_of(world)).state is RunState.COMPLETE


@pytest.mark.parametrize("write", [2, 3, 4, 5])
async def test_storage_that_fails_from_any_transaction_on_loses_nobody(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    """After the brake's entry: the row's end in the ledger, the intent, the steps, the final record."""
    async with running_world(storage.endpoints.connection_string, monkeypatch.setenv) as world:
        anna = world.member("Anna")
        await world.register(anna.id, RUNNING)
        storage.clear()
        batches = Calls(path=r"\$batch")
        storage.set_fault(StorageFault(calls=batches, nth=write, times=1_000, reply=Reply.REFUSED))
        with pytest.raises(AccessDeniedError):
            await offboard(world, anna)
        done = [one.fact for one in changes_made(world.directory.sandbox.log.entries)]
        assert done == ([] if write <= 3 else [DirectoryFact.REMOVED, DirectoryFact.REVOKED])
        storage.clear()

        await world.sweep()

        assert world.member_ids() == set()
        known = await world.on_record(anna.id)
        assert known.state is State.OFFBOARDED
        assert {Action.REMOVE, Action.REVOKE} <= {
            action for action, _ in await steps_in_the_ledger(world, world.group)
        }
