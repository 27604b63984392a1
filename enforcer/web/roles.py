"""The app roles of the API, and which of them each route takes."""

from __future__ import annotations

from enum import StrEnum

from enforcer.core.settings import APPROVE_ROLE, EXTEND_ROLE, READ_ROLE, Settings


class Access(StrEnum):
    """What a route requires of its caller."""

    ANYBODY = "anybody"
    READ = "read"
    EXTEND = "extend"
    OFFBOARD = "offboard"
    APPROVE = "approve"


def sufficient_roles(access: Access, settings: Settings) -> tuple[str, ...]:
    """Return the roles of which one suffices. Whoever may offboard may extend; nobody else has two rights."""
    offboard = settings.api_role
    return {
        Access.ANYBODY: (),
        Access.READ: (READ_ROLE, EXTEND_ROLE, offboard, APPROVE_ROLE),
        Access.EXTEND: (EXTEND_ROLE, offboard),
        Access.OFFBOARD: (offboard,),
        Access.APPROVE: (APPROVE_ROLE,),
    }[access]
