"""The shipped policies in a tenant, applied as an operator does."""

from __future__ import annotations

from pathlib import Path

import msgspec

from enforcer.core.settings import Settings
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.pacer import Pacer
from enforcer.policies.as_code.managing import Manager
from enforcer.policies.as_code.sign_in import operators_graph
from enforcer.policies.as_code.wanted import read_wanted
from tests.support.office import TEMPLATES


async def put_in_force(settings: Settings, folder: Path, **values: object) -> list[str]:
    """Apply the shipped policies with these values, then enable them; return what was reported.

    Needs a signed-in operator, and somebody in the managed group.
    """
    file = folder / "values.json"
    file.write_bytes(msgspec.json.encode({"allowedApps": ["Office365"], **values}))
    wanted = read_wanted(TEMPLATES, file, settings.group_ids, settings.leavers_group)
    told: list[str] = []
    async with operators_graph(settings) as client:
        manager = Manager(client, ConditionalAccess(client, Pacer(1000, 1.0)))
        for _ in range(2):
            await manager.apply(await manager.plan(wanted, enable=True), wanted, told.append)
    return told
