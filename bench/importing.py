"""Scenario 6: a file of 20,000 addresses that the register does not have yet, and the same file again."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

from bench.figures import Figure, Goal, Limit
from bench.stage import RUNNING, Scene, Stage, running_stage
from enforcer.core.actors import Actor
from enforcer.register.feed.reading import Reading
from enforcer.register.importing import preview_import, read_file, write_import
from enforcer.services import open_services

_figure = partial(Figure, scenario="6. importing 20,000 lines")
_MEMBERS, _OUTSIDERS = 18_000, 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Imported:
    seconds: float
    rows: int
    requests: int


async def measure() -> list[Figure]:
    async with running_stage(Scene(members=_MEMBERS, due=0, rows=0, outsiders=_OUTSIDERS)) as stage:
        users = stage.directory.tenant().users
        addresses = [user.user_principal_name for user in users]
        file = "\n".join(["Email,EndDate", *(f"{address},{RUNNING}" for address in addresses)]).encode()
        first = await _import(stage, file)
        again = await _import(stage, file)
    return [
        _figure(name="wall time", value=first.seconds, unit="s", goal=Goal(Limit.AT_MOST, 60)),
        _figure(name="rows", value=first.rows, goal=Goal(Limit.EXACTLY, _MEMBERS + _OUTSIDERS)),
        _figure(name="HTTP requests to Graph", value=first.requests, goal=Goal(Limit.AT_MOST, 120)),
        _figure(name="the same file again", value=again.seconds, unit="s", goal=Goal(Limit.AT_MOST, 10)),
        _figure(name="rows that this writes", value=again.rows, goal=Goal(Limit.EXACTLY, 0)),
    ]


async def _import(stage: Stage, file: bytes) -> _Imported:
    """Import as the command does: read the file, compare, write, each line with its ledger entry."""
    stage.directory.clear_log()
    actor = Actor(id="user:bench")
    started = time.perf_counter()
    async with open_services(stage.settings) as services:
        feed = read_file(services.settings, file, Reading())

        preview = await preview_import(services, feed.lines, actor=actor)

        rows = await write_import(services, preview, actor=actor)
    seconds = time.perf_counter() - started
    return _Imported(seconds=seconds, rows=len(rows), requests=stage.directory.counts().requests)
