"""What a person is a member of, and who is in a group through other groups."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.exceptions import GroupError, ReadError, UnavailableError
from enforcer.graph.memberships import directory_roles_of, everybody_in, groups_having, require_readable
from enforcer.graph.pacer import Pacer
from tests.graph.conftest import IMPATIENT, Tenancy, running_tenancy

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


# Directory roles -----------------------------------------------------------------------------------------

_GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"


async def test_directory_roles_are_named_and_groups_are_not_taken_for_roles(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada", directory_roles=[_GLOBAL_ADMINISTRATOR])
    tenancy.tenant.add_member(tenancy.group, ada)
    ben = tenancy.tenant.add_user("Ben")
    tenancy.tenant.add_member(tenancy.group, ben)
    assert await directory_roles_of(tenancy.client, ada.id) == ["Global Administrator"]
    assert await directory_roles_of(tenancy.client, ben.id) == []


async def test_a_role_whose_name_is_hidden_goes_by_its_object_id(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada", directory_roles=[_GLOBAL_ADMINISTRATOR])
    tenancy.server.sandbox.settings.enforce_permissions = True
    role = tenancy.tenant.directory_role(_GLOBAL_ADMINISTRATOR)
    assert await directory_roles_of(tenancy.client, ada.id) == [role.id]


@IMPATIENT
@pytest.mark.parametrize(
    ("fault", "error"), [({"status": 403}, ReadError), ({"status": 503}, UnavailableError)]
)
async def test_roles_that_cannot_be_read_are_not_taken_for_none(
    tenancy: Tenancy, fault: dict[str, object], error: type[Exception]
) -> None:
    ada = tenancy.tenant.add_user("Ada")
    tenancy.strike(path="transitiveMemberOf", times=None, **fault)
    with pytest.raises(error):
        await directory_roles_of(tenancy.client, ada.id)


# Protected groups ----------------------------------------------------------------------------------------


async def test_everybody_in_a_group_is_found_page_by_page_through_nested_groups(tenancy: Tenancy) -> None:
    tenancy.server.sandbox.settings.page_limit = 2
    people = [tenancy.tenant.add_user(f"Person {number}") for number in range(5)]
    inner = tenancy.tenant.add_group("Inner", members=people[2:])
    outer = tenancy.tenant.add_group("Outer", members=[*people[:2], inner])
    found = await everybody_in(tenancy.client, [outer.id], "SETTING")
    assert found == {inner.id, *(person.id for person in people)}
    assert await everybody_in(tenancy.client, [], "SETTING") == frozenset()


async def test_a_group_that_is_missing_or_hides_its_members_is_an_error(tenancy: Tenancy) -> None:
    hidden = tenancy.tenant.add_group("Hidden", visibility="HiddenMembership")
    for group_id, why in (("0d5e6f1a-0000-4000-8000-000000000000", "does not exist"), (hidden.id, "hides")):
        for work in (require_readable, everybody_in):
            with pytest.raises(GroupError, match=f"{group_id} of SETTING {why}"):
                await work(tenancy.client, [group_id], "SETTING")
