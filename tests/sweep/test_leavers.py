"""Offboarding the people of a run: the recheck, the record and the canaries."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from enforcer.core.exceptions import AccessDeniedError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import State
from enforcer.core.plan import FindingKind
from enforcer.core.runs import Result
from enforcer.core.settings import Disable, Unregistered
from enforcer.offboarding.steps import intent
from enforcer.sweep.leavers import left_alone
from sandbox.directory import Effect, Fault, User
from tests.support.directory_facts import DirectoryFact, changes_made
from tests.support.group_run import RUN_ID, offboard, planned
from tests.support.people import leavers, recorded
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


def refuse(world: World, *users: User, step: str = "DELETE", times: int | None = None) -> None:
    for user in users:
        world.directory.sandbox.faults.add(
            Fault(method=step, path=user.id, status=403, code="Authorization_RequestDenied", times=times)
        )


# The recheck ---------------------------------------------------------------------------------------------


async def test_an_end_date_extended_since_the_plan_withdraws_the_intent(
    world: World,
) -> None:
    [anna] = await leavers(world, 1)
    people = await planned(world)
    await world.register(anna.id, RUNNING)

    run_leavers = await offboard(world, people)

    [outcome] = run_leavers.outcomes
    assert (outcome.result, outcome.reason) == (Result.SKIPPED, "their end date was extended")
    assert not outcome.incomplete
    assert world.graph_writes() == []
    assert await world.record_of(anna.id) is None
    assert await recorded(world, Action.WITHDRAW) == [(anna.id, "their end date was extended")]


async def test_a_member_whose_row_became_unreadable_stays(world: World) -> None:
    [anna] = await leavers(world, 1)
    people = await planned(world)
    await world.register(anna.id, "some day")

    [outcome] = (await offboard(world, people)).outcomes

    assert (outcome.result, outcome.reason) == (Result.SKIPPED, "their row can no longer be read")
    assert world.member_ids() == {anna.id}


async def test_a_member_whose_row_was_deleted_stays(world: World) -> None:
    [anna] = await leavers(world, 1)
    people = await planned(world)
    await world.services.register.remove(world.group.id, anna.id)

    [outcome] = (await offboard(world, people)).outcomes

    assert (outcome.result, outcome.reason) == (Result.SKIPPED, "their row has gone from the register")
    assert world.member_ids() == {anna.id}


async def test_a_member_without_a_row_goes_unless_one_was_added_meanwhile(world: World) -> None:
    world.configure(unregistered=Unregistered.OFFBOARD)
    anna, ben = world.member("Anna"), world.member("Ben")
    people = await planned(world)
    await world.register(ben.id, RUNNING)

    run_leavers = await offboard(world, people)

    assert world.member_ids() == {ben.id}
    assert {out.record.user_id: out.result for out in run_leavers.outcomes} == {
        anna.id: Result.REMOVED,
        ben.id: Result.SKIPPED,
    }


async def test_a_renewal_under_another_name_counts(world: World) -> None:
    world.configure(unregistered=Unregistered.OFFBOARD)
    [anna] = await leavers(world, 1)
    ghost = world.member("Ghost")
    gone = world.member("Gone", mail="gone@mail.example")
    await world.register("gone@mail.example", ENDED)
    people = await planned(world)
    await world.register(anna.user_principal_name, RUNNING)
    await world.register(ghost.id.upper(), RUNNING)
    await world.register(gone.id, RUNNING)

    run_leavers = await offboard(world, people)

    assert world.member_ids() == {anna.id, ghost.id, gone.id}
    reason = "a row written after the plan means them"
    assert {(out.reason, out.incomplete) for out in run_leavers.outcomes} == {(reason, False)}
    assert {outcome for _, outcome in await recorded(world, Action.WITHDRAW)} == {reason}
    assert [await world.record_of(key) for key in (anna.id, ghost.id, "gone@mail.example")] == [None] * 3


async def test_a_renewal_under_a_key_that_cannot_be_read_counts(world: World) -> None:
    anna, ben = await leavers(world, 2)
    ben.other_mails = ["ben\u200b@home.example"]
    world.tenant.put(ben)
    people = await planned(world)
    await world.register((anna.mail or "").replace("@", "\u200b@"), RUNNING)
    await world.register("ben@home.example", RUNNING)

    run_leavers = await offboard(world, people)

    assert world.member_ids() == {anna.id, ben.id}
    assert {out.reason for out in run_leavers.outcomes} == {"a row written after the plan means them"}


async def test_a_renewal_while_graph_has_asked_to_wait_counts(world: World) -> None:
    anna, ben = await leavers(world, 2)
    people = await planned(world)
    throttled = Fault(method="DELETE", status=429, headers={"Retry-After": "1.5"})
    world.directory.sandbox.faults.add(throttled)

    going = asyncio.create_task(offboard(world, people))
    while not throttled.struck:  # noqa: ASYNC110 -- nothing to wait on
        await asyncio.sleep(0.01)
    for user in (anna, ben):
        await world.register(user.id, RUNNING)

    assert {out.reason for out in (await going).outcomes} == {"their end date was extended"}
    assert world.member_ids() == {anna.id, ben.id}
    assert [outcome for _, outcome in await recorded(world, Action.REMOVE)] == []
    assert len(await recorded(world, Action.WITHDRAW)) == 2


async def test_a_renewal_after_a_removal_that_may_have_taken_effect_is_too_late(world: World) -> None:
    [anna] = await leavers(world, 1)
    people = await planned(world)
    lost = Fault(method="DELETE", effect=Effect.ANSWER_AFTER_EFFECT, status=504)
    world.directory.sandbox.faults.add(lost)

    going = asyncio.create_task(offboard(world, people))
    while not lost.struck:  # noqa: ASYNC110 -- nothing to wait on
        await asyncio.sleep(0.01)
    await world.register(anna.id, RUNNING)

    assert [out.result for out in (await going).outcomes] == [Result.REMOVED]
    assert await recorded(world, Action.REMOVE) == [(anna.id, "removed")]


async def test_a_removed_person_is_revoked_though_their_row_is_deleted(world: World) -> None:
    [anna] = await leavers(world, 1)
    world.directory.sandbox.faults.add(Fault(method="POST", path=anna.id, status=400, times=1))
    await world.sweep()
    people = await planned(world)
    await world.services.register.remove(world.group.id, anna.id)

    [outcome] = (await offboard(world, people)).outcomes

    assert outcome.finished
    assert (await world.on_record(anna.id)).revoked_at is not None


async def test_a_removed_persons_unreadable_row_takes_nothing_back(
    world: World,
) -> None:
    [anna] = await leavers(world, 1)
    world.directory.sandbox.faults.add(Fault(method="POST", path=anna.id, status=400, times=1))
    await world.sweep()
    people = await planned(world)
    await world.register(anna.id, "some day")

    [outcome] = (await offboard(world, people)).outcomes

    assert (outcome.reason, outcome.incomplete) == ("their row can no longer be read", True)
    assert (await world.on_record(anna.id)).unfinished
    assert await recorded(world, Action.WITHDRAW) == []


# The record ----------------------------------------------------------------------------------------------


async def test_every_outcome_is_in_record_and_ledger_with_the_same_time(world: World) -> None:
    anna, ben = await leavers(world, 2)
    refuse(world, ben)

    run_leavers = await offboard(world, await planned(world))

    results = {out.record.user_id: out.result for out in run_leavers.outcomes}
    assert results == {anna.id: Result.REMOVED, ben.id: Result.SKIPPED}
    removals = [entry for entry in await world.ledger() if entry.action is Action.REMOVE]
    assert {entry.user: entry.outcome.partition(":")[0] for entry in removals} == {
        anna.id: "removed",
        ben.id: "failed",
    }
    done = await world.on_record(anna.id)
    assert (done.state, done.run_id) == (State.OFFBOARDED, RUN_ID)
    assert done.removed_at is not None
    [at] = [entry.at for entry in removals if entry.user == anna.id]
    assert at == done.removed_at.isoformat().replace("+00:00", "Z")
    assert (await world.on_record(ben.id)).attempts == 1


async def test_a_step_refused_by_graph_is_a_finding_at_once(world: World) -> None:
    [anna] = await leavers(world, 1)
    refuse(world, anna, step="POST")

    run_leavers = await offboard(world, await planned(world))

    assert world.member_ids() == set()
    [found] = run_leavers.stuck
    assert (found.kind, found.user_id, found.row_key) == (FindingKind.STUCK, anna.id, anna.id)
    assert found.detail.startswith("Graph refuses a step, as it does for administrators: revoke: 403")


async def test_a_person_refused_for_the_sixth_time_is_named_once(world: World) -> None:
    [anna] = await leavers(world, 1)
    refuse(world, anna)
    [person] = await planned(world)
    fifth = replace(await world.on_record(anna.id), attempts=5, run_id="an earlier run")

    run_leavers = await offboard(world, (replace(person, earlier=fifth),))

    assert [found.detail.partition(";")[0] for found in run_leavers.stuck] == ["6 runs have failed"]


async def test_another_failure_is_not_reported_before_the_sixth_time(world: World) -> None:
    [anna] = await leavers(world, 1)
    world.directory.sandbox.faults.add(Fault(method="DELETE", path=anna.id, status=400, times=None))
    assert (await offboard(world, await planned(world))).stuck == []


async def test_accounts_are_disabled_first_and_sessions_revoked_last(world: World) -> None:
    world.configure(disable_accounts=Disable.ALL)
    users = await leavers(world, 5)

    await offboard(world, await planned(world))

    done = changes_made(world.directory.sandbox.log.entries)
    for user in users:
        steps = [one.fact for one in done if one.user_id == user.id]
        assert steps == [DirectoryFact.CHANGED, DirectoryFact.REMOVED, DirectoryFact.REVOKED]


# The canaries --------------------------------------------------------------------------------------------


async def test_canaries_all_refused_end_the_run_without_counting_attempts(
    world: World,
) -> None:
    users = await leavers(world, 25)
    refuse(world, *users)
    people = await planned(world)

    with pytest.raises(AccessDeniedError, match=r"make this identity an owner.*remove: 403"):
        await offboard(world, people)

    assert len({write for write in world.graph_writes() if write.startswith("DELETE")}) == 20
    assert len(await recorded(world, Action.REMOVE)) == 20
    assert {(await world.on_record(user.id)).attempts for user in users} == {0}


async def test_a_single_refusal_is_about_that_person(world: World) -> None:
    [anna] = await leavers(world, 1)
    refuse(world, anna)
    run_leavers = await offboard(world, await planned(world))
    assert [out.record.attempts for out in run_leavers.outcomes] == [1]


async def test_a_person_refused_before_proves_nothing_about_others(world: World) -> None:
    users = await leavers(world, 3)
    refuse(world, *users)
    *earlier, fresh = await planned(world)
    refused = {"attempts": 1, "last_error": "remove: 403 Authorization_RequestDenied"}
    again = [replace(one, earlier=replace(intent(one, "run-1"), **refused)) for one in earlier]  # type: ignore[arg-type]

    run_leavers = await offboard(world, (*again, fresh))

    assert sorted(out.record.attempts for out in run_leavers.outcomes) == [1, 2, 2]


async def test_one_canary_that_is_not_refused_lets_the_others_be_tried(world: World) -> None:
    users = await leavers(world, 8)
    refuse(world, *users[1:])
    accepted, *refused = sorted(await planned(world), key=lambda one: one.user_id != users[0].id)
    random.seed(8)
    last = random.sample(range(8), 8)[-1]  # so that the accepted one is drawn last
    random.seed(8)

    run_leavers = await offboard(world, (*refused[:last], accepted, *refused[last:]))

    assert [out.record.user_id for out in run_leavers.outcomes if out.finished] == [users[0].id]
    assert len(run_leavers.outcomes) == 8
    assert len(run_leavers.stuck) == 7


async def test_a_person_left_alone_is_skipped_with_the_reason(world: World) -> None:
    [anna] = await leavers(world, 1)
    [person] = (await world.plan()).offboard
    outcome = left_alone(person, "report mode")
    assert (outcome.result, outcome.reason, outcome.incomplete) == (Result.SKIPPED, "report mode", False)
    assert (outcome.record.user_id, outcome.record.removed_at) == (anna.id, None)
