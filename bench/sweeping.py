"""One sweep on a stage, timed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from bench.stage import Stage
from enforcer.core.runs import Run
from enforcer.graph.pacer import Pacer
from enforcer.services import open_services
from enforcer.settings import load_settings
from enforcer.sweep import Order, sweep
from sandbox.directory.log import Counts

REFUSED = "429"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep took, from the opened services to its report.

    Attributes:
        graph: What Graph was asked.
    """

    seconds: float
    run: Run
    graph: Counts

    @property
    def throttled(self) -> int:
        return self.graph.by_status.get(REFUSED, 0)


async def timed_sweep(
    stage: Stage, *, pacer: Pacer | None = None, environ: Mapping[str, str] | None = None
) -> Swept:
    """Sweep the stage's group as a function that is warm would: connected nowhere yet, modules loaded."""
    stage.directory.clear_log()
    async with open_services(load_settings(environ or stage.environ), pacer=pacer) as services:
        started = time.perf_counter()
        report = await sweep(services, Order(group_id=stage.group_id, actor="bench", reason="measurement"))
        seconds = time.perf_counter() - started
    return Swept(seconds=seconds, run=report.run, graph=stage.directory.counts())
