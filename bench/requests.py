"""Scenario 5: the number of requests to Graph per person."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from bench.figures import Figure, Goal, Limit
from bench.stage import Scene, running_stage
from bench.sweeping import timed_sweep

_NAME = "5. requests for each person"
_figure = partial(Figure, scenario=_NAME)
_MEMBERS = 1_100
_PAGE = 999
_FEW, _MANY = 20, 60


@dataclass(frozen=True, slots=True)
class _Asked:
    """A sweep's requests to Graph: reads, and writes per person."""

    reads: int
    writes: float


async def measure() -> list[Figure]:
    few = await _asked(_FEW, "none")
    many = await _asked(_MANY, "none")
    disabled = await _asked(_MANY, "all")
    pages = -(-_MEMBERS // _PAGE)
    return [
        _figure(name="writes", value=many.writes, goal=Goal(Limit.EXACTLY, 2), loop=2),
        _figure(
            name="writes where accounts are disabled",
            value=disabled.writes,
            goal=Goal(Limit.EXACTLY, 3),
            loop=3,
        ),
        _figure(
            name=f"reads that {_MANY - _FEW} more people cost",
            value=many.reads - few.reads,
            goal=Goal(Limit.EXACTLY, 0),
            loop=0,
        ),
        _figure(
            name="reads besides the pages of members",
            value=many.reads - pages,
            note=f"{pages} pages; the group, and the policies that it may not read",
        ),
    ]


async def _asked(people: int, disable: str) -> _Asked:
    scene = Scene(
        members=_MEMBERS,
        due=people,
        rows=_MEMBERS,
        settings={"ENFORCER_DISABLE_ACCOUNTS": disable},
    )
    async with running_stage(scene) as stage:
        graph = (await timed_sweep(stage)).graph
    reads = sum(count for operation, count in graph.by_operation.items() if operation.startswith("GET"))
    return _Asked(reads, graph.writes / people)
