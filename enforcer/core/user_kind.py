"""Which tenant's account somebody signs in with, and whether it is a guest's."""

from __future__ import annotations

from enum import StrEnum


class UserKind(StrEnum):
    """The kind of an account, as far as Graph says."""

    MEMBER = "member"
    INTERNAL_GUEST = "internal_guest"
    """User type Guest, but an account of this tenant."""
    EXTERNAL = "external"
    """Signs in with an account of another tenant: a B2B guest, or a B2B member."""
    UNKNOWN = "unknown"
    """Graph gives neither name nor type without permission to read users."""

    @classmethod
    def of(cls, *, user_type: str | None, user_principal_name: str | None, invited: bool) -> UserKind:
        """Return the kind of an account by its properties in Graph.

        Whoever signs in elsewhere may have user type Member; the name still contains `#EXT#`. If an
        administrator has changed that name, only the state of the invitation tells (`invited`).
        """
        if not user_principal_name:
            return cls.UNKNOWN
        if invited or "#ext#" in user_principal_name.lower():
            return cls.EXTERNAL
        return cls.INTERNAL_GUEST if user_type == "Guest" else cls.MEMBER

    @property
    def signs_in_here(self) -> bool:
        """Whether the sessions are known to be this tenant's: only those are ever reported as revoked."""
        return self in (UserKind.MEMBER, UserKind.INTERNAL_GUEST)

    @property
    def is_guest(self) -> bool:
        """Whether it is known to be a guest's account: only then may it be disabled as one."""
        return self in (UserKind.INTERNAL_GUEST, UserKind.EXTERNAL)

    @property
    def may_be_guest(self) -> bool:
        """Whether it is a guest's account, or Graph did not say."""
        return self is not UserKind.MEMBER
