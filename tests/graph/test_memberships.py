"""In which of some groups a person is."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.exceptions import ReadError
from enforcer.graph.memberships import groups_having
from enforcer.graph.pacer import Pacer
from tests.graph.conftest import Tenancy, running_tenancy

pytestmark = pytest.mark.anyio


async def test_groups_are_found_directly_and_through_nested_groups(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada")
    inner = tenancy.tenant.add_group("Inner", members=[ada])
    outer = tenancy.tenant.add_group("Outer", members=[inner])
    asked = [tenancy.group.id, outer.id, inner.id]
    assert await groups_having(tenancy.client, ada.id, asked) == sorted([inner.id, outer.id])


async def test_more_than_twenty_groups_are_asked_about_in_turns(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada")
    groups = [tenancy.tenant.add_group(f"Group {number}", members=[ada]).id for number in range(21)]
    assert await groups_having(tenancy.client, ada.id, groups) == sorted(groups)
    assert tenancy.statuses() == [200, 200]


async def test_without_groups_nobody_is_asked(tenancy: Tenancy) -> None:
    assert await groups_having(tenancy.client, "ada", []) == []
    assert tenancy.log() == []


@pytest.mark.parametrize("fault", [{"status": 403}, {"status": 200, "body": {"value": None}}])
async def test_an_answer_that_says_nothing_is_not_taken_for_no_group(
    tenancy: Tenancy, fault: dict[str, object]
) -> None:
    ada = tenancy.tenant.add_user("Ada")
    tenancy.strike(path="checkMemberGroups", times=None, **fault)
    with pytest.raises(ReadError, match=f"the groups of {ada.id} could not be read"):
        await groups_having(tenancy.client, ada.id, [tenancy.group.id])


async def test_asking_does_not_wait_for_the_quota_of_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    pacer = Pacer(writes=1, window=60)
    async with running_tenancy(monkeypatch, pacer=pacer) as tenancy, pacer.writing(1):
        ada = tenancy.tenant.add_user("Ada")
        async with asyncio.timeout(10):
            assert await groups_having(tenancy.client, ada.id, [tenancy.group.id]) == []
