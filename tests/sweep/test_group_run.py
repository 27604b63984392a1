"""A group run: its time limit, and how it withdraws an intent."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.exceptions import AccessDeniedError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import OffboardingRecord, State
from sandbox.storage_proxy import Calls, Fault, Reply, StorageProxy
from tests.support.group_run import RUN_ID, open_group_run
from tests.support.world import ENDED, World, running_world

pytestmark = pytest.mark.anyio


async def test_without_a_limit_time_is_never_up(world: World) -> None:
    async with open_group_run(world) as group_run:
        assert not group_run.time_is_up()
        assert group_run.last_call is None


async def test_time_is_up_from_the_very_instant_on(world: World) -> None:
    now = asyncio.get_running_loop().time()
    async with open_group_run(world, until=now + 60) as group_run:
        assert not group_run.time_is_up()
    async with open_group_run(world, until=now) as group_run:
        assert group_run.time_is_up()


async def test_what_is_on_its_way_has_some_seconds_more_to_arrive(world: World) -> None:
    async with open_group_run(world, until=100.0) as group_run:
        assert group_run.last_call == 105.0


async def test_a_withdrawn_intent_is_deleted_and_in_the_ledger(world: World) -> None:
    begun = OffboardingRecord(
        row_key="anna@x.example", user_id="anna", state=State.OFFBOARDING, end_date=ENDED
    )
    other = OffboardingRecord(row_key="ben@x.example", user_id="ben", state=State.OFFBOARDING)
    await world.services.records.save(world.group.id, [begun, other])

    async with open_group_run(world) as group_run:
        await group_run.forget(begun, "the end date was extended")

    assert await world.record_of(begun.row_key) is None
    assert await world.record_of(other.row_key) == other
    [entry] = await world.ledger()
    assert (entry.action, entry.outcome) == (Action.WITHDRAW, "the end date was extended")
    assert (entry.user, entry.row_key, entry.end_date) == ("anna", begun.row_key, ENDED)
    assert (entry.run, entry.actor, entry.group) == (RUN_ID, "timer", world.group.id)


async def test_an_intent_stays_where_its_withdrawal_cannot_be_recorded(
    storage: StorageProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_world(storage.endpoints.connection_string, monkeypatch.setenv) as world:
        begun = OffboardingRecord(row_key="anna@x.example", user_id="anna", state=State.OFFBOARDING)
        await world.services.records.save(world.group.id, [begun])
        async with open_group_run(world) as group_run:
            storage.set_fault(Fault(calls=Calls(path=r"\$batch"), times=1_000, reply=Reply.REFUSED))
            with pytest.raises(AccessDeniedError):
                await group_run.forget(begun, "the end date was extended")
        storage.clear()
        assert await world.record_of(begun.row_key) == begun
