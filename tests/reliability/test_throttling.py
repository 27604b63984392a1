"""Graph asks to wait: all workers wait together, for that long, but no longer than the run allows."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from enforcer.core.exceptions import UnavailableError
from enforcer.core.ledger import Action
from enforcer.graph.retries import RetryBudget
from sandbox.directory.settings import Quota
from tests.reliability.conftest import OpenWorld
from tests.support.people import leavers, mark, recorded, strike, tried
from tests.support.world import World

pytestmark = pytest.mark.anyio

# For calls in progress when the answer came, on a busy machine.
# For what was sent before the refusal arrived; a busy machine needs more, and a long pause has room for it.
SLACK, LONG_SLACK = timedelta(seconds=0.4), timedelta(seconds=5)


@pytest.mark.parametrize(
    ("pause", "written"),
    [
        (1.0, "1"),
        (0.85, "0.85"),
        (2.0, format_datetime),
    ],
    ids=["seconds", "fraction", "date"],
)
async def test_all_workers_wait_together_as_long_as_graph_said(
    open_world: OpenWorld, pause: float, written: object
) -> None:
    world = await open_world(ENFORCER_BRAKE_COUNT="1000")
    people = await leavers(world, 45)
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=pause + 1)
    value = format_datetime(until, usegmt=True) if callable(written) else str(written)
    strike(world, path=r"\$ref", status=429, headers={"Retry-After": value}, skip=5)

    report = await world.sweep()

    assert report.run.removed == len(people)
    refused, later = _refusal_and_later(world)
    resume_at = until if callable(written) else refused + timedelta(seconds=pause)
    assert [at for at in later if refused + SLACK < at < resume_at] == []
    assert min(at for at in later if at >= resume_at) < resume_at + timedelta(seconds=3)


async def test_a_pause_of_more_than_three_minutes_is_waited_for(open_world: OpenWorld) -> None:
    world = await open_world(retry_budget=RetryBudget(failures=1, throttling=900))
    await leavers(world, 5)
    strike(world, path=r"\$ref", status=429, headers={"Retry-After": "240"}, skip=1)

    sweeping = asyncio.create_task(world.sweep())
    await asyncio.wait([sweeping], timeout=2)

    assert not sweeping.done()
    assert 230 < world.services.graph.pacer.pause_left() <= 240
    refused, later = _refusal_and_later(world)
    assert [at for at in later if at > refused + LONG_SLACK] == []
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)


@pytest.mark.long
async def test_after_a_pause_of_more_than_three_minutes_the_run_goes_on(open_world: OpenWorld) -> None:
    world = await open_world(retry_budget=RetryBudget(failures=1, throttling=900))
    people = await leavers(world, 5)
    strike(world, path=r"\$ref", status=429, headers={"Retry-After": "181"}, skip=1)
    begin = time.monotonic()

    report = await world.sweep()

    assert time.monotonic() - begin > 181
    assert report.run.removed == len(people)


async def test_a_pause_beyond_the_retry_budget_ends_the_run_and_is_still_kept(
    open_world: OpenWorld,
) -> None:
    world = await open_world(retry_budget=RetryBudget(failures=1, throttling=2), ENFORCER_BRAKE_COUNT="1000")
    people = await leavers(world, 45)
    strike(world, path=r"\$ref", status=429, headers={"Retry-After": "300"}, skip=5)
    begin = time.monotonic()

    report = await world.sweep()

    assert time.monotonic() - begin < 100
    assert 0 < report.run.removed < len(people)
    assert report.run.removed + report.run.skipped == len(people) == report.run.due
    refused, later = _refusal_and_later(world)
    assert [at for at in later if at > refused + LONG_SLACK] == []
    since = mark(world)
    with pytest.raises(UnavailableError, match="wait"):
        await world.sweep()
    assert tried(world, since) == []


async def test_a_retry_after_of_nothing_does_not_mean_at_once(open_world: OpenWorld) -> None:
    world = await open_world(retry_budget=RetryBudget(failures=1, throttling=1.5))
    await leavers(world, 1)
    strike(world, path=r"\$ref", status=429, headers={"Retry-After": "0"}, times=None)

    await world.sweep()

    assert 2 <= len(tried(world)) <= 6


async def test_without_a_word_the_waits_grow_and_differ(open_world: OpenWorld) -> None:
    world = await open_world(retry_budget=RetryBudget(failures=2.5, throttling=1))
    await leavers(world, 1)
    strike(world, path=r"\$ref", status=503, times=None)

    await world.sweep()

    times = [entry.at for entry in world.directory.sandbox.log.entries if "$ref" in entry.path]
    waits = [(after - before).total_seconds() for before, after in pairwise(times)]
    assert len(waits) >= 2
    assert 0.2 < waits[0] < waits[-1]
    assert len({round(wait, 3) for wait in waits}) == len(waits)


async def test_a_quota_that_is_too_small_slows_down_and_loses_nobody(open_world: OpenWorld) -> None:
    world = await open_world(ENFORCER_BRAKE_COUNT="1000")
    people = await leavers(world, 40)
    world.directory.sandbox.settings.write_quota = Quota(limit=50, seconds=1)

    report = await world.sweep()

    assert report.run.removed == report.run.due == len(people)
    assert all(world.is_revoked(person, world.clock.moment) for person in people)
    assert len(await recorded(world, Action.REMOVE)) == len(people)
    # Refused callers wait, instead of asking again and again.
    assert world.directory.sandbox.quotas.refusals.total() < len(people) * 3


def _refusal_and_later(world: World) -> tuple[datetime, list[datetime]]:
    """Return when the first request was refused, and when the next ones came."""
    entries = world.directory.sandbox.log.entries
    first = next(number for number, entry in enumerate(entries) if entry.status == 429)
    later = [entry.at for entry in entries[first + 1 :] if entry.path.startswith("/v1.0")]
    return entries[first].at, later
