"""One runner at a time, and nobody is kept out for long by one that crashed."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest

from enforcer.core.exceptions import LeaseHeldError, LeaseLostError
from enforcer.storage.tables.leases import TABLE, Leases
from enforcer.storage.tables.tables import Tables
from sandbox.storage_proxy import Calls, Fault, Moment, Reply, StorageProxy
from tests.support.spoiled_rows import insert
from tests.support.world import Clock

pytestmark = pytest.mark.anyio


@dataclass
class Bench:
    """Leases of two runners on the same group; `clock` is what both go by."""

    tables: Tables
    group: str
    clock: Clock

    def leases(self, seconds: float = 60) -> Leases:
        return Leases(self.tables, seconds=seconds, clock=self.clock)

    async def is_free(self) -> bool:
        async with self.leases(0.2).holding(self.group, "probe"):
            return True


@pytest.fixture
async def bench(tables: Tables, group: str) -> Bench:
    return Bench(tables, group, Clock())


async def test_while_one_holds_it_no_other_gets_it_and_hears_who_has_it(bench: Bench) -> None:
    async with bench.leases().holding(bench.group, "the first") as lease:
        await lease.require()
        with pytest.raises(LeaseHeldError, match="is being worked on by the first") as error:
            await bench.is_free()
    assert (error.value.name, error.value.holder) == (bench.group, "the first")
    assert await bench.is_free()


async def test_it_is_given_back_when_the_work_fails(bench: Bench) -> None:
    with pytest.raises(ZeroDivisionError):
        async with bench.leases().holding(bench.group, "the first"):
            raise ZeroDivisionError
    assert await bench.is_free()


async def test_who_waits_gets_it_as_soon_as_it_is_given_back(bench: Bench) -> None:
    async with bench.leases().holding(bench.group, "the first"):
        second = asyncio.create_task(_hold_and_leave(bench.leases(2), bench.group))
        await asyncio.sleep(0.1)
        assert not second.done()
    async with asyncio.timeout(2):
        await second


async def _hold_and_leave(leases: Leases, group: str) -> None:
    async with leases.holding(group, "the second") as lease:
        await lease.require()


async def test_a_runner_that_crashed_keeps_nobody_out_for_longer_than_its_lease(bench: Bench) -> None:
    await bench.leases(30).write(bench.group, "the crashed one", None)
    bench.clock.advance(seconds=29)
    with pytest.raises(LeaseHeldError):
        await bench.is_free()
    bench.clock.advance(seconds=1)
    assert await bench.is_free()


async def test_a_lease_is_renewed_while_the_work_goes_on(bench: Bench) -> None:
    async with bench.leases(0.3).holding(bench.group, "the first") as lease:
        for _ in range(6):
            await asyncio.sleep(0.1)
            bench.clock.advance(seconds=0.1)
        assert lease.row.expires_at > bench.clock()
        with pytest.raises(LeaseHeldError):
            await bench.is_free()


async def test_who_slept_too_long_and_was_replaced_must_not_write(bench: Bench) -> None:
    async with bench.leases().holding(bench.group, "the sleeper") as lease:
        bench.clock.advance(seconds=61)
        async with bench.leases().holding(bench.group, "the next"):
            with pytest.raises(LeaseLostError):
                await lease.require()
            with pytest.raises(LeaseLostError):
                await lease.require()
        # What was lost is lost, though nobody holds it any more.
        with pytest.raises(LeaseLostError):
            await lease.require()


async def test_who_slept_too_long_and_was_not_replaced_goes_on(bench: Bench) -> None:
    async with bench.leases().holding(bench.group, "the sleeper") as lease:
        bench.clock.advance(seconds=61)
        await asyncio.gather(*(lease.require() for _ in range(50)))
        assert lease.row.expires_at > bench.clock() + timedelta(seconds=59)


async def test_the_sleeper_does_not_give_back_what_is_anothers(bench: Bench) -> None:
    async with AsyncExitStack() as the_next:
        async with bench.leases().holding(bench.group, "the sleeper"):
            bench.clock.advance(seconds=61)
            await the_next.enter_async_context(bench.leases().holding(bench.group, "the next"))
        with pytest.raises(LeaseHeldError, match="the next"):
            await bench.is_free()


async def test_of_many_who_want_it_at_once_one_gets_it(bench: Bench) -> None:
    at_work, most = 0, 0

    async def work(holder: str) -> None:
        nonlocal at_work, most
        async with bench.leases(10).holding(bench.group, holder):
            at_work += 1
            most = max(most, at_work)
            await asyncio.sleep(0.01)
            at_work -= 1

    async with asyncio.timeout(20):
        await asyncio.gather(*(work(f"runner {number}") for number in range(3)))
    assert most == 1


@pytest.fixture
async def shaky_bench(shaky: Tables, group: str) -> Bench:
    """A bench whose calls break where a test has `storage` break."""
    async with shaky.table(TABLE):
        return Bench(shaky, group, Clock())


async def test_a_lease_whose_answer_was_lost_is_known_for_ones_own(
    shaky_bench: Bench, storage: StorageProxy
) -> None:
    storage.set_fault(Fault(calls=Calls(method="POST"), moment=Moment.AFTER, reply=Reply.DROPPED))
    async with asyncio.timeout(10), shaky_bench.leases(5).holding(shaky_bench.group, "the first") as lease:
        await lease.require()


async def test_it_is_given_back_though_it_is_being_renewed_just_then(
    shaky_bench: Bench, storage: StorageProxy
) -> None:
    slow = Fault(calls=Calls(method="PUT"), times=9, moment=Moment.AFTER, delay=timedelta(seconds=0.3))
    async with shaky_bench.leases(0.3).holding(shaky_bench.group, "the first"):
        storage.set_fault(slow)
        await asyncio.sleep(0.2)
    storage.clear()
    assert await shaky_bench.is_free()


async def test_a_renewal_whose_answer_was_lost_loses_nothing(
    shaky_bench: Bench, storage: StorageProxy
) -> None:
    async with shaky_bench.leases().holding(shaky_bench.group, "the first") as lease:
        shaky_bench.clock.advance(seconds=61)
        storage.set_fault(Fault(calls=Calls(method="PUT"), moment=Moment.AFTER, reply=Reply.DROPPED))
        await lease.require()


async def test_a_lease_of_which_nobody_can_say_when_it_ends_is_over(bench: Bench) -> None:
    await insert(bench.tables, TABLE, PartitionKey="lease", RowKey=bench.group, Holder=5, ExpiresAt="never")
    assert await bench.is_free()
