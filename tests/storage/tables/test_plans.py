"""Plans that the brake holds: one approval lets one run through."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from enforcer.core.actors import Actor
from enforcer.core.plan import GroupPlan
from enforcer.storage.tables.plans import TABLE, Plans
from enforcer.storage.tables.tables import Tables
from tests.support.paper_group import ANNA, person, plan, row
from tests.support.spoiled_rows import insert

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def planned(group: str, count: int = 3) -> GroupPlan:
    """Plan the offboarding of `count` people, under a unique digest."""
    people = [person(number) for number in range(count)]
    made = plan(rows=[row(member) for member in people], members=people)
    return replace(made, group_id=group, digest=uuid4().hex * 2)


async def test_a_held_plan_is_kept_with_its_people(tables: Tables, group: str) -> None:
    plans, made = Plans(tables), planned(group, 250)
    held = await plans.hold(made, NOW, "run 1")
    assert (held.digest, held.group_id, held.people, held.members) == (made.digest, group, 250, 250)
    assert not held.is_released
    assert await plans.get(made.digest) == held
    async with tables.table(TABLE) as table:
        found = table.query_entities("PartitionKey eq @digest", parameters={"digest": made.digest})
        keys = {entity["RowKey"] async for entity in found}
    assert keys == {"plan", *(f"person-{one.user_id}" for one in made.offboard)}


async def test_somebody_who_is_in_the_plan_twice_is_kept_once(tables: Tables, group: str) -> None:
    made = planned(group)
    twice = replace(made, offboard=(*made.offboard, replace(made.offboard[0], row_key=ANNA.mail)))
    held = await Plans(tables).hold(twice, NOW, "run 1")
    assert await Plans(tables).get(made.digest) == held


async def test_an_approval_lets_one_run_through_and_no_second(tables: Tables, group: str) -> None:
    plans, made = Plans(tables), planned(group)
    held = await plans.hold(made, NOW, "run 1")
    assert not await plans.use(made.digest, "run 2")
    approved = await plans.approve(held, Actor(id="ann"), LATER, 7)
    assert approved.is_released
    assert (approved.approved_by, approved.approved_at, approved.approval) == ("ann", LATER, 7)
    assert await plans.use(made.digest, "run 3")
    assert not await plans.use(made.digest, "run 4")
    used = await plans.get(made.digest)
    assert used is not None
    assert (used.used_by, used.is_released) == ("run 3", False)


async def test_of_many_runs_at_once_one_uses_the_approval(tables: Tables, group: str) -> None:
    plans, made = Plans(tables), planned(group)
    await plans.approve(await plans.hold(made, NOW, "run 1"), Actor(id="ann"), LATER, 7)
    used = await asyncio.gather(*(plans.use(made.digest, f"run {number}") for number in range(8)))
    assert sum(used) == 1


async def test_approving_again_does_not_give_a_used_approval_back(tables: Tables, group: str) -> None:
    plans, made = Plans(tables), planned(group)
    held = await plans.hold(made, NOW, "run 1")
    await plans.approve(held, Actor(id="ann"), LATER, 7)
    await plans.use(made.digest, "run 2")
    again = await plans.approve(held, Actor(id="ben"), LATER, 7)
    assert (again.used_by, again.approved_by) == ("run 2", "ann")
    assert not await plans.use(made.digest, "run 3")


async def test_holding_it_again_keeps_an_approval_that_nobody_has_used(tables: Tables, group: str) -> None:
    plans, made = Plans(tables), planned(group)
    approved = await plans.approve(await plans.hold(made, NOW, "run 1"), Actor(id="ann"), LATER, 7)
    assert await plans.hold(made, LATER, "run 2") == replace(approved, held_at=LATER)


async def test_holding_it_again_after_it_was_used_needs_a_new_approval(tables: Tables, group: str) -> None:
    plans, made = Plans(tables), planned(group)
    await plans.approve(await plans.hold(made, NOW, "run 1"), Actor(id="ann"), LATER, 7)
    await plans.use(made.digest, "run 2")
    held = await plans.hold(made, LATER, "run 3")
    assert (held.run_id, held.approved_at, held.used_by) == ("run 3", None, "")
    assert await plans.get(made.digest) == held


async def test_the_newest_plan_of_each_group_waits_while_it_is_not_approved(
    tables: Tables, group: str
) -> None:
    plans, other = Plans(tables), str(uuid4())
    old = await plans.hold(planned(group), NOW, "run 1")
    new = await plans.hold(planned(group), LATER, "run 2")
    others = await plans.hold(planned(other), NOW, "run 3")
    assert await plans.waiting([other, group]) == [others, new]
    await plans.approve(new, Actor(id="ann"), LATER, 7)
    assert await plans.waiting([group]) == []
    assert old.digest != new.digest


async def test_a_digest_that_nobody_held_is_none(tables: Tables) -> None:
    assert await Plans(tables).get("0" * 64) is None
    assert not await Plans(tables).use("0" * 64, "run 1")


async def test_of_several_held_plans_the_one_that_was_made_last_waits(tables: Tables, group: str) -> None:
    plans, first, second = Plans(tables), planned(group), replace(planned(group), digest="e" * 64)
    await plans.hold(first, NOW, "run 1")
    await plans.approve(await plans.hold(second, LATER, "run 2"), Actor(id="ann"), LATER, 7)
    again = await plans.hold(first, LATER + (LATER - NOW), "run 3")
    assert await plans.waiting([group]) == [again]


async def test_a_damaged_plan_is_approved_by_nobody_and_hides_no_other(tables: Tables, group: str) -> None:
    plans, made = Plans(tables), planned(group)
    held = await plans.hold(made, NOW, "run 1")
    for number, spoiled in enumerate(({}, {"GroupId": group, "HeldAt": "x", "ApprovedAt": "yes"})):
        digest = f"{number}{uuid4().hex}"
        await insert(tables, TABLE, PartitionKey=digest, RowKey="plan", People="x", **spoiled)
        found = await plans.get(digest)
        assert found is not None
        assert not found.is_released
    assert await plans.waiting([group]) == [held]
