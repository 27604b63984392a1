"""Whose account it is decides what is said about its sessions, and whether it is disabled as a guest's."""

from __future__ import annotations

import pytest

from enforcer.core.user_kind import UserKind

OWN, FOREIGN = "anna@contoso.example", "anna_partner.example#EXT#@contoso.example"


@pytest.mark.parametrize(
    ("user_type", "name", "invited", "kind"),
    [
        ("Member", OWN, False, UserKind.MEMBER),
        (None, OWN, False, UserKind.MEMBER),
        ("Guest", OWN, False, UserKind.INTERNAL_GUEST),
        ("Guest", FOREIGN, True, UserKind.EXTERNAL),
        ("Guest", FOREIGN, False, UserKind.EXTERNAL),
        # An external user whom somebody made a member: the sessions are still the home tenant's.
        ("Member", FOREIGN.lower(), False, UserKind.EXTERNAL),
        # An invited guest whose user principal name was changed to one of this tenant's.
        ("Guest", OWN, True, UserKind.EXTERNAL),
        # Graph gives neither without permission to read users.
        (None, None, False, UserKind.UNKNOWN),
        ("Guest", None, False, UserKind.UNKNOWN),
        ("Member", "", False, UserKind.UNKNOWN),
    ],
)
def test_the_kind_follows_from_name_type_and_invitation(
    user_type: str | None,
    name: str | None,
    invited: bool,  # noqa: FBT001
    kind: UserKind,
) -> None:
    assert UserKind.of(user_type=user_type, user_principal_name=name, invited=invited) is kind


@pytest.mark.parametrize(
    ("kind", "signs_in_here", "is_guest", "may_be_guest"),
    [
        (UserKind.MEMBER, True, False, False),
        (UserKind.INTERNAL_GUEST, True, True, True),
        (UserKind.EXTERNAL, False, True, True),
        (UserKind.UNKNOWN, False, False, True),
    ],
)
def test_sessions_depend_on_the_tenant_and_disabling_on_being_a_guest(
    kind: UserKind,
    signs_in_here: bool,  # noqa: FBT001
    is_guest: bool,  # noqa: FBT001
    may_be_guest: bool,  # noqa: FBT001
) -> None:
    assert (kind.signs_in_here, kind.is_guest, kind.may_be_guest) == (signs_in_here, is_guest, may_be_guest)


def test_the_words_are_those_of_the_records_that_are_there() -> None:
    assert [one.value for one in UserKind] == ["member", "internal_guest", "external", "unknown"]
