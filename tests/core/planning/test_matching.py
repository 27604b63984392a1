"""Rows that cannot be acted upon, because nobody can tell what they say or whom they mean."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.calendar.midnight import DateRules
from enforcer.core.contractors import InvalidRow, RegisterRow, read_rows
from enforcer.core.members import Member, MemberIndex
from enforcer.core.offboarding_record import State
from enforcer.core.plan import FindingKind
from enforcer.core.planning.matching import RowMatches, same_person
from enforcer.core.planning.planner import GroupSnapshot, plan_group
from enforcer.core.settings import Onboarding, Unregistered
from tests.support.paper_group import (
    ANNA,
    BEN,
    ENDED,
    GROUP,
    NOW,
    RUNNING,
    found,
    known,
    out,
    person,
    plan,
    row,
    settings,
)

UNREADABLE = "when the project ends"


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("members", [[ANNA], []])
def test_an_unreadable_row_is_found_and_nobody_is_acted_upon(members: list[Member], state: State) -> None:
    made = plan(
        rows=[row(ANNA, UNREADABLE)],
        members=members,
        records=[known(ANNA, state)],
        unregistered=Unregistered.OFFBOARD,
        onboard=Onboarding.ADD,
    )
    assert found(made) == [(FindingKind.INVALID_ROW, ANNA.id, None)]
    assert (made.due, made.withdraw, made.onboard) == (0, (), ())


def test_two_rows_for_one_member_are_found_and_nobody_is_acted_on() -> None:
    made = plan(rows=[row(ANNA), row(ANNA.mail, RUNNING)], members=[ANNA])
    assert made.due == 0
    assert found(made) == [
        (FindingKind.AMBIGUOUS_ROW, ANNA.id, ANNA.id),
        (FindingKind.AMBIGUOUS_ROW, ANNA.mail, ANNA.id),
    ]


def test_a_row_that_means_two_members_is_found_and_both_are_left_alone() -> None:
    members = [person(1, mail="team@contoso.example"), person(2, mail="TEAM@contoso.example")]
    made = plan(rows=[row("team@contoso.example")], members=members, unregistered=Unregistered.OFFBOARD)
    assert made.due == 0
    assert found(made) == [(FindingKind.AMBIGUOUS_ROW, "team@contoso.example", None)]


def test_two_rows_for_a_non_member_add_nobody() -> None:
    made = plan(rows=[row("a@b.example", RUNNING), row("A@b.example", ENDED)], onboard=Onboarding.ADD)
    assert not made.onboard
    assert found(made) == [(FindingKind.AMBIGUOUS_ROW, "a@b.example", None)]


def test_a_row_under_a_group_id_in_capitals_is_found_and_protects() -> None:
    stray = RegisterRow(group_id=GROUP.replace("0", "F"), row_key=ANNA.id, end_date=ENDED)
    made = plan(rows=[stray], members=[ANNA], unregistered=Unregistered.OFFBOARD)
    assert found(made) == [(FindingKind.INVALID_ROW, ANNA.id, None)]
    assert made.due == 0


def test_a_member_listed_twice_by_a_moving_page_is_one_member() -> None:
    made = plan(rows=[row(ANNA)], members=[ANNA, BEN, ANNA], unregistered=Unregistered.REPORT)
    assert (out(made), made.members) == ([ANNA.id], 2)


@pytest.mark.parametrize("key", [f"{{{ANNA.id}}}", f"<{ANNA.mail}>", ANNA.id.replace("-", "")])
def test_a_badly_written_key_protects_whom_it_means(key: str) -> None:
    made = plan(rows=[row(key, RUNNING)], members=[ANNA, BEN], unregistered=Unregistered.OFFBOARD)
    assert out(made) == [BEN.id]
    assert (FindingKind.INVALID_ROW, key, None) in found(made)


def test_one_row_under_two_spellings_of_a_guests_name_is_found() -> None:
    guest = replace(ANNA, user_principal_name="anna_x#EXT#@contoso.example")
    rows = [row("anna_x%23EXT%23@contoso.example"), row(ANNA.id, RUNNING)]
    made = plan(rows=rows, members=[guest])
    assert [finding.kind for finding in made.findings] == [FindingKind.AMBIGUOUS_ROW] * 2


def test_a_finding_stays_short_however_many_rows_mean_one_person() -> None:
    rows = [row(ANNA), *(row(f"<{ANNA.mail}{'>' * number}", RUNNING) for number in range(1, 40))]
    made = plan(rows=rows, members=[ANNA])
    ambiguous = [item for item in made.findings if item.kind is FindingKind.AMBIGUOUS_ROW]
    assert len(ambiguous) == 40
    assert all("and 36 more; keep one row" in item.detail for item in ambiguous)


# Keys that cannot be read --------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", ["\u200b", "\ufeff", "\u00ad", "\u2060", "\u202e", "\u3164", "%40"])
@pytest.mark.parametrize("unregistered", list(Unregistered))
def test_whoever_a_key_with_something_hidden_may_mean_is_left_alone(
    hidden: str, unregistered: Unregistered
) -> None:
    name, _, domain = ANNA.mail.partition("@")
    key = f"{name}{hidden}{domain}" if hidden == "%40" else f"{name}{hidden}@{domain}"
    made = plan(rows=[row(ANNA), row(key, RUNNING)], members=[ANNA], unregistered=unregistered)
    alone = plan(rows=[row(key, RUNNING)], members=[ANNA, BEN], unregistered=unregistered)

    assert out(made) == []
    assert (FindingKind.INVALID_ROW, key, None) in found(made)
    assert out(alone) == ([BEN.id] if unregistered is Unregistered.OFFBOARD else [])
    detail = next(one.detail for one in alone.findings if one.kind is FindingKind.INVALID_ROW)
    assert hidden == "%40" or ascii(hidden)[1:-1] in detail


def test_a_row_with_the_kelvin_sign_protects_kim_and_is_not_kims() -> None:
    kim = person(1, mail="kim@contoso.example")
    made = plan(rows=[row("\u212aim@contoso.example")], members=[kim], unregistered=Unregistered.OFFBOARD)
    assert out(made) == []
    assert found(made) == [(FindingKind.INVALID_ROW, "\u212aim@contoso.example", None)]


def test_a_key_in_another_normal_form_means_whoever_has_the_name() -> None:
    zoe = person(1, mail="Zoë@contoso.example")
    made = plan(rows=[row("zoe\u0308@contoso.example"), row("\u00c4@contoso.example")], members=[zoe])
    assert out(made) == [zoe.id]


def test_a_key_that_may_mean_several_people_protects_all_of_them() -> None:
    people = [person(1, mail="joann@x.example"), person(2, mail="jo-ann@x.example"), BEN]
    soft = "jo\u00adann@x.example"
    made = plan(
        rows=[row(people[0]), row(people[1]), row(BEN), row(soft, RUNNING)],
        members=people,
        unregistered=Unregistered.OFFBOARD,
    )
    assert out(made) == [BEN.id]
    both = plan(
        rows=[row(ANNA), row(BEN), row(f"{ANNA.mail};{BEN.mail}", RUNNING)],
        members=[ANNA, BEN, person(3)],
        unregistered=Unregistered.OFFBOARD,
    )
    assert out(both) == []


def test_an_unreadable_address_in_entra_makes_a_row_doubtful_and_protects() -> None:
    odd = person(1, user_principal_name="odd@contoso.example", mail="anna\u200b@x.example")
    for end in (ENDED, RUNNING):
        made = plan(rows=[row("anna@x.example", end)], members=[odd], unregistered=Unregistered.OFFBOARD)
        assert out(made) == []
        assert found(made) == [(FindingKind.AMBIGUOUS_ROW, "anna@x.example", None)]
        assert odd.id in made.findings[0].detail


# Addresses -----------------------------------------------------------------------------------------------


def test_every_address_that_entra_has_is_a_name() -> None:
    guest = person(1, mail="", other_addresses=("gus@home.example", "gus@partner.example"))
    for key in guest.other_addresses:
        assert out(plan(rows=[row(key.upper())], members=[guest])) == [guest.id]
        kept = plan(rows=[row(key, RUNNING)], members=[guest], unregistered=Unregistered.OFFBOARD)
        assert (out(kept), kept.findings) == ([], ())


def test_an_address_of_two_members_is_nobodys_wherever_entra_has_it() -> None:
    members = [person(1), person(2, other_addresses=(person(1).mail,))]
    made = plan(rows=[row(person(1).mail)], members=members, unregistered=Unregistered.OFFBOARD)
    assert out(made) == []
    assert found(made) == [(FindingKind.AMBIGUOUS_ROW, person(1).mail, None)]


def test_an_address_of_a_member_and_of_somebody_else_is_nobodys() -> None:
    snapshot = GroupSnapshot(
        group_id=GROUP, rows=[row(ANNA.mail)], members=[ANNA], namesakes={ANNA.mail: {ANNA.id, BEN.id}}
    )
    made = plan_group(snapshot, settings(unregistered=Unregistered.OFFBOARD), NOW)
    assert out(made) == []
    assert found(made) == [(FindingKind.AMBIGUOUS_ROW, ANNA.mail, None)]
    assert BEN.id in made.findings[0].detail
    only = replace(snapshot, namesakes={ANNA.mail: {ANNA.id}})
    assert out(plan_group(only, settings(), NOW)) == [ANNA.id]


@pytest.mark.parametrize(("count", "named"), [(2, "{0}, {1}"), (3, "{0}, {1}, {2}"), (4, "{0}, {1}, {2}, …")])
def test_a_row_that_means_several_members_says_how_many_and_who(count: int, named: str) -> None:
    members = [person(number, mail="team@contoso.example") for number in range(count)]
    made = plan(rows=[row("team@contoso.example")], members=members)
    [about] = [one for one in made.findings if one.row_key == "team@contoso.example"]
    assert about.detail == f"matches {count} members: " + named.format(*(member.id for member in members))


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (2, "a@x, b@x; keep one row for each person"),
        (3, "a@x, b@x, c@x; keep one row for each person"),
        (4, "a@x, b@x, c@x and 1 more; keep one row for each person"),
    ],
)
def test_rows_for_one_person_name_each_other_and_how_many_more_there_are(count: int, said: str) -> None:
    assert same_person(["d@x", "c@x", "b@x", "a@x"][-count:]) == f"means the same person as {said}"


def test_a_row_that_means_several_members_is_unusable_for_each_of_them() -> None:
    team = [replace(member, mail="team@contoso.example") for member in (ANNA, BEN)]
    matches = RowMatches.of(
        read_rows([row("team@contoso.example")], DateRules(zone=ZoneInfo("UTC"))), MemberIndex.of(team)
    )
    for member in team:
        [unusable] = matches.about(member)
        assert isinstance(unusable, InvalidRow)
        assert unusable.keys == ("team@contoso.example",)
        assert unusable.problem == f"matches 2 members: {ANNA.id}, {BEN.id}"
