"""Rows that somebody orders to be added, changed or removed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from enforcer.core.actors import Actor
from enforcer.core.calendar.midnight import Midnight
from enforcer.core.contractors import Contractor, RegisterRow, read_row
from enforcer.core.exceptions import AmbiguousError, InputError, NotFoundError, UnavailableError
from enforcer.core.ledger import Action, EntryOutcome
from enforcer.core.ledger_entries import Context
from enforcer.register import changes
from sandbox.directory import Effect, Fault
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

OTHER_GROUP = "99999999-8888-7777-6666-555555555555"


async def rows(world: World) -> list[RegisterRow]:
    return await world.services.register.whole_rows(world.group.id)


async def add(world: World, user: str, end: str = RUNNING, **more: Any) -> tuple[RegisterRow, Action]:
    wanted = RegisterRow(row_key=user, end_date=end, **more)
    return await changes.add(world.services, wanted, actor=Actor(id="cli:ann"))


async def test_a_person_is_registered_under_their_object_id_with_their_name(world: World) -> None:
    anna = world.tenant.add_user("Anna Berg")
    saved = await add(world, anna.user_principal_name.upper(), company="X", sponsor="boss@x.example")
    assert saved == ((await rows(world))[0], Action.REGISTER_ADD)
    assert await rows(world) == [
        RegisterRow(
            group_id=world.group.id,
            row_key=anna.id,
            end_date=RUNNING,
            display_name="Anna Berg",
            company="X",
            sponsor="boss@x.example",
        )
    ]
    (entry,) = await world.ledger()
    assert (entry.action, entry.actor, entry.user) == (Action.REGISTER_ADD, "cli:ann", anna.id)
    assert entry.end_date == RUNNING


async def test_whoever_has_a_row_under_another_name_keeps_it_and_what_is_in_it(world: World) -> None:
    anna = world.tenant.add_user("Anna Berg")
    key = (anna.mail or "").title()
    await world.register(key, ENDED, display_name="Dr. Berg", company="X", start_date="2019-01-01")
    _, action = await add(world, anna.id, company="Y")
    assert action is Action.REGISTER_EXTEND
    assert await rows(world) == [
        RegisterRow(
            group_id=world.group.id,
            row_key=key,
            end_date=RUNNING,
            start_date="2019-01-01",
            display_name="Dr. Berg",
            company="Y",
        )
    ]


async def test_a_row_is_extended_by_any_name_of_the_person(world: World) -> None:
    anna = world.tenant.add_user("Anna Berg", mail="anna@x.example")
    await world.register(anna.id, ENDED, note="kept")
    for number, name in enumerate((anna.id.upper(), anna.user_principal_name, "ANNA@x.example")):
        saved = await changes.extend(
            world.services, name, f"2099-01-0{number + 1}", actor=Actor(id="cli:ann")
        )
        assert (saved.end_date, saved.note) == (f"2099-01-0{number + 1}", "kept")
    assert [entry.action for entry in await world.ledger()] == [Action.REGISTER_EXTEND] * 3


async def test_a_date_of_any_type_is_replaced(world: World) -> None:
    anna = world.tenant.add_user("Anna Berg")
    await world.register(anna.id, datetime(2020, 1, 31, tzinfo=UTC))
    await changes.extend(world.services, anna.id, RUNNING, actor=Actor(id="cli:ann"))
    assert (await rows(world))[0].end_date == RUNNING


async def test_a_row_whose_person_entra_does_not_know_is_found_by_its_key(world: World) -> None:
    await world.register("gone@x.example", ENDED)
    await changes.extend(world.services, "Gone@X.example", RUNNING, actor=Actor(id="cli:ann"))
    assert (await rows(world))[0].end_date == RUNNING
    await changes.remove(world.services, "gone@x.example", actor=Actor(id="cli:ann"))
    assert await rows(world) == []
    assert [entry.action for entry in await world.ledger()] == [
        Action.REGISTER_EXTEND,
        Action.REGISTER_REMOVE,
    ]


async def test_what_is_not_there_cannot_be_changed(world: World) -> None:
    anna = world.tenant.add_user("Anna Berg")
    for name in (anna.id, "nobody@x.example"):
        with pytest.raises(NotFoundError):
            await changes.extend(world.services, name, RUNNING, actor=Actor(id="cli:ann"))
        with pytest.raises(NotFoundError):
            await changes.remove(world.services, name, actor=Actor(id="cli:ann"))
    with pytest.raises(NotFoundError):
        await add(world, "nobody@x.example")


async def test_row_of_whoever_entra_does_not_know_can_be_changed_by_its_key(world: World) -> None:
    await world.register("future@x.example", ENDED)
    row, action = await add(world, "Future@x.example", RUNNING)
    assert (row.row_key, row.end_date, action) == ("future@x.example", RUNNING, Action.REGISTER_EXTEND)
    assert len(await rows(world)) == 1


async def test_a_person_with_two_rows_has_to_be_named_by_a_rows_key(world: World) -> None:
    anna = world.tenant.add_user("Anna Berg", mail="anna@x.example")
    await world.register(anna.id, ENDED)
    await world.register("anna@x.example", ENDED)
    with pytest.raises(AmbiguousError, match=r"several rows"):
        await add(world, anna.id)
    with pytest.raises(AmbiguousError, match=r"several rows"):
        await changes.remove(world.services, anna.user_principal_name, actor=Actor(id="cli:ann"))
    await changes.remove(world.services, "anna@x.example", actor=Actor(id="cli:ann"))
    assert [row.row_key for row in await rows(world)] == [anna.id]


@pytest.mark.parametrize(
    ("end", "start", "field"),
    [
        ("31.12.2099", "", "end_date"),
        ("2099-02-30", "", "end_date"),
        ("", "", "end_date"),
        (RUNNING, "soon", "start_date"),
        (RUNNING, "2099-02-01", "start_date"),
    ],
)
async def test_unusable_dates_are_refused_before_any_call(
    world: World, end: str, start: str, field: str
) -> None:
    with pytest.raises(InputError) as error:
        await add(world, "anna@x.example", end, start_date=start)
    assert error.value.field == field
    assert world.directory.sandbox.log.entries == []


@pytest.mark.parametrize("end", ["soon", "2099-02-30", ""])
async def test_an_end_that_cannot_be_acted_upon_extends_nobody(world: World, end: str) -> None:
    anna = world.tenant.add_user("Anna Berg")
    await world.register(anna.id, ENDED)
    with pytest.raises(InputError) as error:
        await changes.extend(world.services, anna.id, end, actor=Actor(id="cli:ann"))
    assert error.value.field == "end_date"
    assert [row.end_date for row in await rows(world)] == [ENDED]
    assert await world.ledger() == []


async def test_rows_ended_now_are_in_register_and_ledger_and_ended_rows_stay(
    world: World,
) -> None:
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    await world.register("ended@x.example", "2026-11-22", note="old")
    await world.register("running@x.example", RUNNING, note="kept", start_date="2026-11-23")
    await world.register("later@x.example", RUNNING, start_date="2026-11-23T12:00:00Z")
    await world.register("odd@x.example", "some day")
    before = {row.row_key: row for row in await rows(world)}
    context = Context(group_id="", run_id="run", actor="cli:ann", note="left")

    ended = await changes.end_rows(world.services, list(before.values()), "user-id", at, context)

    assert {row.row_key for row in ended} == {"running@x.example", "later@x.example", "odd@x.example"}
    after = {row.row_key: row for row in await rows(world)}
    assert after["ended@x.example"] == before["ended@x.example"]
    for key, note, start in (
        ("running@x.example", "kept | offboarded at 2026-11-23T12:00:00Z by cli:ann: left", "2026-11-23"),
        (
            "later@x.example",
            "offboarded at 2026-11-23T12:00:00Z by cli:ann: left (StartDate was 2026-11-23T12:00:00Z)",
            "",
        ),
        ("odd@x.example", "offboarded at 2026-11-23T12:00:00Z by cli:ann: left", ""),
    ):
        row = after[key]
        assert (row.end_date, row.note, row.start_date or "") == (at, note, start)
    entries = {entry.row_key: entry for entry in await world.ledger()}
    assert entries.keys() == {row.row_key for row in ended}
    assert {
        (entry.action, entry.user, entry.run, entry.actor, entry.note, entry.end_date, entry.outcome)
        for entry in entries.values()
    } == {
        (
            Action.REGISTER_END,
            "user-id",
            "run",
            "cli:ann",
            "left",
            "2026-11-23T12:00:00Z",
            EntryOutcome.ENDED,
        ),
    }


async def test_with_several_managed_groups_one_has_to_be_named(world: World) -> None:
    world.configure(group_ids=(world.group.id, OTHER_GROUP))
    services = world.services
    anna = world.tenant.add_user("Anna Berg")
    with pytest.raises(InputError, match="several managed groups"):
        await add(world, anna.id)
    with pytest.raises(InputError, match="is not a managed group"):
        await add(world, anna.id, group_id=anna.id)
    for group_id in (world.group.id, OTHER_GROUP.upper()):
        await add(world, anna.id, group_id=group_id)
    with pytest.raises(AmbiguousError):
        await changes.find_row(services, anna.id)
    assert (await changes.find_row(services, anna.id, OTHER_GROUP)).group_id == OTHER_GROUP


async def test_nothing_is_written_while_entra_does_not_answer(world: World) -> None:
    world.directory.sandbox.faults.add(Fault(path="/users", effect=Effect.DROP, times=None))
    with pytest.raises(UnavailableError):
        await add(world, "anna@x.example")
    assert await rows(world) == []


async def test_an_end_before_the_start_of_the_row_is_refused(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, "2099-12-31", start_date="2099-01-01")
    with pytest.raises(InputError, match="not before the end"):
        await changes.extend(world.services, anna.id, "2098-12-31", actor=Actor(id="ann"))
    row = await world.services.register.whole_row(world.group.id, anna.id)
    assert row is not None
    assert row.end_date == "2099-12-31"


async def test_registering_again_with_an_end_before_the_start_needs_a_new_start(
    world: World,
) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, "2099-12-31", start_date="2099-01-01")
    with pytest.raises(InputError, match="not before the end"):
        await add(world, anna.id, "2098-12-31")
    assert [row.end_date for row in await rows(world)] == ["2099-12-31"]
    assert await world.ledger() == []
    await add(world, anna.id, "2098-12-31", start_date="2098-01-01")
    assert [(row.start_date, row.end_date) for row in await rows(world)] == [("2098-01-01", "2098-12-31")]


async def test_a_start_that_cannot_be_read_keeps_nobody_from_extending(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED, start_date="soon")
    saved = await changes.extend(world.services, anna.id, RUNNING, actor=Actor(id="ann"))
    assert saved.end_date == RUNNING


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"sponsor": "not a mail"}, "sponsor"),
        ({"note": "x" * 4001}, "note"),
        ({"company": "a\nb"}, "company"),
        ({"display_name": "\x1b[31m"}, "display_name"),
        ({"company": "a\u2028b"}, "company"),
        ({"note": "\udcff"}, "note"),
    ],
)
async def test_texts_that_could_not_be_kept_mailed_or_exported_are_refused(
    world: World, details: dict[str, str], field: str
) -> None:
    anna = world.member("Anna")
    with pytest.raises(InputError) as refused:
        await add(world, anna.id, **details)
    assert refused.value.field == field
    assert await world.services.register.whole_row(world.group.id, anna.id) is None


@pytest.mark.parametrize("name", ["山田\u3000太郎", "Société\u00a0X", "می\u200cشود", "Anna 👩\u200d💻"])
async def test_names_of_all_peoples_are_kept_as_they_are(world: World, name: str) -> None:
    anna = world.member("Anna")
    saved, _ = await add(world, anna.id, display_name=name, company=name, note=name)
    assert (saved.display_name, saved.note) == (name, name)


async def test_rows_that_end_now_have_ended_also_where_midnight_means_a_day(world: World) -> None:
    world.configure(midnight=Midnight.DAY)
    await world.register("anna@x.example", "2026-12-31T00:00:00Z")
    midnight = datetime(2026, 12, 31, tzinfo=UTC)
    context = Context(group_id=world.group.id, run_id="run", actor="cli:ann", note="left")

    ended = await changes.end_rows(world.services, await rows(world), "someone", midnight, context)

    assert [row.row_key for row in ended] == ["anna@x.example"]
    (row,) = await rows(world)
    read = read_row(row, world.services.settings.date_rules)
    assert isinstance(read, Contractor)
    assert read.is_due(midnight)
    (entry,) = await world.ledger()
    assert entry.end_date == read.end_date == "2026-12-30T23:59:59.999999Z"


async def test_where_midnight_means_a_day_a_start_on_that_day_is_before_the_end(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    day = {"end": "2098-12-31T00:00:00Z", "start_date": "2098-12-31"}
    with pytest.raises(InputError, match="not before the end of access"):
        await add(world, anna.id, **day)
    world.configure(midnight=Midnight.DAY)
    assert (await add(world, anna.id, **day))[0].end_date == "2098-12-31T00:00:00Z"
