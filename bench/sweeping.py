"""Timed sweeps on a stage."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench.stage import Stage
from enforcer.concurrency import each
from enforcer.core.runs import Report
from enforcer.core.settings import load_settings
from enforcer.graph.pacer import Pacer
from enforcer.services import Services, open_services
from enforcer.sweep.sweep import SweepRequest, sweep
from sandbox.directory.log import Counts

_HOST = Path(__file__).parents[1] / "host.json"
_REFUSED = "429"


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What the sweeps of all groups took, from opening the services to the last report.

    Attributes:
        finished: How many people were removed and had their sessions revoked.
        graph: The requests to Graph.
    """

    seconds: float
    finished: int
    graph: Counts

    @property
    def throttled(self) -> int:
        return self.graph.by_status.get(_REFUSED, 0)


async def timed_sweep(
    stage: Stage, *, pacer: Pacer | None = None, environ: Mapping[str, str] | None = None
) -> Swept:
    """Sweep all groups as a warm function app would: modules loaded, but no connections yet."""
    stage.directory.clear_log()
    async with open_services(load_settings(environ or stage.environ), pacer=pacer) as services:
        started = time.perf_counter()
        reports = await _sweep_all(services)
        seconds = time.perf_counter() - started
    finished = sum(min(report.run.removed, report.run.revoked) for report in reports)
    return Swept(seconds=seconds, finished=finished, graph=stage.directory.counts())


async def _sweep_all(services: Services) -> Sequence[Report]:
    """Sweep the groups as the function `sweep` does, as many at a time as the host delivers messages."""

    async def sweep_group(group_id: str) -> Report:
        return await sweep(services, SweepRequest(group_id=group_id, actor="bench", reason="measurement"))

    return await each(services.settings.group_ids, sweep_group, at_once=_messages_at_once())


def _messages_at_once() -> int:
    host: dict[str, Any] = msgspec.json.decode(_HOST.read_bytes())
    queues: dict[str, int] = host["extensions"]["queues"]
    return queues["batchSize"] + queues["newBatchThreshold"]
