"""The night names who is due because somebody has brought their end forward past the enforcer."""

from __future__ import annotations

import pytest

from enforcer.core.actors import Actor
from enforcer.core.ledger import Action
from enforcer.core.plan import Finding, FindingKind
from enforcer.core.runs import Occasion, Report
from enforcer.register.changes import entry_of
from enforcer.sweep.sweep import SweepRequest, sweep
from sandbox.directory.objects import User
from tests.support.people import stayers
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


async def night(world: World) -> Report:
    return await _sweep(world, Occasion.NIGHTLY)


async def _sweep(world: World, reason: str) -> Report:
    report = await sweep(world.services, SweepRequest(group_id=world.group.id, actor="timer", reason=reason))
    world.clock.advance(days=1)
    return report


def moved(report: Report) -> list[Finding]:
    return [found for found in report.findings if found.kind is FindingKind.END_MOVED]


async def change(world: World, user: User, end: str) -> None:
    """Change a row through the enforcer, which leaves an entry."""
    await world.register(user.id, end)
    [row] = await world.services.register.named(world.group.id, {user.id})
    entry = entry_of(row, Action.REGISTER_END, Actor(id="user:ann"), world.clock())
    await world.services.ledger.append(world.group.id, [entry])


async def test_an_end_that_was_brought_forward_is_named_once(world: World) -> None:
    anna, ben = await stayers(world, 2)
    assert moved(await night(world)) == []
    await world.register(anna.id, ENDED)

    report = await night(world)

    [found] = moved(report)
    assert (found.row_key, found.user_id) == (anna.id, anna.id)
    assert f"from 2099-02-01T00:00:00Z to {ENDED}" in found.detail
    assert (report.run.moved_ends, report.run.removed) == (1, 1)
    assert moved(await night(world)) == []
    assert world.member_ids() == {ben.id}


async def test_who_was_removed_before_the_night_is_named_by_it_too(world: World) -> None:
    [anna] = await stayers(world, 1)
    await night(world)
    await world.register(anna.id, ENDED)

    assert len(moved(await _sweep(world, "asked for"))) == 1
    assert len(moved(await night(world))) == 1


async def test_a_change_through_the_enforcer_is_only_counted(world: World) -> None:
    [anna] = await stayers(world, 1)
    await night(world)
    await change(world, anna, ENDED)

    report = await night(world)

    assert (moved(report), report.run.moved_ends, report.run.removed) == ([], 1, 1)


async def test_other_moves_are_only_counted(world: World) -> None:
    anna, ben, carl = await stayers(world, 3)
    await night(world)
    await world.register(anna.id, "2099-02-28")
    await world.register(ben.id, "2098-02-28")
    await world.register((world.tenant.add_user("New")).id, ENDED)

    report = await night(world)

    assert (moved(report), report.run.moved_ends) == ([], 2)
    assert carl.id in world.member_ids()


async def test_a_held_night_names_them_until_it_is_released(world: World) -> None:
    users = await stayers(world, 12)
    await night(world)
    for user in users:
        await world.register(user.id, ENDED)

    for _ in range(2):
        report = await night(world)
        assert (report.run.held, len(moved(report))) == (True, 12)


async def test_a_register_without_a_night_before_has_no_moved_ends(world: World) -> None:
    [anna] = await stayers(world, 1)
    await world.register(anna.id, ENDED)
    assert moved(await night(world)) == []


async def test_the_plan_on_hold_says_who_asked_and_whose_changes_are_in_it(world: World) -> None:
    users = await stayers(world, 12)
    await change(world, users[0], RUNNING)
    await night(world)
    for user in users[1:]:
        await change(world, user, ENDED)
    await world.register(users[0].id, ENDED)

    assert (await night(world)).run.held

    [held] = await world.services.plans.waiting([world.group.id])
    assert (held.asked_by, held.causes) == ("timer", ("user:ann",))
