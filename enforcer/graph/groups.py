"""Which groups have members that this product can manage."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

GROUP_COLUMNS = (
    "id,displayName,groupTypes,mailEnabled,securityEnabled,onPremisesSyncEnabled,isAssignableToRole,"
    "isManagementRestricted,visibility"
)


class Group(msgspec.Struct, rename="camel"):
    """What Graph tells about a group."""

    id: str
    display_name: str | None = None
    group_types: list[str] | None = None
    mail_enabled: bool | None = None
    security_enabled: bool | None = None
    on_premises_sync_enabled: bool | None = None
    is_assignable_to_role: bool | None = None
    is_management_restricted: bool | None = None
    visibility: str | None = None


@dataclass(frozen=True, slots=True)
class ManagedGroup:
    id: str
    display_name: str


def hides_members(visibility: str | None) -> bool:
    """Whether a group of this visibility lists its members to nobody without `Member.Read.Hidden`.

    Microsoft 365 groups may be made so, and stay so (group: visibility).
    """
    return (visibility or "").lower() == "hiddenmembership"


def refusal(group: Group) -> str:
    """Say why the group's members cannot be managed, and what to do; empty where they can."""
    types = group.group_types or ()
    unified = "Unified" in types
    refusals = {
        "is dynamic: its rule decides who is in it. Use a group with assigned membership": (
            # A group that was made an assigned one keeps its old rule, paused.
            "DynamicMembership" in types
        ),
        "is synced from on-premises: manage it there, or use a cloud group": group.on_premises_sync_enabled,
        "is role-assignable: changing its members takes a privileged role. Use a group that is not": (
            group.is_assignable_to_role
        ),
        "is in a restricted management administrative unit, where apps have no say. Move it out": (
            group.is_management_restricted
        ),
        # Graph answers 200 and an empty list: that would look as if everybody had left.
        "hides its members, whom Graph lists only with Member.Read.Hidden: use a security group": (
            hides_members(group.visibility)
        ),
        "is mail-enabled: Graph cannot change its members. Use a plain security group": (
            group.mail_enabled and not unified
        ),
        "is no security group: Conditional Access and app assignments need one": (
            group.security_enabled is False and not unified
        ),
    }
    return next((text for text, applies in refusals.items() if applies), "")
