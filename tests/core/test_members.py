"""Whom a key means, and whose sessions are whose."""

from __future__ import annotations

import pytest

from enforcer.core.members import Member, MemberIndex, is_guest

ID = "11111111-2222-3333-4444-aaaaaaaaaaaa"
OTHER = "11111111-2222-3333-4444-bbbbbbbbbbbb"
ANNA = Member(id=ID, user_principal_name="Anna@Contoso.example", mail="anna.berg@Contoso.example")


@pytest.mark.parametrize("key", [ID, "anna@contoso.example", "anna.berg@contoso.example"])
def test_a_member_is_found_by_id_name_and_mail(key: str) -> None:
    assert MemberIndex.of([ANNA]).matches(key) == (ANNA,)


@pytest.mark.parametrize("key", [OTHER, "", "ann@contoso.example", "Anna@Contoso.example"])
def test_keys_are_compared_whole_and_normalised(key: str) -> None:
    assert MemberIndex.of([ANNA]).matches(key) == ()


def test_an_address_of_several_members_gives_all_of_them() -> None:
    ben = Member(id=OTHER, user_principal_name="ben@contoso.example", mail="anna@contoso.example")
    assert set(MemberIndex.of([ANNA, ben]).matches("anna@contoso.example")) == {ANNA, ben}


def test_members_without_addresses_are_found_by_id_alone() -> None:
    device = Member(id=ID, kind="device")
    index = MemberIndex.of([device])
    assert index.matches(ID) == (device,)
    assert index.matches("") == ()
    assert not device.is_user


def test_whoever_is_listed_twice_counts_once() -> None:
    index = MemberIndex.of([ANNA, ANNA])
    assert (len(index), list(index)) == (1, [ANNA])
    assert index.matches("anna@contoso.example") == (ANNA,)
    assert ID in index
    assert OTHER not in index


@pytest.mark.parametrize(
    ("user_type", "name", "guest"),
    [
        ("Member", "anna@contoso.example", False),
        (None, "anna@contoso.example", False),
        ("Guest", "anna_partner.example#EXT#@contoso.example", True),
        # An external user whom somebody made a member: his sessions are still his home tenant's.
        ("Member", "anna_partner.example#ext#@contoso.example", True),
        ("Guest", "anna@contoso.example", True),
        # Graph gives neither without a permission to read users: then nothing is claimed.
        (None, None, True),
    ],
)
def test_guests_are_those_whose_sessions_are_another_tenants(
    user_type: str | None,
    name: str | None,
    guest: bool,  # noqa: FBT001
) -> None:
    assert is_guest(user_type, name) is guest
    told = Member(id=ID, user_principal_name=name or "", guest=guest)
    assert told.known_guest is (guest and name is not None)
