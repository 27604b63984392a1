from __future__ import annotations

from collections import Counter

import pytest

from enforcer.core.actors import Actor
from enforcer.core.ledger import Action
from enforcer.core.settings import Mode
from enforcer.storage.queues import SWEEPS, SweepMessage, read_sweep_message
from sandbox.azurite import StorageEndpoints
from sandbox.storage_proxy import Calls, Fault, Reply, Service, StorageProxy
from tests.support.api_caller import APPROVE, Caller, waiting
from tests.support.findings import too_many
from tests.support.world import ENDED, World

pytestmark = pytest.mark.anyio


async def _asked_for(azurite: StorageEndpoints, run_id: str) -> list[SweepMessage]:
    """Return the messages of this run, whoever else's are in the queue."""
    messages = [read_sweep_message(body) for body in await waiting(azurite, SWEEPS)]
    return [message for message in messages if message.run_id == run_id]


# Sweeps ----------------------------------------------------------------------------------------------------


async def test_without_a_word_every_group_is_swept_in_the_mode_of_the_settings(
    caller: Caller, world: World, azurite: StorageEndpoints
) -> None:
    other = world.tenant.add_group("Others")
    caller.configure(group_ids=(world.group.id, other.id))

    reply = await caller.call("start_sweeps")

    assert (reply.status, reply.json["mode"]) == (202, "enforce")
    run_id = reply.json["run_id"]
    assert reply.headers["Location"] == f"/api/runs/{run_id}"
    assert reply.json["runs"] == [
        {"group_id": group, "run_id": run_id} for group in (world.group.id, other.id)
    ]
    messages = await _asked_for(azurite, run_id)
    assert {message.group_id for message in messages} == {world.group.id, other.id}
    rows = await world.services.runs.of_id(run_id, [world.group.id, other.id])
    assert [(run.mode, run.actor, run.queued) for run in rows] == [("enforce", caller.actor, True)] * 2


async def test_a_started_run_can_be_looked_at_at_once(caller: Caller, world: World) -> None:
    started = await caller.call("start_sweeps", {"reason": "after an import"})

    reply = await caller.call("get_run", id=started.json["run_id"])

    assert (reply.status, reply.json["state"]) == (200, "running")
    [run] = reply.json["runs"]
    assert (run["group_id"], run["reason"], run["actor"]) == (world.group.id, "after an import", caller.actor)


async def test_one_group_may_be_swept_alone_and_only_reported_on(
    caller: Caller, world: World, azurite: StorageEndpoints
) -> None:
    caller.configure(group_ids=(world.group.id, world.tenant.add_group("Others").id))

    reply = await caller.call("start_sweeps", {"mode": "report", "group_id": world.group.id})

    assert (reply.status, reply.json["mode"]) == (202, "report")
    [message] = await _asked_for(azurite, reply.json["run_id"])
    [run] = await world.services.runs.of_id(message.run_id, [world.group.id])
    assert (message.group_id, run.mode) == (world.group.id, "report")


async def test_nobody_can_have_more_done_than_the_settings_allow(caller: Caller) -> None:
    caller.configure(mode=Mode.REPORT)

    reply = await caller.call("start_sweeps", {"mode": "enforce"})

    assert (reply.status, reply.json["code"], reply.fields) == (409, "refused", ["mode"])
    assert (await caller.call("start_sweeps")).json["mode"] == "report"


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("mode", {"mode": "destroy"}),
        ("group_id", {"group_id": "0d5e6f1a-0000-4000-8000-000000000000"}),
        ("reason", {"reason": "x" * 501}),
        ("groups", {"groups": []}),
        ("body", []),
    ],
)
async def test_what_is_wrong_with_an_order_is_named(caller: Caller, field: str, body: object) -> None:
    reply = await caller.call("start_sweeps", body)
    assert (reply.status, reply.fields) == (400, [field])


async def test_a_sweep_that_cannot_be_queued_is_on_record_as_failed(
    caller: Caller, world: World, storage: StorageProxy
) -> None:
    denied = Calls(service=Service.QUEUE)
    storage.set_fault(Fault(calls=denied, times=10_000, reply=Reply.TIMED_OUT))

    reply = await caller.call("start_sweeps")

    assert (reply.status, reply.json["code"]) == (503, "unavailable")
    [run] = await world.services.runs.of_group(world.group.id, world.clock.moment)
    assert (run.state, run.queued) == ("failed", False)


