"""Scenario 1: at the end of a project, 1,500 of 5,000 members leave on one day."""

from __future__ import annotations

from functools import partial

from bench.figures import Figure, Goal, Limit
from bench.loop import LoopTimes, run_loop
from bench.stage import Scene, running_stage
from bench.sweeping import Swept, timed_sweep
from sandbox.directory.settings import Settings as DirectorySettings

DUE = 1_500
SCENE = Scene(
    members=5_000,
    due=DUE,
    rows=5_000,
    directory=DirectorySettings(latency_seconds=0.2, batch_item_latency_seconds=0.01),
)
_NAME = "1. 1,500 of 5,000 leave"
_figure = partial(Figure, scenario=_NAME)
_REPEATS = 3
_LOOP_PEOPLE = 25


async def measure() -> list[Figure]:
    sweeps = [await _sweep() for _ in range(_REPEATS)]
    return _figures(min(sweeps, key=lambda swept: swept.seconds), await _loop())


async def _sweep() -> Swept:
    async with running_stage(SCENE) as stage:
        return await timed_sweep(stage)


async def _loop() -> LoopTimes:
    async with running_stage(SCENE) as stage:
        return await run_loop(stage, _LOOP_PEOPLE)


def _figures(best: Swept, loop: LoopTimes) -> list[Figure]:
    looped = loop.scaled_to(DUE)
    return [
        _figure(
            name="wall time",
            value=best.seconds,
            unit="s",
            goal=Goal(Limit.AT_MOST, 10),
            loop=looped,
            note=f"best of {_REPEATS}; the loop timed on {_LOOP_PEOPLE} people and scaled up",
        ),
        _figure(
            name="times faster than the loop",
            value=looped / best.seconds,
            goal=Goal(Limit.AT_LEAST, 40),
        ),
        _figure(name="people removed and revoked", value=best.finished, goal=Goal(Limit.EXACTLY, DUE)),
        _figure(
            name="HTTP requests to Graph",
            value=best.graph.requests,
            loop=2 * DUE + SCENE.members / 100,
            note=f"{best.graph.operations:,} operations; the loop's computed",
        ),
        _figure(name="429 answers", value=best.throttled),
    ]
