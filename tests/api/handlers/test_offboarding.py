from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import Sessions, State
from enforcer.core.settings import Disable, Mode
from enforcer.offboarding.queued import work_off
from enforcer.storage.queues import OFFBOARDINGS, OffboardMessage, read_offboard_message
from enforcer.web.app import Api
from sandbox.azurite import StorageEndpoints
from sandbox.directory.faults import Effect, Fault
from sandbox.storage_proxy import Calls, Reply, Service, StorageProxy
from sandbox.storage_proxy import Fault as StorageFault
from tests.support.api_caller import BUDGET, Caller, waiting
from tests.support.world import RUNNING, World

pytestmark = pytest.mark.anyio

_FOR_EVER = 10_000
_GRAPH_IS_AWAY = Fault(path="^/v1.0", times=None)
_REASON = {"reason": "left at 14:10"}


async def queued(azurite: StorageEndpoints, run_id: str) -> list[OffboardMessage]:
    """Return the messages of this run, whoever else's are in the queue."""
    messages = [read_offboard_message(body) for body in await waiting(azurite, OFFBOARDINGS)]
    return [message for message in messages if message.run_id == run_id]


async def test_offboard_removes_and_revokes_and_names_every_graph_request(
    caller: Caller, world: World
) -> None:
    anna = world.member("Anna Novak")

    reply = await caller.call("offboard_now", _REASON, user=anna.user_principal_name)

    assert reply.status == 200
    assert anna.id not in world.member_ids()
    assert world.is_revoked(anna, world.clock.moment)
    assert (reply.json["done"], reply.json["sessions"]) == (True, Sessions.REVOKED)
    assert [step["step"] for step in reply.json["steps"]] == ["remove", "revoke"]
    assert all(step["request_id"] for step in reply.json["steps"])