async def test_which_groups_were_asked_for_before_the_queue_fell_silent_is_told(
    caller: Caller, world: World, storage: StorageProxy
) -> None:
    other = world.tenant.add_group("Others")
    caller.configure(group_ids=(world.group.id, other.id))
    # The queue is there already, so that the first call is the first message.
    await caller.call("start_sweeps", {"group_id": world.group.id})
    to_queue = Calls(service=Service.QUEUE, method="POST")
    storage.set_fault(Fault(calls=to_queue, nth=2, times=10_000, reply=Reply.TIMED_OUT))

    reply = await caller.call("start_sweeps")

    assert reply.status == 503
    assert f"sweeps {world.group.id}, but not {other.id}" in reply.json["detail"]


# Runs ------------------------------------------------------------------------------------------------------


async def test_a_finished_run_is_shown_with_its_counts_and_findings(caller: Caller, world: World) -> None:
    anna, _ = world.member("Anna Ended"), world.member("Ulf Unregistered")
    await world.register(anna.id, ENDED)
    report = await world.sweep()

    reply = await caller.call("get_run", id=report.run.run_id)

    assert (reply.status, reply.json["state"]) == (200, "complete")
    [run] = reply.json["runs"]
    assert (run["due"], run["removed"], run["findings"]) == (1, 1, 1)
    assert run["lag_seconds"]["max"] > 0
    [found] = reply.json["findings"]
    assert (found["group_id"], found["finding"]["kind"]) == (world.group.id, "unregistered_member")
    assert reply.json["findings_left_out"] == 0


async def test_get_run_with_many_findings_lists_some_and_counts_the_rest(
    caller: Caller, world: World
) -> None:
    run = await world.record(too_many(ghosts=5))

    reply = await caller.call("get_run", id=run.run_id)

    kinds = Counter(found["finding"]["kind"] for found in reply.json["findings"])
    assert kinds["unregistered_member"] == 5
    assert 1_000 < kinds["missing_member"] == 6_000 - reply.json["findings_left_out"] < 6_000


@pytest.mark.parametrize("run_id", ["20261123T003000-abcdef", "x", "' or 1 eq 1", "2026\n"])
async def test_a_run_that_never_was_is_not_found(caller: Caller, run_id: str) -> None:
    reply = await caller.call("get_run", id=run_id)
    assert (reply.status, reply.fields) == (404, ["id"])


# The brake -------------------------------------------------------------------------------------------------


async def _held_plan(caller: Caller, world: World) -> str:
    caller.configure(brake_count=1, brake_percent=0.0)
    for name in ("Anna Ended", "Bob Ended"):
        await world.register(world.member(name).id, ENDED)
    report = await world.sweep()
    assert report.run.held
    return report.run.digest


async def test_an_approval_lets_exactly_that_plan_through_once(caller: Caller, world: World) -> None:
    digest = await _held_plan(caller, world)

    reply = await caller.call("approve_plan", digest=digest.upper())

    assert reply.status == 200
    [plan] = reply.json["plans"]
    assert (plan["digest"], plan["people"], plan["approved_by"]) == (digest, 2, caller.actor)
    assert [entry.actor for entry in await world.ledger() if entry.action is Action.APPROVE] == [caller.actor]
    assert (await world.sweep()).run.removed == 2


async def test_to_approve_again_changes_nothing_until_it_is_used(caller: Caller, world: World) -> None:
    digest = await _held_plan(caller, world)
    first = await caller.call("approve_plan", digest=digest)
    again = await caller.call("approve_plan", digest=digest)
    assert (again.status, again.json) == (200, first.json)

    await world.sweep()
    used = await caller.call("approve_plan", digest=digest)
    assert (used.status, used.json["code"]) == (409, "refused")


async def test_a_plan_that_nothing_holds_needs_no_approval(caller: Caller, world: World) -> None:
    await world.register(world.member("Anna Ended").id, ENDED)
    reply = await caller.call("approve_plan", digest=(await world.plan()).digest)
    assert (reply.status, reply.json["code"]) == (409, "refused")


