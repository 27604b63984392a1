"""Which groups have members that this product can manage."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from enforcer.core.exceptions import GroupError
from enforcer.graph.groups import GROUP_COLUMNS, Group, refusal
from tests.graph.conftest import Tenancy

PLAIN: dict[str, Any] = {"security_enabled": True, "mail_enabled": False, "group_types": []}


@pytest.mark.parametrize(
    "properties",
    [
        PLAIN,
        {"group_types": ["Unified"], "mail_enabled": True, "security_enabled": False},
        {"group_types": ["Unified"], "mail_enabled": True, "visibility": "Private"},
        {**PLAIN, "on_premises_sync_enabled": False, "is_assignable_to_role": False},
        {},  # what Graph does not say does not matter
    ],
)
def test_groups_with_assigned_members_are_taken(properties: dict[str, Any]) -> None:
    assert refusal(Group(id="g", **properties)) == ""


@pytest.mark.anyio
async def test_a_group_that_was_dynamic_once_is_taken(tenancy: Tenancy) -> None:
    group = tenancy.tenant.add_group("Converted", membership_rule='user.companyName -eq "X"')
    assert (await tenancy.directory.require_group(group.id)).id == group.id


@pytest.mark.parametrize(
    ("properties", "what"),
    [
        ({"group_types": ["DynamicMembership"]}, "is dynamic"),
        ({"group_types": ["Unified", "DynamicMembership"], "mail_enabled": True}, "is dynamic"),
        ({"on_premises_sync_enabled": True}, "is synced from on-premises"),
        ({"is_assignable_to_role": True}, "is role-assignable"),
        ({"is_management_restricted": True}, "is in a restricted management administrative unit"),
        ({"mail_enabled": True}, "is mail-enabled"),
        ({"security_enabled": False}, "is not a security group"),
        (
            {"group_types": ["Unified"], "mail_enabled": True, "visibility": "HiddenMembership"},
            "hides its members",
        ),
    ],
)
def test_a_group_whose_members_cannot_be_managed_is_refused_with_a_fix(
    properties: dict[str, Any], what: str
) -> None:
    why, _, advice = refusal(Group(id="g", **PLAIN | properties)).partition(what)
    assert (why, advice[:1] in {":", ","}) == ("", True)


def test_everything_that_is_decided_upon_is_asked_for() -> None:
    asked = {field.encode_name for field in msgspec.structs.fields(Group)}
    assert asked == set(GROUP_COLUMNS.split(","))


@pytest.mark.anyio
async def test_a_group_that_hides_its_members_is_refused_before_they_are_counted(tenancy: Tenancy) -> None:
    ada = tenancy.tenant.add_user("Ada Novak")
    hidden = tenancy.tenant.add_group(
        "Hidden", members=[ada], group_types=["Unified"], mail_enabled=True, visibility="HiddenMembership"
    )
    # This is what the enforcer would see of it: nobody, and no error.
    assert [member async for member in tenancy.directory.members(hidden.id)] == []
    with pytest.raises(GroupError, match=r"Member\.Read\.Hidden: use a security group"):
        await tenancy.directory.require_group(hidden.id)
