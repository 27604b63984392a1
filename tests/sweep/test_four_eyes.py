from __future__ import annotations

import pytest

from enforcer.core.actors import Actor
from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import FourEyesError
from enforcer.core.settings import FourEyes
from enforcer.register import changes
from enforcer.register.allowed import Allowed
from enforcer.sweep.approval import approve
from sandbox.directory.objects import User
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

_AUTHOR, _ASKER, _OTHER = (Actor(id=f"user:{name}") for name in ("author", "asker", "other"))


@pytest.fixture
async def people(world: World) -> list[User]:
    """Three people whose access the author ends, more than the brake lets through."""
    world.configure(brake_count=1, brake_percent=0.0)
    people = [world.member(f"Person {number}") for number in range(3)]
    for person in people:
        await world.register(person.id, RUNNING)
    return people


async def _end(world: World, person: User, actor: Actor) -> None:
    row = RegisterRow(row_key=person.id, end_date=ENDED)
    await changes.add(world.services, row, actor=actor, allowed=Allowed(past=True))


async def _held(world: World, asker: Actor = _ASKER) -> str:
    report = await world.sweep_as(asker)
    assert report.run.held
    return report.run.digest


async def test_author_of_one_change_in_a_plan_cannot_approve_it(world: World, people: list[User]) -> None:
    await _end(world, people[0], _AUTHOR)
    for person in people[1:]:
        await world.register(person.id, ENDED)
    digest = await _held(world)

    with pytest.raises(FourEyesError, match="you changed 1 of the rows"):
        await approve(world.services, digest, actor=_AUTHOR)
    assert (await world.sweep()).run.held

    await approve(world.services, digest, actor=_OTHER)
    assert (await world.sweep()).run.removed == 3


async def test_author_stays_one_after_somebody_else_touched_the_row(world: World, people: list[User]) -> None:
    for person in people:
        await _end(world, person, _AUTHOR)
        await changes.add(
            world.services, RegisterRow(row_key=person.id, end_date=ENDED, note="x"), actor=_OTHER
        )
    digest = await _held(world)
    for actor in (_AUTHOR, _OTHER):
        with pytest.raises(FourEyesError):
            await approve(world.services, digest, actor=actor)


async def test_author_of_an_older_end_may_approve(world: World, people: list[User]) -> None:
    for person in people:
        await changes.add(world.services, RegisterRow(row_key=person.id, end_date="2098-01-31"), actor=_OTHER)
        await _end(world, person, _AUTHOR)
    [plan] = await approve(world.services, await _held(world), actor=_OTHER)
    assert plan.approved_by == _OTHER.id


async def test_asker_of_the_run_that_made_a_plan_cannot_approve_it(world: World, people: list[User]) -> None:
    for person in people:
        await world.register(person.id, ENDED)
    digest = await _held(world)
    with pytest.raises(FourEyesError, match="you asked for the run"):
        await approve(world.services, digest, actor=_ASKER)
    await approve(world.services, digest, actor=_OTHER)


async def test_with_four_eyes_off_whoever_caused_a_plan_approves_it(world: World, people: list[User]) -> None:
    world.configure(four_eyes=FourEyes.OFF)
    for person in people:
        await _end(world, person, _AUTHOR)
    [plan] = await approve(world.services, await _held(world, _AUTHOR), actor=_AUTHOR)
    assert plan.approved_by == _AUTHOR.id
