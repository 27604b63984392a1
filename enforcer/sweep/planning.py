"""The plan of all managed groups, to be looked at before anything is done."""

from __future__ import annotations

from datetime import datetime

from enforcer.core.plan import Plan
from enforcer.core.planning.planner import make_plan
from enforcer.core.planning.rules import PlanRules
from enforcer.services import Services
from enforcer.sweep.reading import read_snapshot


async def make_whole_plan(services: Services, as_of: datetime | None = None) -> Plan:
    """Plan all managed groups, as of now or another time, without changing anything."""
    at = as_of or services.now()
    snapshots = [await read_snapshot(services, group_id, at) for group_id in services.settings.group_ids]
    return make_plan(snapshots, PlanRules.of(services.settings), at)
