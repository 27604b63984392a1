"""The nightly timer puts a message for each managed group, and leaves the rest to the platform."""

from __future__ import annotations

import pytest

from enforcer.storage.queues import read_sweep_message
from sandbox.storage_proxy import Fault, Reply
from tests.functions.conftest import App, Put, run_of

pytestmark = pytest.mark.anyio


async def test_every_managed_group_gets_a_message_at_once(app: App) -> None:
    groups = [app.world.group.id, app.world.tenant.add_group("Others").id]
    app.set("ENFORCER_GROUP_IDS", ",".join(groups))

    assert (await app.host.timer("nightly")).succeeded

    assert app.put() == [Put("sweeps", 0)] * 2
    messages = [read_sweep_message(body) for body in await app.messages("sweeps")]
    assert [message.group_id for message in messages] == groups
    for message in messages:
        run = await run_of(app, message.run_id, message.group_id)
        assert (run.actor, run.reason, run.queued, run.is_over) == ("timer", "nightly", True, False)


async def test_a_night_that_comes_late_says_so(app: App) -> None:
    await app.host.timer("nightly", {"IsPastDue": True})
    (message,) = [read_sweep_message(body) for body in await app.messages("sweeps")]
    assert message.reason == "nightly, late"


async def test_night_that_cannot_be_queued_fails_and_is_retried(app: App) -> None:
    app.proxy.set_fault(Fault(times=100, reply=Reply.CONDITION_NOT_MET))
    assert not (await app.host.timer("nightly")).succeeded
    app.proxy.clear()
    assert (await app.host.timer("nightly")).succeeded


async def test_the_schedule_is_that_of_the_settings(app: App) -> None:
    trigger = app.host.functions["nightly"].trigger
    assert trigger.schedule == "0 30 0 * * *"
