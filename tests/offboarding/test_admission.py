"""Letting people through the brake: counted over a day, in one step with the decision."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from enforcer.core.begun_entries import Beginning, Begun
from enforcer.core.brake import Way
from enforcer.core.ledger import Action
from enforcer.offboarding.admission import Admitted, Held, admit, would_be_held
from enforcer.services import open_services
from enforcer.storage.tables.begun import read_begun_facts
from tests.support.ledger_entries import break_in, delete, forge_head
from tests.support.world import World

pytestmark = pytest.mark.anyio


def people(count: int, start: int = 0) -> tuple[str, ...]:
    return tuple(f"{number:08x}-0000-4000-8000-000000000000" for number in range(start, start + count))


def beginning(
    world: World, count: int, start: int = 0, *, members: int = 40, approved: str = ""
) -> Beginning:
    return Beginning(
        way=Way.OFFBOARD,
        group_id=world.group.id,
        run_id="20261123T003000-aaaaaa",
        actor="test",
        people=people(count, start),
        members=members,
        at=world.clock(),
        approved=approved,
        approval=7 if approved else 0,
    )


async def begun(world: World, *named: int) -> Begun:
    services = world.services
    return await read_begun_facts(services.tables, services.ledger, world.group.id, world.clock(), named)


async def test_people_are_let_through_until_both_bounds_are_passed(world: World) -> None:
    assert isinstance(await admit(world.services, beginning(world, 9)), Admitted)
    assert await admit(world.services, beginning(world, 2, 9, members=31)) == Held(people=11, members=40)
    assert isinstance(await admit(world.services, beginning(world, 1, 9, members=31)), Admitted)
    assert isinstance(await would_be_held(world.services, beginning(world, 1, 10)), Held)
    assert (await world.services.ledger.window(world.group.id)).people == 10

    world.clock.advance(hours=22)
    assert isinstance(await admit(world.services, beginning(world, 10, 10)), Admitted)


async def test_the_ledger_names_everybody_before_anything_is_done(world: World) -> None:
    admitted = await admit(world.services, beginning(world, 1_700, members=100_000))

    assert isinstance(admitted, Admitted)
    entries = await world.ledger()
    assert [(one.action, one.outcome) for one in entries] == [
        (Action.BEGIN, f"offboard: {count} of 100000 members") for count in (810, 810, 80)
    ]
    assert admitted.sequences[people(1)[0]] == 1
    assert admitted.sequences[people(1, 1_699)[0]] == 3
    assert await break_in(world.services.ledger, world.group.id) is None
    known = await begun(world)
    assert known.names(Way.OFFBOARD, people(1, 1_699)[0], 3)
    assert not known.names(Way.OFFBOARD, people(1, 1_699)[0], 1)
    assert not known.names(Way.ONBOARD, people(1, 1_699)[0], 3)


async def test_whom_an_approval_releases_does_not_count(world: World) -> None:
    released = beginning(world, 30, approved="a" * 64)
    assert isinstance(await admit(world.services, released), Admitted)
    assert isinstance(await admit(world.services, beginning(world, 10, 30)), Admitted)
    assert isinstance(await admit(world.services, beginning(world, 1, 40)), Held)
    assert (await begun(world)).has_used("a" * 64, 7)
    assert not (await begun(world)).has_used("a" * 64, 8)
    assert not (await begun(world)).has_used("b" * 64, 7)


async def test_two_processes_do_not_let_through_what_each_of_them_may(world: World) -> None:
    async with (
        open_services(world.services.settings, now=world.clock) as one,
        open_services(world.services.settings, now=world.clock) as other,
    ):
        tried = [
            admit(services, beginning(world, 3, 3 * number))
            for number, services in enumerate([one, other] * 5)
        ]
        results = await asyncio.gather(*tried)

    assert sum(isinstance(result, Admitted) for result in results) == 3
    assert (await world.services.ledger.window(world.group.id)).people == 9


async def test_the_window_survives_a_restart_and_other_entries(world: World) -> None:
    await admit(world.services, beginning(world, 10))
    entry = replace((await world.ledger())[0], action=Action.PROOF, note="")
    await world.services.ledger.append(world.group.id, [entry])

    async with open_services(world.services.settings, now=world.clock) as restarted:
        assert isinstance(await admit(restarted, beginning(world, 1, 10)), Held)


@pytest.mark.parametrize("window", ["", "[]broken", 7])
async def test_a_window_that_cannot_be_read_is_recreated(world: World, window: object) -> None:
    await admit(world.services, beginning(world, 10))
    await forge_head(world.services.tables, world.group.id, Window=window)
    assert isinstance(await admit(world.services, beginning(world, 1, 10)), Held)


async def test_a_head_that_was_deleted_or_turned_back_empties_no_window(world: World) -> None:
    await admit(world.services, beginning(world, 5))
    await delete(world.services.tables, world.group.id, "head")
    async with open_services(world.services.settings, now=world.clock) as services:
        assert isinstance(await admit(services, beginning(world, 5, 5)), Admitted)
        assert isinstance(await admit(services, beginning(world, 1, 10)), Held)
    await forge_head(world.services.tables, world.group.id, Sequence=0, Hash="0" * 64, Window="[]")
    async with open_services(world.services.settings, now=world.clock) as services:
        assert isinstance(await admit(services, beginning(world, 1, 10)), Held)


async def test_a_clock_that_jumps_empties_no_window(world: World) -> None:
    await admit(world.services, beginning(world, 10))
    world.clock.advance(hours=-50)
    assert isinstance(await admit(world.services, beginning(world, 1, 10)), Held)
    world.clock.advance(days=400)
    assert isinstance(await admit(world.services, beginning(world, 1, 11)), Admitted)
    world.clock.advance(days=-399, hours=5)
    assert isinstance(await admit(world.services, beginning(world, 1, 12)), Held)


async def test_who_was_let_through_and_never_recorded_is_known(world: World) -> None:
    admitted = await admit(world.services, beginning(world, 2))
    assert isinstance(admitted, Admitted)
    anna, ben = people(2)
    assert (await begun(world)).left_over(Way.OFFBOARD, anna)
    assert not (await begun(world)).left_over(Way.OFFBOARD, anna, admitted.sequences[anna])
    removed = replace((await world.ledger())[0], action=Action.REMOVE, user=anna, outcome="removed", note="")
    failed = replace(removed, user=ben, outcome="failed: 503")
    await world.services.ledger.append(world.group.id, [removed, failed])

    known = await begun(world)
    assert not known.left_over(Way.OFFBOARD, anna)
    assert known.left_over(Way.OFFBOARD, ben)


async def test_an_entry_of_long_ago_is_read_where_a_record_names_it(world: World) -> None:
    await admit(world.services, beginning(world, 1))
    world.clock.advance(days=30)
    [anna] = people(1)
    assert not (await begun(world)).names(Way.OFFBOARD, anna, 1)
    assert (await begun(world, 1, 2, 0, -5)).names(Way.OFFBOARD, anna, 1)


async def test_an_entry_that_was_changed_names_nobody(world: World) -> None:
    await admit(world.services, beginning(world, 1))
    async with world.services.tables.table("ledger") as table:
        entity = dict(await table.get_entity(world.group.id, "000000000001"))
        await table.update_entity(entity | {"Note": people(1, 7)[0]})
    assert not (await begun(world)).names(Way.OFFBOARD, people(1, 7)[0], 1)
