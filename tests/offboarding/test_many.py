"""Several people at once: each is told about, one decision of the brake, one approval."""

from __future__ import annotations

import pytest

from enforcer.core.actors import Actor
from enforcer.core.batch_answer import BatchAnswer, PersonStatus
from enforcer.core.exceptions import InputError
from enforcer.core.runs import RunState
from enforcer.core.settings import Disable
from enforcer.offboarding.many import BatchRequest, offboard_many
from enforcer.offboarding.undo import last_run, plan_undo, undo
from enforcer.sweep.approval import approve
from sandbox.directory import Fault
from tests.support.leaving import RUN_ID
from tests.support.world import RUNNING, World

pytestmark = pytest.mark.anyio


async def _offboard(world: World, *users: str, run_id: str = RUN_ID) -> BatchAnswer:
    request = BatchRequest(users=users, reason="breach", actor="cli:ann", run_id=run_id)
    return await offboard_many(world.services, request)


def _statuses(answer: BatchAnswer) -> list[str]:
    return [person.status for person in answer.people]


async def test_one_wrong_name_holds_up_nobody_and_each_is_told_about(world: World) -> None:
    boss, stranger = world.member("Boss"), world.tenant.add_user("Break Glass")
    world.configure(protected_ids=frozenset({boss.id}), disable_accounts=Disable.ALL)
    anna, ben = world.member("Anna"), world.member("Ben")
    for name in ("Twin One", "Twin Two"):
        world.member(name, mail="twin@x.example")
    await world.register("nora@x.example", RUNNING)
    names = [anna.id, "twin@x.example", "nora@x.example", stranger.id, boss.id, str(ben.mail)]

    answer = await _offboard(world, *names)

    assert [person.user for person in answer.people] == names
    assert _statuses(answer) == ["done", "ambiguous", "not_found", "not_a_contractor", "refused", "done"]
    assert answer.people[2].ended_rows == (f"{world.group.id}/nora@x.example",)
    assert all(bool(person.detail) != (person.status is PersonStatus.DONE) for person in answer.people)
    assert {anna.id, ben.id}.isdisjoint(world.member_ids())
    assert boss.id in world.member_ids()
    assert stranger.account_enabled
    [whole] = await world.services.runs.of_id(RUN_ID, [world.group.id])
    assert (whole.state, whole.due, whole.removed, whole.disabled) == (RunState.FAILED, 2, 2, 2)
    assert whole.asked_for == tuple(names)


async def test_somebody_named_twice_is_offboarded_once(world: World) -> None:
    anna = world.member("Anna")
    answer = await _offboard(world, anna.id, str(anna.mail), anna.id)
    assert _statuses(answer) == ["done", "done"]
    assert len({person.run_id for person in answer.people}) == 1
    assert len([write for write in world.graph_writes() if write.startswith("DELETE")]) == 1


async def test_past_the_brake_nobody_goes_until_the_batch_is_approved(world: World) -> None:
    world.configure(brake_count=2, brake_percent=10.0)
    people = [world.member(f"Person {number}") for number in range(5)]
    names = [user.id for user in people[:4]]

    held = await _offboard(world, *names, "nobody@x.example")

    assert _statuses(held) == ["held"] * 4 + ["not_found"]
    assert f"enforcer approve {held.digest}" in held.detail
    assert len(world.member_ids()) == 5
    [run] = await world.services.runs.of_id(RUN_ID, [world.group.id])
    assert (run.held, run.due, run.skipped, run.actor) == (True, 4, 4, "cli:ann")
    [approved] = await approve(world.services, held.digest, actor=Actor(id="user:somebody-else"))
    assert approved.people == 4
    done = await _offboard(world, *names, run_id="20261123T130000-abcdef")
    assert _statuses(done) == ["done"] * 4
    assert world.member_ids() == {people[4].id}
    # Whom an approval released does not count.
    assert _statuses(await _offboard(world, people[4].id, run_id="20261123T140000-abcdef")) == ["done"]


async def test_an_approval_of_some_lets_nobody_else_through(world: World) -> None:
    world.configure(brake_count=1, brake_percent=0.0)
    people = [world.member(f"Person {number}").id for number in range(4)]
    held = await _offboard(world, *people[:2])
    await approve(world.services, held.digest, actor=Actor(id="user:somebody-else"))
    assert _statuses(await _offboard(world, *people[:3])) == ["held"] * 3
    assert len(world.member_ids()) == 4


async def test_a_step_that_is_refused_is_told_of_and_the_others_go(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    refused = Fault(method="DELETE", path=anna.id, status=403, code="Denied", times=None)
    world.directory.sandbox.faults.add(refused)
    answer = await _offboard(world, anna.id, ben.id)
    assert _statuses(answer) == ["unfinished", "done"]
    assert answer.people[0].offboarding is not None
    assert answer.people[0].offboarding.steps[0].outcome == "failed"
    assert world.member_ids() == {anna.id}


async def test_while_graph_is_away_everybody_has_to_be_asked_for_again(world: World) -> None:
    anna = world.member("Anna")
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=503, times=None))
    answer = await _offboard(world, anna.id)
    assert _statuses(answer) == ["unavailable"]
    assert answer.are_all(PersonStatus.UNAVAILABLE)
    assert "revoke" in answer.people[0].detail


async def test_the_whole_batch_is_undone_at_once_and_nobody_twice(world: World) -> None:
    people = [world.member(f"Person {number}") for number in range(3)]
    alone, *batch = people
    await _offboard(world, alone.id, run_id="20261123T110000-abcdef")
    answer = await _offboard(world, *(user.id for user in batch))
    part = answer.people[0].run_id
    await undo(world.services, part, await plan_undo(world.services, part), actor=Actor(id="cli:ann"))

    last = await last_run(world.services)
    reversals = await plan_undo(world.services, last)
    await undo(world.services, last, reversals, actor=Actor(id="cli:ann"))

    assert (last, [item.user_id for item in reversals]) == (RUN_ID, [batch[1].id])
    assert world.member_ids() == {user.id for user in batch}
    for run_id in (last, *(person.run_id for person in answer.people)):
        with pytest.raises(InputError, match="nothing to undo"):
            await plan_undo(world.services, run_id)
