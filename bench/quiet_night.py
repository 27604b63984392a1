"""Scenario 3: a night with nothing due, and a large register."""

from __future__ import annotations

from functools import partial

from bench import register
from bench.figures import Figure, Goal, Limit
from bench.probe import Probe, probe
from bench.stage import Scene, Stage, running_stage
from bench.sweeping import timed_sweep
from sandbox.directory.log import Counts
from sandbox.directory.settings import Settings as DirectorySettings
from sandbox.storage_proxy import running_storage_proxy_async

SCENE = Scene(members=10_000, due=0, rows=10_000, directory=DirectorySettings(latency_seconds=0.2))
_NAME = "3. nothing is due"
_figure = partial(Figure, scenario=_NAME)
_LARGE = f"3. a register of {register.ROWS:,} rows"


async def measure() -> list[Figure]:
    async with running_stage(SCENE) as stage:
        swept, graph = await _counted(stage, "sweep")
        looped, loop_graph = await _counted(stage, "loop")
        storage_requests = await _storage_requests(stage)
    planned = await probe("plan", {})
    return [
        *_night(swept, looped),
        _figure(
            name="HTTP requests to Graph",
            value=graph.requests,
            loop=loop_graph.requests,
            note="pages of 999 members; the SDK's own are of 100",
        ),
        _figure(name="HTTP requests to storage", value=storage_requests),
        _figure(name="writes to Graph", value=graph.writes, goal=Goal(Limit.EXACTLY, 0)),
        *_large(planned),
    ]


async def _counted(stage: Stage, name: str) -> tuple[Probe, Counts]:
    stage.directory.clear_log()
    return await probe(name, stage.environ), stage.directory.counts()


async def _storage_requests(stage: Stage) -> int:
    async with running_storage_proxy_async(stage.storage) as proxy:
        await timed_sweep(
            stage, environ={**stage.environ, "EnforcerStorage": proxy.endpoints.connection_string}
        )
        return len(proxy.calls)


def _night(swept: Probe, looped: Probe) -> list[Figure]:
    return [
        _figure(
            name="wall time",
            value=swept.seconds,
            unit="s",
            loop=looped.seconds,
            note="10,000 members, 10,000 rows; the loop only reads",
        ),
        _figure(name="processor time", value=swept.cpu_seconds, unit="s", loop=looped.cpu_seconds),
        _figure(
            name="peak memory over the imports",
            value=swept.memory_mib,
            unit="MiB",
            loop=looped.memory_mib,
        ),
    ]


def _large(planned: Probe) -> list[Figure]:
    return [
        Figure(
            scenario=_LARGE,
            name="processor time of planning",
            value=planned.cpu_seconds,
            unit="s",
            goal=Goal(Limit.AT_MOST, 1),
            note=f"{register.MEMBERS:,} members, {register.DUE:,} due; rows made up page by page",
        ),
        Figure(
            scenario=_LARGE,
            name="peak memory over the imports",
            value=planned.memory_mib,
            unit="MiB",
            goal=Goal(Limit.AT_MOST, 150),
        ),
    ]
