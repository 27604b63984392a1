"""A queued offboarding: only what a run asks for, by whom the run names, until it is done."""

from __future__ import annotations

import pytest

from enforcer.core.actors import Actor
from enforcer.core.exceptions import HeldError, InputError
from enforcer.core.runs import Run, RunKind, RunState
from enforcer.offboarding.queued import work_off
from enforcer.storage.queues import OFFBOARDINGS, OffboardMessage
from enforcer.sweep.approval import approve
from tests.support.leaving import RUN_ID, offboard, run_of
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def _asked(world: World, user: str) -> OffboardMessage:
    run = Run(
        run_id=RUN_ID,
        group_id=world.group.id,
        kind=RunKind.OFFBOARD,
        started_at=world.clock(),
        mode="enforce",
        reason="left",
        actor="user:olga",
        asked_for=(user,),
    )
    await world.services.runs.ask(run)
    return OffboardMessage(user=user, run_id=RUN_ID)


async def test_the_run_says_who_asked_and_why_whatever_the_message_claims(world: World) -> None:
    anna = world.member("Anna")
    message = await _asked(world, anna.id)
    await work_off(world.services, OffboardMessage(user=message.user, run_id=RUN_ID, reason="forged"))
    run = await run_of(world)
    assert (run.state, run.actor, run.reason, run.removed) == (RunState.COMPLETE, "user:olga", "left", 1)
    assert {entry.actor for entry in await world.ledger()} == {"user:olga"}
    assert run.asked_for == (anna.id,)


@pytest.mark.parametrize("is_asked_for", [True, False])
async def test_a_message_for_which_no_run_asks_offboards_nobody(world: World, *, is_asked_for: bool) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    if is_asked_for:
        await _asked(world, ben.id)
    with pytest.raises(InputError, match="no run in table runs asks for this offboarding"):
        await work_off(world.services, OffboardMessage(user=anna.id, run_id=RUN_ID))
    assert world.member_ids() == {anna.id, ben.id}
    assert world.graph_writes() == []


async def test_what_the_brake_holds_waits_in_the_queue_for_its_approval(world: World) -> None:
    world.configure(brake_count=0, brake_percent=0.0)
    anna, ben = world.member("Anna"), world.member("Ben")
    await offboard(world, anna, "20261123T110000-abcdef")
    message = await _asked(world, ben.id)
    before = await world.services.queues.waiting(OFFBOARDINGS)

    await work_off(world.services, message)

    run = await run_of(world)
    assert (run.held, ben.id in world.member_ids()) == (True, True)
    assert await world.services.queues.waiting(OFFBOARDINGS) == before + 1
    await approve(world.services, run.digest, actor=Actor(id="user:somebody-else"))
    await work_off(world.services, message)
    assert world.member_ids() == set()


async def test_what_is_held_to_the_last_is_given_up(world: World) -> None:
    world.configure(brake_count=0, brake_percent=0.0)
    anna, ben = world.member("Anna"), world.member("Ben")
    await offboard(world, anna, "20261123T110000-abcdef")
    message = await _asked(world, ben.id)
    with pytest.raises(HeldError):
        await work_off(world.services, OffboardMessage(user=ben.id, run_id=message.run_id, attempt=100))
