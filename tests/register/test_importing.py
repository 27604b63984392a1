"""Whole files into the register: every line, or none."""

from __future__ import annotations

from typing import Any

import pytest

from enforcer.core.actors import Actor
from enforcer.core.calendar.midnight import Midnight
from enforcer.core.contractors import RegisterRow
from enforcer.core.ledger import Action
from enforcer.register.feed.problems import FileError
from enforcer.register.feed.reading import Line
from enforcer.register.importing import midnight_ends
from tests.support.importing import import_lines
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

_ANN = Actor(id="cli:ann")
ANNA, BEN = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"


def lines(*users: str, end: str = RUNNING, **more: Any) -> list[Line]:
    rows = [RegisterRow(row_key=user, end_date=end, **more) for user in users]
    return [Line(number=number, row=row) for number, row in enumerate(rows, start=2)]


async def ends(world: World) -> dict[str, object]:
    rows = await world.services.register.whole_rows(world.group.id)
    return {row.row_key: row.end_date for row in rows}


async def problems(world: World, given: list[Line]) -> tuple[str, ...]:
    with pytest.raises(FileError) as error:
        await import_lines(world.services, given, actor=_ANN)
    return error.value.problems


async def test_new_rows_are_added_and_known_rows_changed_all_in_the_ledger(
    world: World,
) -> None:
    await world.register("Anna@x.example", ENDED, note="kept")
    await import_lines(world.services, lines("anna@X.example", "ben@x.example"), actor=_ANN)
    assert await ends(world) == {"Anna@x.example": RUNNING, "ben@x.example": RUNNING}
    assert await world.services.register.whole_row(world.group.id, "Anna@x.example") == RegisterRow(
        group_id=world.group.id, row_key="Anna@x.example", end_date=RUNNING, note="kept"
    )
    entries = await world.ledger()
    assert [(entry.action, entry.row_key) for entry in entries] == [
        (Action.REGISTER_IMPORT, "Anna@x.example"),
        (Action.REGISTER_IMPORT, "ben@x.example"),
    ]


async def test_members_answer_and_only_the_rest_are_asked_for(world: World) -> None:
    members = [world.member(f"Member {number}") for number in range(3)]
    people = [world.tenant.add_user(f"Person {number}") for number in range(25)]
    given = lines(*(user.user_principal_name for user in (*members, *people)), ANNA)
    await import_lines(world.services, given, actor=_ANN)
    calls = [entry.path.rpartition("/")[2] for entry in world.directory.sandbox.log.entries]
    assert [call for call in calls if call == "$batch"] == ["$batch"] * 2
    assert len([call for call in calls if call.startswith("members?")]) == 1


async def test_the_same_file_again_asks_nobody_and_writes_nothing(world: World) -> None:
    people = [world.tenant.add_user(f"Person {number}") for number in range(25)]
    given = lines(*(user.user_principal_name for user in people), ANNA, note="as ever")
    assert len(await import_lines(world.services, given, actor=_ANN)) == 26
    world.directory.sandbox.log.entries.clear()
    assert await import_lines(world.services, given, actor=_ANN) == []
    assert len(world.directory.sandbox.log.entries) == 1
    assert len(await world.ledger()) == 26


async def test_two_lines_for_one_person_are_refused_whatever_the_register_holds(world: World) -> None:
    anna, ben = world.tenant.add_user("Anna", mail="anna@x.example"), world.tenant.add_user("Ben")
    gina = world.guest("Gina")
    twice = lines(
        *(anna.id, anna.user_principal_name, ben.user_principal_name, gina.mail or ""),
        *(gina.user_principal_name, ben.id.upper()),
    )
    same = [
        f"line 3: {anna.user_principal_name} means the same person as line 2",
        f"line 6: {gina.user_principal_name} means the same person as line 5",
        f"line 7: {ben.id.upper()} means the same person as line 4",
    ]
    assert list(await problems(world, twice)) == same
    await world.register(anna.id, ENDED)
    assert list(await problems(world, twice)) == same
    await world.register(gina.mail or "", ENDED)
    assert list(await problems(world, twice)) == same
    assert await ends(world) == {anna.id: ENDED, gina.mail: ENDED}


async def test_one_person_may_be_named_differently_in_two_groups(world: World) -> None:
    anna = world.tenant.add_user("Anna", mail="anna@x.example")
    other = world.tenant.add_group("Others")
    world.configure(group_ids=(world.group.id, other.id))
    given = [*lines(anna.id, group_id=world.group.id), *lines("anna@x.example", group_id=other.id)]
    await import_lines(world.services, given, actor=_ANN)
    assert await ends(world) == {anna.id: RUNNING}
    (row,) = await world.services.register.whole_rows(other.id)
    assert row.row_key == "anna@x.example"
    assert [entry.row_key for entry in await world.ledger()] == [anna.id]
    assert [link.entry.row_key async for link in world.services.ledger.links(other.id)] == [row.row_key]


