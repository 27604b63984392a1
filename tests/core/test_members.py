"""Whom a key means."""

from __future__ import annotations

import pytest

from enforcer.core.members import Member, MemberIndex

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
