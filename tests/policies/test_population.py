"""Whom the groups of block policies contain once nobody is in a managed group."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from enforcer.core.coverage import Coverage, GroupPeople, coverage_of
from enforcer.core.drift import DriftKind, find_drift
from enforcer.core.policy import Policy
from enforcer.policies.population import read_population
from sandbox.directory import Group, User
from tests.graph.conftest import Tenancy, running_tenancy
from tests.support.policy_examples import changed, handmade, in_tenant, shipped

pytestmark = pytest.mark.anyio

BLOCK = handmade(in_tenant(shipped()["no-group-no-access"]))
NOBODY: dict[str, object] = {"includeGroups": [], "includeGuestsOrExternalUsers": None}


@pytest.fixture
async def tenancy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tenancy]:
    async with running_tenancy(monkeypatch) as running:
        yield running


def policy(include: list[Group], exclude: list[Group] | None = None) -> Policy:
    named = {"includeGroups": [one.id for one in include], "excludeGroups": [one.id for one in exclude or []]}
    return changed(BLOCK, **(NOBODY | named))


async def covered(tenancy: Tenancy, *policies: Policy, managed: list[Group] | None = None) -> set[str]:
    """Return the display names of members whom the policies would block once they have left."""
    groups = [group.id for group in managed or [tenancy.group]]
    found = await read_population(tenancy.client, policies, groups)
    names = {user.id: str(user.display_name) for user in tenancy.tenant.each(User)}
    return {
        names[person.id]
        for person in found.members
        if coverage_of(policies, person, found.groups).coverage is Coverage.COVERED
    }


async def test_whoever_leaves_is_in_the_leavers_group(tenancy: Tenancy) -> None:
    tenancy.tenant.fill_group(tenancy.group, [tenancy.tenant.add_user("Ada")])
    left = tenancy.tenant.add_group("Left")
    around = tenancy.tenant.add_group("Around", members=[left])
    for including in (left, around):
        blocking = [policy([including])]
        managed = [tenancy.group.id]
        without = await read_population(tenancy.client, blocking, managed)
        found = await read_population(tenancy.client, blocking, managed, leavers_group=left.id)
        assert find_drift(blocking, managed, found, None, left.id) == [] or including is around
        verdicts = [coverage_of(blocking, found.members[0], one.groups).coverage for one in (found, without)]
        assert verdicts == [Coverage.COVERED, Coverage.NOT_COVERED]
        assert DriftKind.MISSING in {drift.kind for drift in find_drift(blocking, managed, without)}
    excluding = policy([around], [left])
    found = await read_population(tenancy.client, [excluding], managed, leavers_group=left.id)
    assert coverage_of([excluding], found.members[0], found.groups).coverage is Coverage.NOT_COVERED


async def test_nested_groups_count_even_in_a_circle(tenancy: Tenancy) -> None:
    ada, ben = tenancy.tenant.add_user("Ada"), tenancy.tenant.add_user("Ben")
    tenancy.tenant.fill_group(tenancy.group, [ada, ben, tenancy.tenant.add_device("Laptop")])
    inner = tenancy.tenant.add_group("Inner", members=[ada])
    outer = tenancy.tenant.add_group("Outer", members=[inner])
    tenancy.tenant.fill_group(inner, [ada, outer])
    assert await covered(tenancy, policy([outer], [tenancy.group])) == {"Ada"}


async def test_whoever_the_managed_group_brings_in_leaves_with_it(tenancy: Tenancy) -> None:
    ada, ben = tenancy.tenant.add_user("Ada"), tenancy.tenant.add_user("Ben")
    tenancy.tenant.fill_group(tenancy.group, [ada, ben])
    everybody = tenancy.tenant.add_group("Everybody", members=[tenancy.group, ben])
    blocking = policy([everybody], [tenancy.group])
    assert await covered(tenancy, blocking) == {"Ben"}
    found = await read_population(tenancy.client, [blocking], [tenancy.group.id])
    assert found.groups[everybody.id].circular == {ada.id}


async def test_a_group_made_by_a_rule_from_the_managed_one_covers_nobody(tenancy: Tenancy) -> None:
    ada, ben = tenancy.tenant.add_user("Ada"), tenancy.tenant.add_user("Ben")
    tenancy.tenant.fill_group(tenancy.group, [ada, ben])
    other = tenancy.tenant.add_group("Other", members=[ben])
    rule = f"user.memberof -any (group.objectId -in ['{tenancy.group.id.upper()}', '{other.id}'])"
    dynamic = tenancy.tenant.add_group(
        "Dynamic", members=[ada, ben], membership_rule=rule, group_types=["DynamicMembership"]
    )
    assert await covered(tenancy, policy([dynamic], [tenancy.group])) == {"Ben"}


async def test_an_excluded_group_that_contains_the_managed_one_is_left_with_it(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada")
    tenancy.tenant.fill_group(tenancy.group, [ada])
    population = tenancy.tenant.add_group("Population", members=[ada])
    access = tenancy.tenant.add_group("Access", members=[tenancy.group])
    assert await covered(tenancy, policy([population], [tenancy.group, access])) == {"Ada"}


async def test_hidden_members_are_not_known_and_a_group_that_is_gone_is_empty(tenancy: Tenancy) -> None:
    hidden = tenancy.tenant.add_group("H", group_types=["Unified"], visibility="HiddenMembership")
    gone = tenancy.tenant.add_group("Gone")
    del tenancy.tenant.objects[gone.id]
    found = await read_population(tenancy.client, [policy([hidden, gone])], [tenancy.group.id])
    assert "hides its members" in found.groups[hidden.id].unknown
    assert found.groups[gone.id] == GroupPeople()


async def test_a_group_that_graph_refuses_is_not_known_in_its_words(tenancy: Tenancy) -> None:
    group = tenancy.tenant.add_group("Secret")
    tenancy.strike(path=f"/groups/{group.id}", status=403, times=None)
    found = await read_population(tenancy.client, [policy([group])], [tenancy.group.id])
    assert "403" in found.groups[group.id].unknown


async def test_groups_of_policies_that_do_not_block_are_not_read(tenancy: Tenancy) -> None:
    group = tenancy.tenant.add_group("Unread")
    off = changed(BLOCK, includeGroups=[group.id])
    off = Policy(display_name="Off", state=off.state.REPORT_ONLY, body=off.body)
    assert (await read_population(tenancy.client, [off], [tenancy.group.id])).groups == {}


async def test_all_managed_groups_are_looked_at(tenancy: Tenancy) -> None:
    ada, ben = tenancy.tenant.add_user("Ada"), tenancy.tenant.add_user("Ben")
    tenancy.tenant.fill_group(tenancy.group, [ada])
    other = tenancy.tenant.add_group("Other", members=[ben])
    population = tenancy.tenant.add_group("Population", members=[ada, other])
    assert await covered(tenancy, policy([population]), managed=[tenancy.group, other]) == {"Ada"}
