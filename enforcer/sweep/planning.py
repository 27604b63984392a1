"""The plan of all managed groups, for whoever looks at it before something is done."""

from __future__ import annotations

from datetime import datetime

from enforcer.core.plan import Plan
from enforcer.core.planning.planner import make_plan
from enforcer.services import Services
from enforcer.sweep.reading import read_snapshot


async def make_whole_plan(services: Services, as_of: datetime | None = None) -> Plan:
    """Plan all managed groups, now or as of another time, and change nothing."""
    at = as_of or services.now()
    facts = [await read_snapshot(services, group_id, at) for group_id in services.settings.group_ids]
    return make_plan(facts, services.settings, at)
