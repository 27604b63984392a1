"""The queue functions on Azure's worker library and real queues."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest

from enforcer import clock
from enforcer.core.offboarding_record import State
from enforcer.core.runs import QUEUE_MESSAGE, Report, Run, RunKind, RunState
from enforcer.offboarding.queued import work_off
from enforcer.status.group_status import read_status
from enforcer.storage.queues import OffboardMessage, SweepMessage
from enforcer.storage.tables.leases import Leases
from sandbox.directory import Fault
from sandbox.storage_proxy import Calls, Reply, Service
from sandbox.storage_proxy import Fault as StorageFault
from tests.functions.conftest import RUN_ID, App, Put, run_of, wanted
from tests.support.world import ENDED, RUNNING

pytestmark = pytest.mark.anyio


# sweep ---------------------------------------------------------------------------------------------------


async def test_sweep_that_acted_requests_its_verification_15_minutes_later(app: App) -> None:
    anna, ben = app.world.member("Anna"), app.world.member("Ben")
    await app.world.register(anna.id, ENDED)
    await app.world.register(ben.id, RUNNING)

    assert (await app.call("sweep", await wanted(app))).succeeded

    assert app.world.member_ids() == {ben.id}
    run = await run_of(app)
    assert (run.removed, run.revoked, run.reason, run.actor) == (1, 1, "nightly", "timer")
    next_night, *others = app.put()
    assert next_night.after_seconds > 15 * 60
    assert others == [Put("sweeps", 15 * 60)]
    assert await app.messages("sweeps") == []

    (verification,) = [one for one in await app.runs() if one.queued]
    assert (verification.actor, verification.reason) == ("timer", "verification")
    message = SweepMessage(group_id=app.world.group.id, reason="", run_id=verification.run_id)
    assert (await app.call("sweep", message)).succeeded
    assert (await run_of(app, verification.run_id)).verified == 1
    assert (await app.world.on_record(anna.id)).state is State.VERIFIED
    # What only looked has nothing to be verified.
    assert len(app.put()) == 2


async def test_a_sweep_that_is_only_to_report_changes_nothing(app: App) -> None:
    anna = app.world.member("Anna")
    await app.world.register(anna.id, ENDED)
    assert (await app.call("sweep", await wanted(app, mode="report"))).succeeded
    assert app.world.graph_writes() == []
    assert (await run_of(app)).mode == "report"
    assert len(app.put()) == 1  # for the next night


async def test_a_message_never_widens_the_mode(app: App) -> None:
    app.set("ENFORCER_MODE", "report")
    anna = app.world.member("Anna")
    await app.world.register(anna.id, ENDED)
    assert (await app.call("sweep", await wanted(app))).succeeded
    assert app.world.graph_writes() == []


async def test_while_somebody_else_is_at_work_the_message_is_postponed(app: App) -> None:
    anna = app.world.member("Anna")
    await app.world.register(anna.id, ENDED)
    leases = Leases(app.world.services.tables, seconds=60, clock=clock.now)
    message = await wanted(app)
    async with leases.holding(app.world.group.id, "somebody"):
        assert (await app.call("sweep", message)).succeeded
    assert app.put() == [Put("sweeps", 2)]
    assert app.world.member_ids() == {anna.id}
    assert (await app.call("sweep", message)).succeeded
    assert (await run_of(app)).actor == "timer"
    assert app.world.member_ids() == set()


async def test_a_sweep_that_cannot_go_on_fails_so_that_the_platform_tries_again(app: App) -> None:
    anna = app.world.member("Anna")
    await app.world.register(anna.id, ENDED)
    fault = Fault(path="/members", status=403, times=None)
    app.world.directory.sandbox.faults.add(fault)
    message = await wanted(app)
    failed = await app.call("sweep", message)
    assert not failed.succeeded
    run = await run_of(app)
    assert (run.state, run.error.partition(":")[0]) == (RunState.FAILED, "AccessDeniedError")

    app.world.directory.sandbox.faults.clear()
    assert (await app.call("sweep", message)).succeeded
    assert app.world.member_ids() == set()
    run = await run_of(app)
    assert (run.state, run.error, run.removed) == (RunState.COMPLETE, "", 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "{}",
        '{"group_id":"99999999-8888-7777-6666-555555555555","reason":"x"}',
        '{"group_id":5,"reason":"x"}',
        '{"group_id":"GROUP","reason":"x","mode":"dry-run"}',
    ],
)
async def test_a_message_that_asks_for_nothing_sensible_fails(app: App, text: str) -> None:
    anna = app.world.member("Anna")
    await app.world.register(anna.id, ENDED)
    failed = await app.call("sweep", text.replace("GROUP", app.world.group.id))
    assert not failed.succeeded
    assert "InputError" in (failed.error or "")
    assert app.world.member_ids() == {anna.id}


async def test_a_group_may_be_named_in_capitals(app: App) -> None:
    anna = app.world.member("Anna")
    await app.world.register(anna.id, ENDED)

    assert (await app.call("sweep", SweepMessage(group_id=app.world.group.id.upper(), reason="x"))).succeeded

    assert app.world.member_ids() == set()


# A message put by hand -------------------------------------------------------------------------------------

FORGED = "20261101T003000-0f9a3c"


@pytest.mark.parametrize("run_id", ["", FORGED])
async def test_sweep_message_without_a_record_sweeps_in_its_own_name(app: App, run_id: str) -> None:
    await app.world.register(app.world.member("Anna").id, ENDED)
    claims = {"reason": "nightly", "actor": "user:ann", "run_id": run_id}

    assert (await app.call("sweep", json.dumps({"group_id": app.world.group.id, **claims}))).succeeded

    assert app.world.member_ids() == set()
    (run,) = [one for one in await app.runs() if not one.queued]
    assert (run.actor, run.reason) == (QUEUE_MESSAGE, f"{QUEUE_MESSAGE}: nightly")
    assert run.run_id != FORGED
    entries = [link.entry async for link in app.world.services.ledger.links(app.world.group.id)]
    assert {entry.actor for entry in entries} == {QUEUE_MESSAGE}


async def test_sweep_message_that_names_a_finished_run_borrows_no_name(app: App) -> None:
    message = await wanted(app)
    assert (await app.call("sweep", message)).succeeded
    first = await run_of(app)
    await app.world.register(app.world.member("Anna").id, ENDED)

    assert (await app.call("sweep", message)).succeeded

    assert await run_of(app) == first
    (second,) = [one for one in await app.runs() if one.run_id != RUN_ID and not one.queued]
    assert (second.actor, second.removed) == (QUEUE_MESSAGE, 1)


async def test_sweep_message_that_names_an_offboarding_borrows_no_name(app: App) -> None:
    message = await wanted(app)
    (run,) = await app.runs()
    await app.world.services.runs.ask(replace(run, kind=RunKind.OFFBOARD, actor="user:ann"))

    assert (await app.call("sweep", message)).succeeded

    assert {one.actor for one in await app.runs() if not one.queued} == {QUEUE_MESSAGE}


async def test_sweep_message_put_by_hand_may_only_look(app: App) -> None:
    anna = app.world.member("Anna")
    await app.world.register(anna.id, ENDED)
    message = SweepMessage(group_id=app.world.group.id, reason="a look", mode="report")
    assert (await app.call("sweep", message)).succeeded
    assert app.world.member_ids() == {anna.id}
    assert app.put() == []


# offboard_queued -----------------------------------------------------------------------------------------


async def test_a_queued_offboarding_is_carried_out(app: App) -> None:
    anna = app.world.member("Anna")
    message = await app.asked(anna.user_principal_name)
    assert (await app.call("offboard_queued", message)).succeeded
    assert app.world.member_ids() == set()
    run = await run_of(app)
    assert (run.kind, run.removed, run.actor, run.reason) == (RunKind.OFFBOARD, 1, "ann", "left")
    assert app.put() == []


@pytest.mark.parametrize("forged", ["no run", "a sweep's run", "somebody else's run"])
async def test_an_offboarding_that_no_run_asks_for_is_never_carried_out(app: App, forged: str) -> None:
    anna, ben = app.world.member("Anna"), app.world.member("Ben")
    if forged == "a sweep's run":
        sweep = Run(run_id=RUN_ID, group_id=app.world.group.id, started_at=clock.now(), mode="enforce")
        await app.world.services.runs.ask(sweep)
    if forged == "somebody else's run":
        await app.asked(ben.id)
    message = OffboardMessage(user=anna.id, run_id=RUN_ID, reason="boss says so")

    failed = await app.call("offboard_queued", message)
    assert not failed.succeeded
    assert (await app.call("offboardings_poisoned", message)).succeeded

    assert app.world.member_ids() == {anna.id, ben.id}
    assert [write for write in app.world.graph_writes() if "checkMember" not in write] == []
    runs = await app.world.services.runs.of_group(app.world.group.id, app.world.clock())
    [refused] = [run for run in runs if run.run_id != RUN_ID]
    assert (refused.state, refused.actor) == (RunState.FAILED, "queue message")
    assert "no run in table runs asks for this offboarding" in refused.error
    assert [run.state for run in runs if run.run_id == RUN_ID] == [RunState.RUNNING] * (forged != "no run")


async def test_unknown_persons_name_is_on_record_but_not_in_the_log(app: App) -> None:
    message = await app.asked("nobody@x.example")
    called = await app.call("offboard_queued", message)

    assert not called.succeeded
    assert "nobody@x.example" not in str(called)
    run = await run_of(app)
    assert run.state is RunState.FAILED
    assert "nobody@x.example" in run.error


async def test_queued_offboarding_without_an_account_ends_the_rows(app: App) -> None:
    await app.world.register("nora@x.example", RUNNING)
    message = await app.asked("nora@x.example")

    for _ in range(2):  # as the platform delivers what has failed
        assert not (await app.call("offboard_queued", message)).succeeded
    assert (await app.call("offboardings_poisoned", message)).succeeded

    run = await run_of(app)
    assert run.state is RunState.FAILED
    assert f"ended now: {app.world.group.id}/nora@x.example" in run.error


async def test_queued_offboarding_while_storage_is_away_is_retried_ever_later(app: App) -> None:
    anna = app.world.member("Anna")
    message = await app.asked(anna.id, attempt=3)
    away = StorageFault(calls=Calls(service=Service.TABLE), times=1_000, reply=Reply.SERVER_BUSY)
    app.proxy.set_fault(away)
    assert (await app.call("offboard_queued", message)).succeeded
    assert app.put() == [Put("offboardings", 240)]
    app.proxy.clear()

    again = msgspec.structs.replace(message, attempt=message.attempt + 1)
    assert (await app.call("offboard_queued", again)).succeeded
    assert app.world.member_ids() == set()


async def test_while_no_token_can_be_had_an_offboarding_is_tried_again_later(app: App) -> None:
    anna = app.world.member("Anna")
    message = await app.asked(anna.id, attempt=3)
    app.world.directory.sandbox.faults.add(Fault(path="/msi/token", status=503, times=None))
    await work_off(app.world.services, message)
    assert app.put() == [Put("offboardings", 240)]


async def test_after_a_day_of_trying_an_offboarding_is_given_up(app: App) -> None:
    anna = app.world.member("Anna")
    message = await app.asked(anna.id, attempt=100)
    away = StorageFault(calls=Calls(service=Service.TABLE), times=1_000, reply=Reply.SERVER_BUSY)
    app.proxy.set_fault(away)
    assert not (await app.call("offboard_queued", message)).succeeded
    assert app.put() == []


async def test_an_offboarding_of_which_a_step_failed_is_delivered_again(app: App) -> None:
    anna = app.world.member("Anna")
    message = await app.asked(anna.id)
    refused = Fault(method="DELETE", path=app.world.group.id, status=403)
    app.world.directory.sandbox.faults.add(refused)
    assert not (await app.call("offboard_queued", message)).succeeded
    assert (await run_of(app)).state is RunState.FAILED
    assert (await app.call("offboard_queued", message)).succeeded
    assert (await run_of(app)).state is RunState.COMPLETE


async def test_an_offboarding_of_nobody_fails(app: App) -> None:
    message = await app.asked("nobody@x.example")
    assert not (await app.call("offboard_queued", message)).succeeded


async def test_sweep_delivered_twice_does_not_overwrite_its_first_record(app: App) -> None:
    anna = app.world.member("Anna")
    await app.world.register(anna.id, ENDED)
    message = await wanted(app)
    assert (await app.call("sweep", message)).succeeded
    assert (await app.call("sweep", message)).succeeded
    assert (await run_of(app)).removed == 1


async def test_nor_does_one_whose_run_is_still_at_work_on_other_groups(app: App) -> None:
    other = app.world.tenant.add_group("Others")
    app.world.configure(group_ids=(app.world.group.id, other.id))
    app.set("ENFORCER_GROUP_IDS", f"{app.world.group.id},{other.id}")
    now = app.world.clock.moment
    waiting = Run(run_id=RUN_ID, group_id=other.id, started_at=now, mode="enforce")
    await app.world.services.runs.save(Report(run=waiting))
    await app.world.register(app.world.member("Anna").id, ENDED)
    message = await wanted(app)
    assert (await app.call("sweep", message)).succeeded
    assert (await app.call("sweep", message)).succeeded
    assert (await run_of(app)).removed == 1


async def test_an_offboarding_that_is_delivered_twice_is_done_once(app: App) -> None:
    anna = app.world.member("Anna")
    message = await app.asked(anna.id)
    assert (await app.call("offboard_queued", message)).succeeded
    first = await run_of(app)
    assert (await app.call("offboard_queued", message)).succeeded
    assert await run_of(app) == first


async def test_a_report_that_somebody_asked_for_is_no_nights_run(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    await app.world.register(app.world.member("Anna").id, ENDED)
    assert (await app.call("sweep", await wanted(app, mode="report"))).succeeded
    assert "complete=false" in caplog.text
    assert (await read_status(app.world.services)).groups[0].last_complete_run is None
