from __future__ import annotations

import pytest

from tests.support.api_caller import Caller
from tests.support.world import ENDED, World

pytestmark = pytest.mark.anyio


async def test_health_says_to_anybody_that_the_app_is_up_and_nothing_else(caller: Caller) -> None:
    reply = await caller.call("get_health", headers={})
    assert (reply.status, reply.json) == (200, {"status": "up"})


async def test_health_does_not_depend_on_the_settings_of_the_api(caller: Caller) -> None:
    caller.configure(tenant_id="", api_audience="")
    assert (await caller.call("get_health", headers={})).status == 200


async def test_the_status_is_told_as_json(caller: Caller, world: World) -> None:
    await world.register(world.member("Anna Ended").id, ENDED)
    report = await world.sweep()

    reply = await caller.call("get_status")

    assert (reply.status, reply.json["mode"], reply.json["time_zone"]) == (200, "enforce", "UTC")
    [group] = reply.json["groups"]
    assert group["last_complete_run"]["run_id"] == report.run.run_id
