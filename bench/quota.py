"""Scenario 2: 10,000 people leave, and Graph's write quota is the limit, on an accelerated clock.

They are in ten managed groups, which the function app sweeps several at a time, with one pacer. (With one
group, Azurite would be measured: it scans the whole partition on every write. Azure does not.)
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from math import ceil

from bench.figures import Figure, Goal, Limit
from bench.loop import LoopTimes, run_loop
from bench.stage import Scene, Stage, running_stage
from bench.sweeping import Swept, timed_sweep
from enforcer.graph.pacer import WINDOW_SECONDS, WRITES, Pacer
from sandbox.directory.settings import Settings as DirectorySettings

SPEED = 20.0
DUE, _GROUPS = 10_000, 10
_WRITES_FOR_EACH = 2
_LOOP_PEOPLE = 50


async def measure(speed: float = SPEED) -> list[Figure]:
    """Measure with a clock for quotas and Graph's latency that runs `speed` times faster."""
    async with running_stage(_scene(speed)) as stage:
        loop = await run_loop(stage, _LOOP_PEOPLE)
    async with running_stage(_scene(speed)) as stage:
        stage.directory.run_clock_at(speed)
        swept = await timed_sweep(stage, pacer=Pacer(WRITES, WINDOW_SECONDS / speed))
        return _figures(speed, swept, loop, lost=stage.left_over(), writing=_seconds_of_writing(stage))


def floor(writes: int, window: float) -> float:
    """Return the shortest time possible, in seconds, with a sliding window and instantaneous calls.

    The first 3,000 writes can go at once, each further 3,000 a window later.
    """
    return (ceil(writes / WRITES) - 1) * window


def _scene(speed: float) -> Scene:
    directory = DirectorySettings(latency_seconds=0.2 / speed, batch_item_latency_seconds=0.01 / speed)
    people = DUE // _GROUPS
    return Scene(members=people, due=people, rows=people, groups=_GROUPS, directory=directory)


def _seconds_of_writing(stage: Stage) -> float:
    times: list[datetime] = [entry.at for entry in stage.directory.log(method="DELETE|POST") if entry.writes]
    return (max(times) - min(times)).total_seconds()


def _figures(speed: float, swept: Swept, loop: LoopTimes, *, lost: int, writing: float) -> list[Figure]:
    figure = partial(Figure, scenario=f"2. 10,000 leave, clock x {speed:g}")
    lowest = floor(_WRITES_FOR_EACH * DUE, WINDOW_SECONDS / speed)
    beyond = swept.seconds - lowest
    return [
        figure(
            name="wall time",
            value=swept.seconds,
            unit="s",
            loop=loop.scaled_to(DUE),
            note=f"the quota's floor is {lowest:g} s; the loop timed on {_LOOP_PEOPLE} people and scaled up",
        ),
        figure(
            name="wall time against the floor",
            value=swept.seconds / lowest,
            goal=Goal(Limit.AT_MOST, 1.05),
            loop=loop.scaled_to(DUE) / lowest,
        ),
        figure(
            name="first to last write against the floor",
            value=writing / lowest,
            note="without reading before and recording after",
        ),
        figure(
            name="the same on the real clock",
            value=1 + beyond / (lowest * speed),
            note=f"computed: the {beyond:.1f} s beyond the floor, on a floor of {lowest * speed:g} s",
        ),
        figure(
            name="operations answered with 429",
            value=100 * swept.throttled / swept.graph.operations,
            unit="%",
            goal=Goal(Limit.BELOW, 1),
        ),
        figure(name="people lost", value=lost, goal=Goal(Limit.EXACTLY, 0)),
    ]