async def test_his_row_ends_and_the_ledger_says_who_did_it_and_why(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    await world.register(anna.id, RUNNING)

    reply = await caller.call("offboard_now", {"reason": " left at 14:10 "}, user=anna.id)

    assert reply.json["ended_rows"] == [f"{world.group.id}/{anna.id}"]
    begin, *entries = [entry for entry in await world.ledger() if entry.action is not Action.PROOF]
    assert (begin.action, begin.note) == (Action.BEGIN, anna.id)
    assert [entry.action for entry in entries] == [Action.REGISTER_END, Action.REMOVE, Action.REVOKE]
    assert {(entry.actor, entry.note) for entry in entries} == {(caller.actor, "left at 14:10")}


@pytest.mark.parametrize("hash_sign", ["#", "%23"])
async def test_a_guest_may_be_named_by_his_long_name_encoded_once_or_twice(
    caller: Caller, world: World, hash_sign: str
) -> None:
    guest = world.guest("Gina Guest")

    name = guest.user_principal_name.replace("#", hash_sign)
    reply = await caller.call("offboard_now", _REASON, user=name)

    assert (reply.status, reply.json["sessions"]) == (200, Sessions.HOME_TENANT)
    assert guest.id not in world.member_ids()


async def test_to_call_again_does_no_harm(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    await caller.call("offboard_now", _REASON, user=anna.id)

    again = await caller.call("offboard_now", _REASON, user=anna.id)

    assert again.status == 200
    assert [step["outcome"] for step in again.json["steps"]] == ["absent", "done"]


@pytest.mark.parametrize(
    "name",
    ["nobody@contoso.onmicrosoft.com", "0d5e6f1a-0000-4000-8000-000000000000", "delta", "$count", ".."],
)
async def test_nobody_of_that_name(caller: Caller, name: str) -> None:
    reply = await caller.call("offboard_now", _REASON, user=name)
    assert (reply.status, reply.json["code"], reply.fields) == (404, "not_found", ["user"])


async def test_offboard_without_an_account_is_404_and_lists_the_rows_that_end(
    caller: Caller, world: World
) -> None:
    await world.register("nora@x.example", RUNNING)

    reply = await caller.call("offboard_now", _REASON, user="Nora@x.example")
    again = await caller.call("offboard_now", _REASON, user="nora@x.example")

    assert (reply.status, reply.json["code"], reply.fields) == (404, "not_found", ["user"])
    assert reply.json["ended_rows"] == [f"{world.group.id}/nora@x.example"]
    assert "Entra has no account Nora@x.example" in reply.json["detail"]
    assert (again.status, again.json["ended_rows"]) == (404, [])


async def test_an_address_of_two_people_offboards_neither(caller: Caller, world: World) -> None:
    people = [world.member(name, mail="shared@contoso.example") for name in ("Anna One", "Anna Two")]

    reply = await caller.call("offboard_now", _REASON, user="shared@contoso.example")

    assert (reply.status, reply.json["code"]) == (409, "ambiguous")
    assert {person.id for person in people} <= world.member_ids()


async def test_whoever_is_protected_stays(caller: Caller, world: World) -> None:
    boss = world.member("Bea Boss")
    caller.configure(protected_ids=frozenset({boss.id}))

    reply = await caller.call("offboard_now", _REASON, user=boss.id)

    assert (reply.status, reply.json["code"]) == (409, "refused")
    assert boss.id in world.member_ids()


async def test_in_report_mode_nobody_goes(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    caller.configure(mode=Mode.REPORT)

    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert (reply.status, reply.json["code"]) == (409, "refused")
    assert anna.id in world.member_ids()


async def test_what_is_refused_for_good_is_told_step_by_step(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    forbidden = Fault(method="DELETE", status=403, code="Authorization_RequestDenied", times=None)
    world.directory.sandbox.faults.add(forbidden)

    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert (reply.status, reply.json["code"]) == (502, "unfinished")
    outcomes = {step["step"]: step["outcome"] for step in reply.json["offboarding"]["steps"]}
    assert outcomes == {"remove": "failed", "revoke": "done"}


# When it cannot be done at once ----------------------------------------------------------------------------


async def test_offboard_while_graph_is_away_is_queued_and_can_be_looked_up(
    caller: Caller, world: World, azurite: StorageEndpoints
) -> None:
    anna = world.member("Anna Novak")
    world.directory.sandbox.faults.add(_GRAPH_IS_AWAY)

    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert (reply.status, reply.json["state"]) == (202, "running")
    run_id = reply.json["run_id"]
    assert reply.headers["Location"] == f"/api/runs/{run_id}"
    [message] = await queued(azurite, run_id)
    assert (message.user, message.run_id) == (anna.id, run_id)
    run = await caller.call("get_run", id=run_id)
    assert (run.json["state"], run.json["runs"][0]["kind"]) == ("running", "offboard")
    assert run.json["runs"][0]["actor"] == caller.actor


async def test_the_run_is_complete_once_the_queued_work_is_done(
    caller: Caller, world: World, azurite: StorageEndpoints
) -> None:
    anna = world.member("Anna Novak")
    world.directory.sandbox.faults.add(_GRAPH_IS_AWAY)
    run_id = (await caller.call("offboard_now", _REASON, user=anna.id)).json["run_id"]
    world.directory.sandbox.faults.clear()

    [message] = await queued(azurite, run_id)
    await work_off(world.services, message)

    assert (await caller.call("get_run", id=run_id)).json["state"] == "complete"
    assert anna.id not in world.member_ids()


async def test_when_graph_fails_half_way_the_rest_is_queued(
    caller: Caller, world: World, azurite: StorageEndpoints
) -> None:
    anna = world.member("Anna Novak")
    world.directory.sandbox.faults.add(Fault(method="POST", path="revoke", times=None))

    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert reply.status == 202
    assert anna.id not in world.member_ids()
    assert await queued(azurite, reply.json["run_id"])
    assert (await caller.call("get_run", id=reply.json["run_id"])).json["state"] == "running"


async def test_when_no_token_for_graph_can_be_had_the_work_is_queued(
    caller: Caller, world: World, azurite: StorageEndpoints
) -> None:
    anna = world.member("Anna Novak")
    world.directory.sandbox.faults.add(Fault(path="/msi/token", status=503, times=None))

    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert reply.status == 202
    assert await queued(azurite, reply.json["run_id"])


async def test_offboard_when_the_identity_gets_no_token_is_not_queued(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    world.directory.sandbox.faults.add(Fault(path="/msi/token", status=400, times=None))

    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert (reply.status, reply.json["code"]) == (502, "upstream")
    assert "cannot get a token" in reply.json["detail"]


async def test_a_graph_that_says_nothing_does_not_keep_the_caller_waiting(
    caller: Caller, world: World, azurite: StorageEndpoints
) -> None:
    anna = world.member("Anna Novak")
    silence = Fault(path="^/v1.0", effect=Effect.DELAY, seconds=3.5, times=None)
    world.directory.sandbox.faults.add(silence)

    began = time.monotonic()
    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert reply.status == 202
    assert time.monotonic() - began < 3.4
    assert await queued(azurite, reply.json["run_id"])


@pytest.mark.parametrize("reply_of_storage", [Reply.SERVER_BUSY, Reply.DROPPED])
async def test_offboard_when_the_tables_fail_is_not_queued_without_its_run(
    caller: Caller, world: World, storage: StorageProxy, reply_of_storage: Reply
) -> None:
    anna = world.member("Anna Novak")
    storage.set_fault(
        StorageFault(calls=Calls(service=Service.TABLE), times=_FOR_EVER, reply=reply_of_storage)
    )

    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert (reply.status, reply.json["code"]) == (503, "unavailable")
    assert "nothing was queued" in reply.json["detail"]
    storage.clear()
    assert await world.services.queues.waiting(OFFBOARDINGS) == 0


async def test_offboard_when_the_queue_fails_too_says_that_nothing_was_queued(
    caller: Caller, world: World, storage: StorageProxy
) -> None:
    anna = world.member("Anna Novak")
    storage.set_fault(StorageFault(times=_FOR_EVER, delay=timedelta(seconds=5), reply=Reply.DROPPED))

    began = time.monotonic()
    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert (reply.status, reply.json["code"]) == (503, "unavailable")
    assert "nothing was queued" in reply.json["detail"]
    assert int(reply.headers["Retry-After"]) > 0
    assert time.monotonic() - began < 6


@pytest.mark.long
async def test_everything_ends_within_thirty_seconds_even_when_nothing_answers(
    world: World, storage: StorageProxy
) -> None:
    anna, olga = world.member("Anna Novak"), world.tenant.add_user("Olga Operator")
    silence = timedelta(seconds=40)
    world.directory.sandbox.faults.add(
        Fault(path="^/v1.0", effect=Effect.DROP, seconds=silence.total_seconds(), times=None)
    )
    storage.set_fault(StorageFault(times=_FOR_EVER, delay=silence, reply=Reply.DROPPED))
    caller = Caller(world, Api(world.services), olga)

    began = time.monotonic()
    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert reply.status == 503
    assert time.monotonic() - began < 30


async def test_a_run_that_could_not_be_queued_is_on_record_as_failed(
    caller: Caller, world: World, storage: StorageProxy
) -> None:
    anna = world.member("Anna Novak")
    world.directory.sandbox.faults.add(_GRAPH_IS_AWAY)
    storage.set_fault(
        StorageFault(calls=Calls(service=Service.QUEUE), times=_FOR_EVER, reply=Reply.SERVER_BUSY)
    )

    reply = await caller.call("offboard_now", _REASON, user=anna.id)

    assert reply.status == 503
    [run] = await world.services.runs.of_group(world.group.id, world.clock.moment)
    assert (run.state, run.error) == ("failed", "could not be queued")


async def test_an_answer_of_entras_that_takes_long_makes_nothing_undone(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    patient = Caller(caller.world, Api(world.services, budget=replace(BUDGET, now=1.0)), caller.person)
    world.directory.sandbox.faults.add(Fault(path="conditionalAccess/evaluate", seconds=1.5, status=503))
    reply = await patient.call("offboard_now", _REASON, user=anna.id)
    assert (reply.status, reply.json["done"]) == (200, True)
    [run] = await world.services.runs.of_group(world.group.id, world.clock.moment)
    assert (run.state, run.removed) == ("complete", 1)


async def test_many_calls_at_the_same_time_for_the_same_person_end_well(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    await world.register(anna.id, RUNNING)

    patient = Caller(world, Api(world.services, budget=replace(BUDGET, now=20.0)), caller.person)
    replies = await asyncio.gather(*(patient.call("offboard_now", _REASON, user=anna.id) for _ in range(5)))

    assert [reply.status for reply in replies] == [200] * 5
    assert anna.id not in world.member_ids()
    assert (await world.on_record(anna.id)).state is State.OFFBOARDED


async def test_what_is_invisible_around_a_name_is_taken_off_and_said(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    reply = await caller.call("offboard_now", _REASON, user=f"{anna.mail}\u200b")
    assert (reply.status, reply.json["user_id"]) == (200, anna.id)
    assert reply.json["warnings"][0].startswith(f"'{anna.mail}\\u200b' was taken as '{anna.mail}'")


# Who may be offboarded, and how many ----------------------------------------------------------------------


async def test_offboarding_a_break_glass_account_is_409_and_touches_nothing(
    caller: Caller, world: World
) -> None:
    stranger = world.tenant.add_user("Break Glass")
    caller.configure(disable_accounts=Disable.ALL)

    reply = await caller.call("offboard_now", _REASON, user=stranger.id)

    assert (reply.status, reply.json["code"], reply.fields) == (409, "not_a_contractor", ["user"])
    assert "is not a contractor" in reply.json["detail"]
    assert stranger.account_enabled
    assert not world.is_revoked(stranger, world.clock.moment)


async def test_offboarding_a_stranger_after_registering_them_disables_nobody(
    caller: Caller, world: World
) -> None:
    stranger = world.tenant.add_user("Break Glass")
    caller.configure(disable_accounts=Disable.ALL)

    assert (await caller.call("put_contractor", {"end_date": RUNNING}, user=stranger.id)).status == 201
    for _ in range(2):
        await caller.call("offboard_now", _REASON, user=stranger.id)
    await world.sweep()

    assert stranger.account_enabled


async def test_forty_single_offboardings_end_held_and_go_on_once_approved(
    caller: Caller, world: World
) -> None:
    people = [world.member(f"Person {number}") for number in range(40)]
    caller.configure(brake_count=5, brake_percent=10.0)
    patient = Caller(world, Api(world.services, budget=replace(BUDGET, now=20.0)), caller.person)

    replies = [await patient.call("offboard_now", _REASON, user=user.id) for user in people[:12]]

    assert [reply.status for reply in replies] == [200] * 5 + [409] * 7
    assert {reply.json["code"] for reply in replies[5:]} == {"held"}
    assert len(world.member_ids()) == 35
    digest = replies[5].json["digest"]
    other = Caller(world, patient.api, world.tenant.add_user("Otto Other"))
    assert (await other.call("approve_plan", digest=digest)).status == 200
    assert (await patient.call("offboard_now", _REASON, user=people[5].id)).status == 200
    assert (await patient.call("offboard_now", _REASON, user=people[6].id)).status == 409


async def test_several_people_are_offboarded_with_one_call(caller: Caller, world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    patient = Caller(world, Api(world.services, budget=replace(BUDGET, now=20.0)), caller.person)
    body = {"users": [f" {anna.mail}", ben.id, "nobody@x.example"], "reason": "breach"}

    reply = await patient.call("offboard_many", body)

    assert reply.status == 200
    assert [person["status"] for person in reply.json["people"]] == ["done", "done", "not_found"]
    assert [step["step"] for step in reply.json["people"][0]["offboarding"]["steps"]] == ["remove", "revoke"]
    assert world.member_ids() == set()
    run = await patient.call("get_run", id=reply.json["run_id"])
    assert (run.json["state"], run.json["runs"][0]["removed"]) == ("failed", 2)


async def test_several_people_past_the_brake_are_409_with_one_digest(caller: Caller, world: World) -> None:
    people = [world.member(f"Person {number}") for number in range(4)]
    caller.configure(brake_count=2, brake_percent=10.0)
    patient = Caller(world, Api(world.services, budget=replace(BUDGET, now=20.0)), caller.person)
    body = {"users": [user.id for user in people], "reason": "breach"}

    reply = await patient.call("offboard_many", body)

    assert (reply.status, reply.json["code"]) == (409, "held")
    assert [person["status"] for person in reply.json["people"]] == ["held"] * 4
    assert len(world.member_ids()) == 4
    other = Caller(world, patient.api, world.tenant.add_user("Otto Other"))
    assert (await other.call("approve_plan", digest=reply.json["digest"])).status == 200
    again = await patient.call("offboard_many", body)
    assert (again.status, world.member_ids()) == (200, set())


async def test_several_people_while_graph_is_away_are_202_and_queued(caller: Caller, world: World) -> None:
    anna = world.member("Anna")
    world.directory.sandbox.faults.add(_GRAPH_IS_AWAY)

    reply = await caller.call("offboard_many", {"users": [anna.id], "reason": "breach"})

    assert (reply.status, reply.json["people"][0]["status"]) == (202, "queued")
    run = await caller.call("get_run", id=reply.json["people"][0]["run_id"])
    assert run.json["runs"][0]["queued"] is True


@pytest.mark.parametrize(
    ("users", "field"), [([], "users"), (["x"] * 101, "users"), (["a\nb"], "users[0]"), ("anna", "users")]
)
async def test_a_list_of_people_that_cannot_be_is_400(caller: Caller, users: object, field: str) -> None:
    reply = await caller.call("offboard_many", {"users": users, "reason": "breach"})
    assert (reply.status, reply.fields) == (400, [field])
