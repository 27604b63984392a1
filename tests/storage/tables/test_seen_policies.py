"""Which of our policies were enabled once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from enforcer.core.drift import SeenPolicies
from enforcer.storage.tables.seen_policies import PolicyMemory
from enforcer.storage.tables.tables import Tables

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


async def test_a_policy_enabled_once_is_remembered_by_its_latest_name(tables: Tables, group: str) -> None:
    memory = PolicyMemory(tables)
    assert await memory.recall([group]) == SeenPolicies()
    await memory.remember(group, {"short-sessions": "Old", "strong-sign-in": "Strong"}, NOW)
    await memory.remember(group, {"short-sessions": "New"}, NOW)
    assert await memory.recall([group]) == SeenPolicies(
        looked=True, enabled={"short-sessions": "New", "strong-sign-in": "Strong"}
    )


async def test_a_look_without_policies_is_remembered_for_its_group_alone(tables: Tables, group: str) -> None:
    memory = PolicyMemory(tables)
    await memory.remember(group, {}, NOW)
    assert await memory.recall([group]) == SeenPolicies(looked=True)
    assert await memory.recall(["another"]) == SeenPolicies()
