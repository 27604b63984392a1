"""The pacer keeps all workers together below the quota, and has them wait together."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from enforcer.graph.pacer import Pacer

pytestmark = pytest.mark.anyio


def now() -> float:
    return asyncio.get_running_loop().time()


async def write(pacer: Pacer, starts: list[float], *, count: int = 1, seconds: float = 0.0) -> None:
    async with pacer.writing(count):
        starts.extend([now()] * count)
        await asyncio.sleep(seconds)


async def test_no_window_sees_more_writes_than_the_quota() -> None:
    pacer, starts = Pacer(writes=5, window=0.1), list[float]()
    await asyncio.gather(*(write(pacer, starts, count=1 + number % 2) for number in range(14)))
    assert len(starts) == 21
    for first in starts:
        assert sum(first <= start < first + 0.1 for start in starts) <= 5


async def test_within_the_quota_nobody_waits() -> None:
    pacer, starts, began = Pacer(writes=100, window=60), list[float](), now()
    await asyncio.gather(*(write(pacer, starts) for _ in range(100)))
    assert max(starts) - began < 0.5


async def test_a_write_counts_until_a_window_after_its_answer() -> None:
    pacer, starts = Pacer(writes=1, window=0.1), list[float]()
    await asyncio.gather(write(pacer, starts, seconds=0.1), write(pacer, starts))
    assert starts[1] - starts[0] >= 0.2


async def test_reads_do_not_count() -> None:
    pacer, starts, began = Pacer(writes=1, window=60), list[float](), now()
    async with pacer.writing(1):
        await asyncio.gather(*(write(pacer, starts, count=0) for _ in range(50)))
    assert now() - began < 1


async def test_a_pause_makes_everybody_wait_and_not_start_in_the_same_instant() -> None:
    pacer, starts, began = Pacer(), list[float](), now()
    pacer.pause(0.2)
    pacer.pause(0.05)
    assert 0.15 < pacer.pause_left() <= 0.2
    await asyncio.gather(*(write(pacer, starts, count=number % 2) for number in range(6)), pacer.ready())
    assert min(starts) - began >= 0.2
    assert len({round(start, 4) for start in starts}) > 1
    assert pacer.pause_left() == 0


async def test_a_pause_that_grows_while_somebody_waits_is_waited_out() -> None:
    pacer, began = Pacer(), now()
    pacer.pause(0.05)
    waiting = asyncio.create_task(pacer.ready())
    await asyncio.sleep(0.02)
    pacer.pause(0.15)
    await waiting
    assert now() - began >= 0.15


async def test_a_write_that_is_given_up_frees_its_place() -> None:
    pacer, starts = Pacer(writes=1, window=0.05), list[float]()
    stuck = asyncio.create_task(write(pacer, starts, seconds=60))
    await asyncio.sleep(0)
    queued = asyncio.create_task(write(pacer, starts))
    await asyncio.sleep(0.01)
    stuck.cancel()
    async with asyncio.timeout(2):
        await queued
    assert [after - before >= 0.05 for before, after in pairwise(starts)] == [True]
