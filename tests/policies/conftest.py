"""An operator at a desk, with the templates of this project."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.pacer import Pacer
from enforcer.policies.as_code.changes import Change
from enforcer.policies.as_code.managing import Manager
from enforcer.policies.as_code.sign_in import operators_graph
from enforcer.policies.as_code.wanted import Wanted, read_wanted
from tests.support.office import TEMPLATES, Office


class Operator:
    """An operator at a desk."""

    def __init__(self, office: Office, manager: Manager) -> None:
        self.office, self.manager = office, manager
        self.told: list[str] = []
        self.names = ""

    def wants(self, **values: object) -> Wanted:
        file = self.office.write_values(**values)
        return read_wanted(TEMPLATES, file, (self.office.contractors.id,))

    async def plan(self, *, enable: bool = False, **values: object) -> dict[str, Change]:
        changes = await self.manager.plan(self.wants(**values), enable=enable)
        return {change.key: change for change in changes}

    async def apply(self, *, enable: bool = False, **values: object) -> None:
        changes = await self.plan(enable=enable, **values)
        await self.manager.apply(list(changes.values()), self.wants(**values), self.told.append, self.names)

    async def is_done(self) -> bool:
        return not any(change.is_due for change in (await self.plan()).values())


@pytest.fixture
async def operator(office: Office) -> AsyncIterator[Operator]:
    async with operators_graph(office.settings) as client:
        yield Operator(office, Manager(client, ConditionalAccess(client, Pacer(1000, 1.0))))
