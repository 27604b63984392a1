"""Decides whether a group's members can be managed."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

GROUP_COLUMNS = (
    "id,displayName,groupTypes,mailEnabled,securityEnabled,onPremisesSyncEnabled,isAssignableToRole,"
    "isManagementRestricted,visibility,membershipRule"
)


class Group(msgspec.Struct, rename="camel"):
    """A group as Graph describes it."""

    id: str
    display_name: str | None = None
    group_types: list[str] | None = None
    mail_enabled: bool | None = None
    security_enabled: bool | None = None
    on_premises_sync_enabled: bool | None = None
    is_assignable_to_role: bool | None = None
    is_management_restricted: bool | None = None
    visibility: str | None = None
    membership_rule: str | None = None


@dataclass(frozen=True, slots=True)
class ManagedGroup:
    id: str
    display_name: str


def hides_members(visibility: str | None) -> bool:
    """Whether listing the members of a group with this visibility requires `Member.Read.Hidden`.

    Microsoft 365 groups can be created so, and it cannot be changed (group: visibility).
    """
    return (visibility or "").lower() == "hiddenmembership"


def refusal(group: Group) -> str:
    """Return why the group's members cannot be managed, and what to do; empty if they can."""
    types = group.group_types or ()
    unified = "Unified" in types
    refusals = {
        "is dynamic: its rule decides who is in it. Use a group with assigned membership": (
            # A group converted to assigned membership keeps its old rule, paused.
            "DynamicMembership" in types
        ),
        "is synced from on-premises: manage it there, or use a cloud group": group.on_premises_sync_enabled,
        "is role-assignable: changing its members takes a privileged role. Use a group that is not": (
            group.is_assignable_to_role
        ),
        "is in a restricted management administrative unit, where apps have no say. Move it out": (
            group.is_management_restricted
        ),
        # Graph answers 200 with an empty list, as if everyone had left.
        "hides its members, whom Graph lists only with Member.Read.Hidden: use a security group": (
            hides_members(group.visibility)
        ),
        "is mail-enabled: Graph cannot change its members. Use a plain security group": (
            group.mail_enabled and not unified
        ),
        "is not a security group: Conditional Access and app assignments need one": (
            group.security_enabled is False and not unified
        ),
    }
    return next((text for text, applies in refusals.items() if applies), "")
