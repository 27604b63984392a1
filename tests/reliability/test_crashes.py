"""The crash matrix: the process is killed at every call that it makes, before and after the call's effect."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from sandbox.azurite import StorageEndpoints
from sandbox.storage_proxy import Moment
from tests.support.crash_point import CrashPoint, Place, Side, running_lane
from tests.support.fork_jobs import Exit
from tests.support.interrupted_work import SCENES, Build

pytestmark = pytest.mark.anyio

LANES = 4
SPOT_CHECKS = 2


@dataclass(slots=True)
class Line:
    """All places of one kind in one scene, one after the other until the work makes no further call."""

    build: Build
    side: Side
    moment: Moment
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    is_over: bool = False

    def places(self) -> Iterator[Place]:
        while not self.is_over:
            yield Place(self.side, next(self.numbers), self.moment)


@dataclass(frozen=True, slots=True)
class Crash:
    """What came of one try.

    Attributes:
        reached: The work made that call and was killed; otherwise it ended before.
        seconds: From the restart until everything was done, verified and looked at.
        problem: Empty when everything was as it must be.
    """

    scene: str
    place: str
    reached: bool
    seconds: float
    problem: str = ""


async def crash(lane: CrashPoint, build: Build, place: Place) -> Crash:
    """Kill the work at that place, let the product go on, and look at everything."""
    scene = await build(lane)
    end = await lane.run_and_kill(scene.job, place)
    begin = time.monotonic()
    problem = ""
    try:
        assert end is not Exit.FAILED
        await scene.check()
    except AssertionError as error:
        problem = f"{error!r:.500} in line {_line(error)}"
    return Crash(build.__name__, str(place), end is Exit.KILLED, time.monotonic() - begin, problem)


def _line(error: BaseException) -> int:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_lineno if trace else 0


@asynccontextmanager
async def lanes(azurite: StorageEndpoints) -> AsyncIterator[Sequence[CrashPoint]]:
    async with AsyncExitStack() as stack:
        opening = [stack.enter_async_context(running_lane(azurite)) for _ in range(LANES)]
        yield [await lane for lane in opening]


async def spot_checks(lane: CrashPoint, build: Build) -> list[tuple[Build, Place]]:
    """Choose a few places, far apart, that differ from scene to scene."""
    calls = await lane.count_calls((await build(lane)).job)
    places = [
        Place(side, nth, moment)
        for side, count in calls.items()
        for nth in range(1, count + 1)
        for moment in Moment
    ]
    step = max(1, len(places) // SPOT_CHECKS)
    start = SCENES.index(build) * 5 % step
    return [(build, place) for place in places[start::step][:SPOT_CHECKS]]


async def test_a_process_killed_here_and_there_loses_nobody(azurite: StorageEndpoints) -> None:
    async with lanes(azurite) as running:
        chosen = [check for build in SCENES for check in await spot_checks(running[0], build)]
        queue = iter(chosen)

        async def work(lane: CrashPoint) -> list[Crash]:
            return [await crash(lane, build, place) for build, place in queue]

        crashes = [done for result in await asyncio.gather(*map(work, running)) for done in result]

    assert [done for done in crashes if done.problem] == []
    assert sum(done.reached for done in crashes) > len(chosen) * 3 / 4


@pytest.mark.long
@pytest.mark.parametrize("build", SCENES, ids=lambda build: build.__name__)
async def test_a_process_killed_at_any_call_loses_nobody(azurite: StorageEndpoints, build: Build) -> None:
    lines = [Line(build, side, moment) for side in Side for moment in Moment]

    async def work(lane: CrashPoint) -> list[Crash]:
        found = []
        for line in lines:
            for place in line.places():
                found.append(await crash(lane, build, place))
                line.is_over = line.is_over or not found[-1].reached
        return found

    async with lanes(azurite) as running:
        crashes = [done for result in await asyncio.gather(*map(work, running)) for done in result]

    assert [done for done in crashes if done.problem] == []
    assert all(line.is_over for line in lines)
    assert sum(done.reached for done in crashes) > 12
