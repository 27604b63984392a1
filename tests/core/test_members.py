"""Whom a key means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.core.members import Member, MemberIndex, Person, hidden_names
from enforcer.core.user_kind import UserKind

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


HIDDEN = "ze\N{ZERO WIDTH SPACE}ro@contoso.example"
PERSON = Person(
    id=ID,
    display_name="Anna",
    user_principal_name="Anna@Contoso.example",
    mail=HIDDEN,
    user_kind=UserKind.MEMBER,
    enabled=True,
    other_addresses=("Second@Contoso.example",),
)


@pytest.mark.parametrize(
    "somebody",
    [PERSON, replace(ANNA, mail=HIDDEN, other_addresses=("Second@Contoso.example",))],
    ids=["person", "member"],
)
def test_names_are_all_addresses_and_what_an_unreadable_one_may_mean(
    somebody: Person | Member,
) -> None:
    told = {ID, "anna@contoso.example", "second@contoso.example"}
    assert told <= somebody.names
    assert "zero@contoso.example" not in somebody.names
    assert somebody.possible_names == somebody.names | {"zero@contoso.example"}


def test_what_can_be_read_and_what_is_not_there_hides_nothing() -> None:
    assert hidden_names("anna@contoso.example", "", HIDDEN) == {"zero@contoso.example"}
    assert hidden_names("", "anna@contoso.example") == frozenset()


def test_a_key_that_means_somebody_only_by_what_is_left_out_is_doubtful() -> None:
    index = MemberIndex.of([replace(ANNA, mail=HIDDEN)])
    assert [index.is_doubtful(key) for key in ("zero@contoso.example", "anna@contoso.example", ID)] == [
        True,
        False,
        False,
    ]
    assert [member.id for member in index.matches("zero@contoso.example")] == [ID]


def test_a_member_is_a_user_unless_graph_says_otherwise() -> None:
    assert ANNA.is_user
    assert not replace(ANNA, kind="group").is_user