@pytest.mark.parametrize("digest", ["0" * 64, "x", "0" * 65, "\u0660" * 64])
async def test_an_unknown_plan_is_not_found(caller: Caller, digest: str) -> None:
    reply = await caller.call("approve_plan", digest=digest)
    assert (reply.status, reply.fields) == (404, ["digest"])


async def test_whoever_asked_for_the_held_run_cannot_approve_it(caller: Caller, world: World) -> None:
    caller.configure(brake_count=1, brake_percent=0.0)
    for name in ("Anna Ended", "Bob Ended"):
        await world.register(world.member(name).id, ENDED)
    held = await world.sweep_as(Actor(id=caller.actor))
    reply = await caller.call("approve_plan", digest=held.run.digest)
    assert (reply.status, reply.json["code"]) == (403, "four_eyes")
    assert (await world.sweep()).run.held


async def test_approval_has_its_approvers_name_beside_their_id(caller: Caller, world: World) -> None:
    [plan] = (await caller.call("approve_plan", digest=await _held_plan(caller, world))).json["plans"]
    assert (plan["approved_by"], plan["approved_by_name"]) == (caller.actor, "Olga Operator")
    [entry] = [entry for entry in await world.ledger() if entry.action is Action.APPROVE]
    assert entry.actor_name == "Olga Operator"


@pytest.mark.parametrize("named_by", ["app_id", "id"])
async def test_application_approves_only_if_a_setting_names_it(
    caller: Caller, world: World, named_by: str
) -> None:
    digest = await _held_plan(caller, world)
    robot = world.tenant.add_application("Robot")
    token = caller.token(user=None, app=robot.app_id, roles=[APPROVE])
    headers = {"authorization": f"Bearer {token}"}

    refused = await caller.call("approve_plan", digest=digest, headers=headers)
    assert (refused.status, refused.json["code"]) == (403, "missing_role")

    caller.configure(approver_app_ids=(getattr(robot, named_by),))
    approved = await caller.call("approve_plan", digest=digest, headers=headers)
    assert (approved.status, approved.json["plans"][0]["approved_by"]) == (200, f"app:{robot.id}")


# Undo ------------------------------------------------------------------------------------------------------


async def test_undo_restores_what_a_run_removed_once(caller: Caller, world: World) -> None:
    anna = world.member("Anna Ended")
    await world.register(anna.id, ENDED)
    run_id = (await world.sweep()).run.run_id

    reply = await caller.call("undo_run", id=run_id)

    assert (reply.status, reply.json["done"], reply.json["undone_run"]) == (200, True, run_id)
    [result] = reply.json["results"]
    assert (result["reversal"]["user_id"], result["outcome"]) == (anna.id, "undone")
    assert anna.id in world.member_ids()
    [run] = (await caller.call("get_run", id=reply.json["run_id"])).json["runs"]
    assert (run["kind"], run["actor"], run["actor_name"]) == ("undo", caller.actor, "Olga Operator")
    again = await caller.call("undo_run", id=run_id)
    assert (again.status, again.json["code"]) == (409, "refused")


@pytest.mark.parametrize("run_id", ["20261123T003000-abcdef", "x"])
async def test_undo_of_a_run_that_never_was_is_not_found(caller: Caller, run_id: str) -> None:
    assert (await caller.call("undo_run", id=run_id)).status == 404


async def test_nobody_undoes_their_own_offboarding(caller: Caller, world: World) -> None:
    world.tenant.add_member(world.group, caller.person)
    await world.register(caller.person.id, ENDED)
    run_id = (await world.sweep()).run.run_id
    reply = await caller.call("undo_run", id=run_id)
    assert (reply.status, reply.json["code"]) == (403, "four_eyes")
    assert caller.person.id not in world.member_ids()


async def test_undo_while_another_run_is_at_work_says_to_try_again(caller: Caller, world: World) -> None:
    await world.register(world.member("Anna Ended").id, ENDED)
    run_id = (await world.sweep()).run.run_id
    async with world.services.leases.holding(world.group.id, "somebody"):
        reply = await caller.call("undo_run", id=run_id)
    assert (reply.status, reply.json["code"]) == (503, "unavailable")
