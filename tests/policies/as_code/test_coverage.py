"""Members of managed groups to whom the block policy would not apply once they have left."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from enforcer.policies.as_code.coverage import uncovered
from sandbox.directory import Group
from tests.graph.conftest import Tenancy, running_tenancy
from tests.support.policy_examples import changed, shipped

pytestmark = pytest.mark.anyio

BLOCK = shipped()["no-group-no-access"]


@pytest.fixture
async def tenancy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tenancy]:
    async with running_tenancy(monkeypatch) as running:
        yield running


async def left_out(tenancy: Tenancy, *managed: Group, **users: object) -> list[str]:
    """Return whom a policy for just these users does not cover."""
    nobody: dict[str, object] = {
        "includeUsers": [],
        "includeGroups": [],
        "includeGuestsOrExternalUsers": None,
    }
    policy = changed(BLOCK, **{**nobody, **users})
    groups = [group.id for group in managed or (tenancy.group,)]
    return await uncovered(tenancy.directory, policy, groups)


async def test_a_policy_for_all_leaves_nobody_out_and_asks_nothing(tenancy: Tenancy) -> None:
    tenancy.tenant.fill_group(tenancy.group, [tenancy.tenant.add_user("Ada")])
    assert await left_out(tenancy, includeUsers=["All"]) == []
    assert tenancy.log() == []


async def test_whoever_is_neither_named_nor_in_a_named_group_is_left_out(tenancy: Tenancy) -> None:
    ada, ben, cid = (tenancy.tenant.add_user(name) for name in ("Ada", "Ben", "Cid"))
    tenancy.tenant.fill_group(tenancy.group, [ada, ben, cid])
    everybody = tenancy.tenant.add_group("Everybody", members=[ben])
    found = await left_out(tenancy, includeUsers=[ada.id.upper()], includeGroups=[everybody.id])
    assert found == [cid.id]


async def test_nested_groups_count_even_in_a_circle(tenancy: Tenancy) -> None:
    ada, ben = tenancy.tenant.add_user("Ada"), tenancy.tenant.add_user("Ben")
    tenancy.tenant.fill_group(tenancy.group, [ada, ben])
    inner = tenancy.tenant.add_group("Inner", members=[ada])
    outer = tenancy.tenant.add_group("Outer", members=[inner])
    tenancy.tenant.fill_group(inner, [ada, outer])
    assert await left_out(tenancy, includeGroups=[outer.id]) == [ben.id]


async def test_guests_are_met_where_the_policy_includes_guests(tenancy: Tenancy) -> None:
    ada, gus = tenancy.tenant.add_user("Ada"), tenancy.tenant.add_guest("Gus", "gus@partner.example")
    tenancy.tenant.fill_group(tenancy.group, [ada, gus])
    assert set(await left_out(tenancy)) == {ada.id, gus.id}
    guests = {"guestOrExternalUserTypes": "b2bCollaborationGuest"}
    assert await left_out(tenancy, includeGuestsOrExternalUsers=guests) == [ada.id]


async def test_all_managed_groups_are_looked_at_and_only_people_in_them(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada")
    tenancy.tenant.fill_group(tenancy.group, [tenancy.tenant.add_device("Laptop")])
    other = tenancy.tenant.add_group("Other", members=[ada])
    assert await left_out(tenancy, tenancy.group, other) == [ada.id]
