"""How long a call is tried again, and how long each attempt waits for the next."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.exceptions import UnavailableError
from enforcer.graph.pacer import Pacer
from enforcer.graph.reply import Reply
from enforcer.graph.retries import Retries, RetryBudget

pytestmark = pytest.mark.anyio

BUSY, THROTTLED = Reply(status=503, code="busy"), Reply(status=429)


async def waited(retries: Retries, reply: Reply, pacer: Pacer | None = None) -> float:
    began = asyncio.get_running_loop().time()
    await retries.wait(reply, pacer or Pacer())
    return asyncio.get_running_loop().time() - began


async def test_graphs_word_is_followed_and_everybody_waits_with_us() -> None:
    pacer = Pacer()
    waiting = asyncio.create_task(waited(Retries(RetryBudget()), Reply(status=429, retry_after=0.2), pacer))
    await asyncio.sleep(0.01)
    assert 0.1 < pacer.pause_left() <= 0.2
    assert await waiting >= 0.2


async def test_an_error_of_the_service_makes_nobody_else_wait() -> None:
    pacer = Pacer()
    waiting = asyncio.create_task(waited(Retries(RetryBudget()), BUSY, pacer))
    await asyncio.sleep(0.01)
    assert pacer.pause_left() == 0
    assert 0.2 <= await waiting < 1.2


async def test_without_a_word_a_throttled_call_waits_a_second_or_more() -> None:
    assert await waited(Retries(RetryBudget()), THROTTLED) >= 1.0


async def test_an_error_is_retried_within_the_failure_budget_and_then_raised() -> None:
    retries = Retries(RetryBudget(failures=0.1, throttling=60))
    with pytest.raises(UnavailableError, match="503 busy"):
        await retries.wait(BUSY, Pacer())


@pytest.mark.parametrize("status", [429, 503])
async def test_whoever_asks_to_wait_is_waited_for_although_failures_are_not(status: int) -> None:
    retries = Retries(RetryBudget(failures=0.0, throttling=60))
    assert await waited(retries, Reply(status=status, retry_after=0.05)) >= 0.05


async def test_a_wait_that_is_too_long_is_not_begun_but_everybody_knows_of_it() -> None:
    pacer = Pacer()
    with pytest.raises(UnavailableError):
        await Retries(RetryBudget(throttling=5)).wait(Reply(status=429, retry_after=300), pacer)
    assert pacer.pause_left() > 290
