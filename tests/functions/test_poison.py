"""The functions of the poison queues, and what becomes of messages however they were put into a queue."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from enforcer.core.plan import FindingKind
from enforcer.core.runs import Report, Run, RunKind, RunState
from enforcer.storage.queues import OFFBOARDINGS, POISON, SWEEPS, SweepMessage
from sandbox.directory import Fault
from tests.functions.conftest import RUN_ID, App, run_of, wanted
from tests.support.findings import too_many
from tests.support.messaging import Webhook, mailing, running_webhook
from tests.support.world import ENDED

pytestmark = pytest.mark.anyio

GROUP = "%group%"
# In place of the group's ID; then what its run says about it.
UNREADABLE = {
    "sweep Contractors please": "not a SweepMessage",
    "": "not a SweepMessage",
    "%group%": "not a SweepMessage",
    '{"group_id":"%group%"': "not a SweepMessage",
    '{"groupId":"%group%","reason":"r"}': "missing required field `group_id`",
    '["%group%"]': "got `array`",
    '{"group_id":"%group%","reason":"' + "r" * 40_000 + '"}': "$.reason",
    '{"group_id":"%group%","reason":"r","more":' + "[" * 20_000 + "]" * 20_000 + "}": "recursion",
    '{"group_id":"99999999-8888-7777-6666-555555555555","reason":"r"}': "5555' is not a managed group",
    '{"group_id":"%group%","reason":"r","mode":"dry-run"}': "'dry-run' is not a mode",
}


@pytest.fixture
async def hook(app: App) -> AsyncIterator[Webhook]:
    """Where operators hear of it."""
    async with running_webhook() as hook, mailing(app.world):
        app.set("ENFORCER_NOTIFY_URLS", hook.url)
        yield hook


@pytest.mark.parametrize("encoded", [False, True])
async def test_a_sweep_is_made_of_a_message_as_an_operator_puts_it(app: App, *, encoded: bool) -> None:
    await app.world.register(app.world.member("Anna").id, ENDED)
    # `az storage message put --content '…'`, and the portal, which encodes what is typed.
    plain = f'{{"group_id": "{app.world.group.id}",\r\n "reason": "asked for"}}'
    async with app.at_work("sweep"):
        await app.send(SWEEPS, b64encode(plain.encode()).decode() if encoded else plain)
        (call,) = await app.ended("sweep", 1)
    assert call.error is None
    assert app.world.member_ids() == set()


async def test_what_an_earlier_version_had_queued_is_still_done(app: App) -> None:
    anna = app.world.member("Anna")
    message = await app.asked(anna.id)
    async with app.at_work("offboard_queued"):
        await app.send(OFFBOARDINGS, b64encode(msgspec.json.encode(message)).decode())
        (call,) = await app.ended("offboard_queued", 1)
    assert call.error is None
    assert app.world.member_ids() == set()


async def test_what_an_earlier_version_had_given_up_is_recorded(app: App) -> None:
    message = await app.asked("anna@x.example")
    async with app.at_work("offboardings_poisoned"):
        await app.send(f"{OFFBOARDINGS}{POISON}", b64encode(msgspec.json.encode(message)).decode())
        (call,) = await app.ended("offboardings_poisoned", 1)
    assert call.error is None
    run = await run_of(app)
    assert (run.state, run.actor) == (RunState.FAILED, "ann")
    assert await app.lying(f"{OFFBOARDINGS}{POISON}") == 0


async def test_unreadable_message_is_announced_reported_and_recorded(
    app: App, hook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    texts = ["sweep Contractors please", b64encode(b"\x00\xff\xfe").decode()]
    await app.send(SWEEPS, *texts)
    await app.send(OFFBOARDINGS, *texts)
    async with app.at_work("sweep", "offboard_queued", "sweeps_poisoned", "offboardings_poisoned"):
        told = await app.ended("sweeps_poisoned", 2) + await app.ended("offboardings_poisoned", 2)

    assert [call.error for call in told] == [None] * 4
    assert len(await app.ended("sweep", 10)) == 10
    for queue in (SWEEPS, OFFBOARDINGS, f"{SWEEPS}{POISON}", f"{OFFBOARDINGS}{POISON}"):
        assert await app.lying(queue) == 0
        assert caplog.text.count(f"message_poisoned queue={queue} ") == (0 if POISON in queue else 2)
    titles = ("offboardings: work was given up", "sweeps: work was given up")
    assert sorted(sent["title"] for sent in hook.got) == [titles[0], titles[0], titles[1], titles[1]]
    runs = await app.world.services.runs.of_group(app.world.group.id, app.world.clock())
    assert {run.state for run in runs} == {RunState.FAILED}
    assert sum("'sweep Contractors please'" in run.error for run in runs) == 2
    assert sum(run.run_id in sent["message"] for sent in hook.got for run in runs) == 4


async def test_a_run_says_what_is_wrong_with_the_message_that_asked_for_it(app: App) -> None:
    for text in UNREADABLE:
        called = await app.call("sweeps_poisoned", text.replace(GROUP, app.world.group.id))
        assert called.succeeded, text
    runs = await app.world.services.runs.of_group(app.world.group.id, app.world.clock())
    assert len(runs) == len(UNREADABLE)
    errors = [run.error for run in runs]
    for problem in UNREADABLE.values():
        assert any(problem in error for error in errors), problem
    # Whoever reads the run has nothing else by which to tell what was meant.
    assert any("it says '[\"" in error for error in errors)


async def test_a_message_that_is_given_up_twice_is_recorded_once(app: App) -> None:
    message = await wanted(app)
    assert (await app.call("sweeps_poisoned", message)).succeeded
    first = await run_of(app)
    assert (await app.call("sweeps_poisoned", message)).succeeded
    assert await run_of(app) == first


async def test_a_sweep_that_was_given_up_is_recorded_and_raises_an_alarm(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await app.call("sweeps_poisoned", await wanted(app))).succeeded
    run = await run_of(app)
    assert (run.state, run.kind, run.reason) == (RunState.FAILED, RunKind.SWEEP, "nightly")
    assert (run.actor, run.queued, run.is_over) == ("timer", False, True)
    assert "given up" in run.error
    assert f"message_poisoned queue=sweeps message_id=made-up group_id={app.world.group.id}" in caplog.text


async def test_what_the_last_try_has_recorded_is_kept_when_a_sweep_is_given_up(app: App) -> None:
    await app.world.register(app.world.member("Anna").id, ENDED)
    fault = Fault(method="GET", path="/members", times=None, status=400, code="Odd", message="no")
    app.world.directory.sandbox.faults.add(fault)
    message = await wanted(app)
    assert not (await app.call("sweep", message)).succeeded
    last = await run_of(app)
    assert "Odd" in last.error

    assert (await app.call("sweeps_poisoned", message)).succeeded

    run = await run_of(app)
    assert (run.state, run.started_at) == (RunState.FAILED, last.started_at)
    assert "given up" in run.error
    assert last.error in run.error


async def test_sweep_given_up_after_it_was_recorded_keeps_its_findings(app: App) -> None:
    runs = app.world.services.runs
    recorded = await app.world.record(too_many(ghosts=5), RunState.FAILED)
    before = await runs.findings(recorded.group_id, recorded.run_id)

    assert (
        await app.call(
            "sweeps_poisoned", SweepMessage(group_id=app.world.group.id, reason="x", run_id=recorded.run_id)
        )
    ).succeeded

    (run,) = await runs.of_id(recorded.run_id, [recorded.group_id])
    assert (run.state, run.findings) == (RunState.FAILED, 6_005)
    assert "given up" in run.error
    assert await runs.findings(recorded.group_id, recorded.run_id) == before
    assert before.by_kind[FindingKind.UNREGISTERED_MEMBER] == 5


@pytest.mark.parametrize("text", ["not JSON", '{"group_id":"../x","reason":"y"}', ""])
async def test_even_what_nobody_can_read_raises_an_alarm(
    app: App, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    assert (await app.call("sweeps_poisoned", text)).succeeded
    assert (await app.call("offboardings_poisoned", text)).succeeded
    assert "message_poisoned queue=sweeps message_id=made-up group_id=" in caplog.text
    assert "message_poisoned queue=offboardings" in caplog.text


async def test_an_offboarding_that_was_given_up_is_recorded(app: App) -> None:
    message = await app.asked("anna@x.example")
    assert (await app.call("offboardings_poisoned", message)).succeeded
    run = await run_of(app)
    assert (run.state, run.kind, run.actor) == (RunState.FAILED, RunKind.OFFBOARD, "ann")


async def test_offboarding_given_up_stays_complete_in_groups_where_it_was(
    app: App,
) -> None:
    now = app.world.clock.moment
    done = Run(
        run_id=RUN_ID,
        group_id=app.world.group.id,
        kind=RunKind.OFFBOARD,
        started_at=now,
        finished_at=now,
        state=RunState.COMPLETE,
        mode="enforce",
        due=1,
        removed=1,
        asked_for=("x@y.example",),
    )
    message = await app.asked("x@y.example")
    await app.world.services.runs.save(Report(run=done))
    assert (await app.call("offboardings_poisoned", message)).succeeded
    assert (await run_of(app)).state is RunState.COMPLETE


async def test_forged_poison_message_stops_no_offboarding_that_waits(app: App) -> None:
    """The attack: a holder of the queue role reads the waiting message, and puts it on the poison queue."""
    anna = app.world.member("Anna")
    message = await app.asked(anna.id)
    assert (await app.call("offboardings_poisoned", message)).succeeded
    assert (await run_of(app)).is_given_up

    assert (await app.call("offboard_queued", message)).succeeded

    assert app.world.member_ids() == set()
    assert (await run_of(app)).state is RunState.COMPLETE


async def test_offboarding_given_up_days_ago_is_not_done_by_its_message(app: App) -> None:
    ben = app.world.member("Ben")
    message = await app.asked(ben.id)
    run = await run_of(app)
    old = replace(run, started_at=run.started_at - timedelta(days=2))
    await app.world.services.runs.ask(old)
    assert (await app.call("offboardings_poisoned", message)).succeeded

    assert (await app.call("offboard_queued", message)).succeeded

    assert app.world.member_ids() == {ben.id}


async def test_forged_poison_message_takes_no_night_its_name(app: App) -> None:
    await app.world.register(app.world.member("Anna").id, ENDED)
    message = await wanted(app)
    assert (await app.call("sweeps_poisoned", message)).succeeded

    assert (await app.call("sweep", message)).succeeded

    run = await run_of(app)
    assert (run.state, run.actor, run.removed) == (RunState.COMPLETE, "timer", 1)
