"""The crash matrix: the process is killed at every call that it makes, before and after it takes effect."""

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
from tests.support.crash_point import CrashPoint, CrashWorld, Side, running_crash_world
from tests.support.fork_jobs import Exit
from tests.support.interrupted_work import SCENES, Build

pytestmark = pytest.mark.anyio

WORLDS = 4
SPOT_CHECKS = 2


@dataclass(slots=True)
class Line:
    """All points of one kind in one scene, in order, until the work makes no further call."""

    build: Build
    side: Side
    moment: Moment
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    is_over: bool = False

    def points(self) -> Iterator[CrashPoint]:
        while not self.is_over:
            yield CrashPoint(self.side, next(self.numbers), self.moment)


@dataclass(frozen=True, slots=True)
class Crash:
    """The result of one crash.

    Attributes:
        reached: Whether the work made that call and was killed; otherwise it had ended before.
        seconds: From the restart until everything was done, verified and checked.
        problem: Empty when everything was as it must be.
    """

    scene: str
    point: str
    reached: bool
    seconds: float
    problem: str = ""


async def crash(world: CrashWorld, build: Build, point: CrashPoint) -> Crash:
    """Kill the work at that point, let the product recover, and check everything."""
    scene = await build(world)
    end = await world.run_and_kill(scene.job, point)
    begin = time.monotonic()
    problem = ""
    try:
        assert end is not Exit.FAILED
        await scene.check()
    except AssertionError as error:
        problem = f"{error!r:.500} in line {_line(error)}"
    return Crash(build.__name__, str(point), end is Exit.KILLED, time.monotonic() - begin, problem)


def _line(error: BaseException) -> int:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_lineno if trace else 0


@asynccontextmanager
async def worlds(azurite: StorageEndpoints) -> AsyncIterator[Sequence[CrashWorld]]:
    async with AsyncExitStack() as stack:
        opening = [stack.enter_async_context(running_crash_world(azurite)) for _ in range(WORLDS)]
        yield [await world for world in opening]


async def spot_checks(world: CrashWorld, build: Build) -> list[tuple[Build, CrashPoint]]:
    """Choose a few points, far apart, that differ from scene to scene."""
    calls = await world.count_calls((await build(world)).job)
    points = [
        CrashPoint(side, nth, moment)
        for side, count in calls.items()
        for nth in range(1, count + 1)
        for moment in Moment
    ]
    step = max(1, len(points) // SPOT_CHECKS)
    start = SCENES.index(build) * 5 % step
    return [(build, point) for point in points[start::step][:SPOT_CHECKS]]


async def test_a_process_killed_here_and_there_loses_nobody(azurite: StorageEndpoints) -> None:
    async with worlds(azurite) as running:
        chosen = [check for build in SCENES for check in await spot_checks(running[0], build)]
        queue = iter(chosen)

        async def work(world: CrashWorld) -> list[Crash]:
            return [await crash(world, build, point) for build, point in queue]

        crashes = [done for result in await asyncio.gather(*map(work, running)) for done in result]

    assert [done for done in crashes if done.problem] == []
    assert sum(done.reached for done in crashes) > len(chosen) * 3 / 4


@pytest.mark.long
@pytest.mark.parametrize("build", SCENES, ids=lambda build: build.__name__)
async def test_a_process_killed_at_any_call_loses_nobody(azurite: StorageEndpoints, build: Build) -> None:
    lines = [Line(build, side, moment) for side in Side for moment in Moment]

    async def work(world: CrashWorld) -> list[Crash]:
        found = []
        for line in lines:
            for point in line.points():
                found.append(await crash(world, build, point))
                line.is_over = line.is_over or not found[-1].reached
        return found

    async with worlds(azurite) as running:
        crashes = [done for result in await asyncio.gather(*map(work, running)) for done in result]

    assert [done for done in crashes if done.problem] == []
    assert all(line.is_over for line in lines)
    assert sum(done.reached for done in crashes) > 12