async def test_a_line_is_imported_whole_and_its_importer_is_in_the_ledger(world: World) -> None:
    said = {
        "start_date": "2026-01-01",
        "display_name": "Anna Berg",
        "company": "X",
        "sponsor": "boss@x.example",
        "note": "from HR",
    }
    await import_lines(world.services, lines(ANNA, **said), actor=_ANN)
    [row] = await world.services.register.whole_rows(world.group.id)
    written = {name: getattr(row, name) for name in said}
    assert (row.row_key, row.end_date, written) == (ANNA, RUNNING, said)
    [entry] = await world.ledger()
    assert (entry.actor, entry.user, entry.end_date, entry.outcome) == ("cli:ann", ANNA, RUNNING, "written")


async def test_an_end_before_the_start_of_the_row_is_refused(world: World) -> None:
    await world.register("anna@x.example", RUNNING, start_date="2098-01-01")
    await world.register("ben@x.example", RUNNING, start_date="soon")
    given = lines("ben@x.example", "anna@x.example", end="2097-12-31")
    (problem,) = await problems(world, given)
    assert problem.startswith("line 3: the start date 2098-01-01 is not before the end")
    given = lines("ben@x.example", "anna@x.example", end="2097-12-31", start_date="2097-01-01")
    await import_lines(world.services, given, actor=_ANN)
    assert set((await ends(world)).values()) == {"2097-12-31"}


async def test_nobody_gets_a_second_row_under_another_name(world: World) -> None:
    anna = world.tenant.add_user("Anna", mail="anna@x.example")
    await world.register(anna.id, ENDED)
    await import_lines(world.services, lines("anna@x.example", "new@x.example"), actor=_ANN)
    assert await ends(world) == {anna.id: RUNNING, "new@x.example": RUNNING}


async def test_a_guests_user_principal_name_becomes_their_object_id(world: World) -> None:
    gina = world.guest("Gina")
    await import_lines(world.services, lines(gina.user_principal_name), actor=_ANN)
    assert await ends(world) == {gina.id: RUNNING}


async def test_every_line_that_cannot_be_used_is_named_and_nothing_is_written(world: World) -> None:
    anna = world.tenant.add_user("Anna", mail="anna@x.example")
    await world.register(anna.id, ENDED)
    twice = world.tenant.add_user("Ben", mail="both@x.example")
    world.tenant.add_user("Bea", mail="both@x.example")
    found = await problems(
        world, lines("nobody#EXT#@x.example", "both@x.example", "anna@x.example", anna.user_principal_name)
    )
    assert [problem.partition(":")[0] for problem in found] == ["line 2", "line 3", "line 5"]
    assert "nobody" in found[0]
    assert twice.id in found[1]
    assert "means the same person as line 4" in found[2]
    assert await ends(world) == {anna.id: ENDED}
    assert await world.ledger() == []


async def test_a_large_file_is_imported_whole(world: World) -> None:
    users = [f"user{number}@x.example" for number in range(250)]
    await import_lines(world.services, lines(*users), actor=_ANN)
    assert len(await ends(world)) == 250
    assert len(await world.ledger()) == 250


@pytest.mark.parametrize("midnight", Midnight)
async def test_ends_at_midnight_are_written_unchanged_with_a_warning(
    world: World, midnight: Midnight
) -> None:
    world.configure(midnight=midnight)
    given = [
        *lines("anna@x.example", "ben@x.example", end="2098-12-31T00:00:00Z"),
        *lines("cem@x.example", end="2020-12-31T00:00:00Z"),
        *lines("dan@x.example", end="2098-12-31"),
    ]

    await import_lines(world.services, given, actor=_ANN)

    assert (await ends(world))["anna@x.example"] == "2098-12-31T00:00:00Z"
    told = midnight_ends(given, world.services.settings.date_rules, world.clock())
    means = {
        Midnight.INSTANT: "access ends at 2098-12-31 00:00 in UTC and does not last through 2098-12-31",
        Midnight.DAY: "reads it as the whole of 2098-12-31, so access ends at 2099-01-01 00:00 in UTC",
    }
    assert [line.partition(": ")[0] for line in told] == ["line 2", "line 3"]
    assert all(means[midnight] in line for line in told)
