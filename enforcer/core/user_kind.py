"""Whose account somebody signs in with, and whether it is a guest's."""

from __future__ import annotations

from enum import StrEnum


class UserKind(StrEnum):
    """What Graph tells of an account."""

    MEMBER = "member"
    INTERNAL_GUEST = "internal_guest"
    """User type Guest, but an account of this tenant."""
    EXTERNAL = "external"
    """Signs in with an account of another tenant: a B2B guest, or a B2B member."""
    UNKNOWN = "unknown"
    """Graph tells neither name nor type without a permission to read users: nothing is claimed."""

    @classmethod
    def of(cls, *, user_type: str | None, user_principal_name: str | None, invited: bool) -> UserKind:
        """Return the kind of an account by its properties in Graph.

        Whoever signs in elsewhere may have user type Member; the name still carries `#EXT#`. Where an
        administrator has changed that name, the state of the invitation is left (`invited`).
        """
        if not user_principal_name:
            return cls.UNKNOWN
        if invited or "#ext#" in user_principal_name.lower():
            return cls.EXTERNAL
        return cls.INTERNAL_GUEST if user_type == "Guest" else cls.MEMBER

    @property
    def signs_in_here(self) -> bool:
        """Whether the sessions are known to be this tenant's: only those can be said to be revoked."""
        return self in (UserKind.MEMBER, UserKind.INTERNAL_GUEST)

    @property
    def is_guest(self) -> bool:
        """Whether it is known to be a guest's account: only then may it be disabled as one."""
        return self in (UserKind.INTERNAL_GUEST, UserKind.EXTERNAL)

    @property
    def may_be_guest(self) -> bool:
        """Whether it is a guest's account, or Graph did not tell."""
        return self is not UserKind.MEMBER
