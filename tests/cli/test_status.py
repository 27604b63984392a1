"""`status` and `check` as people and programs read them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enforcer.core.offboarding_record import OffboardingRecord, State
from tests.cli.conftest import Shell
from tests.support.world import ENDED, RUNNING

pytestmark = pytest.mark.anyio


# status --------------------------------------------------------------------------------------------------


async def test_programs_get_what_the_http_api_tells(shell: Shell) -> None:
    await shell.world.register(shell.world.member("Anna").id, RUNNING)
    report = await shell.world.sweep()

    ran = await shell.run("status", "--output", "json")

    assert (ran.code, ran.err) == (0, "")
    (group,) = ran.data["groups"]
    assert (group["group_id"], group["contractors"]) == (shell.world.group.id, 1)
    assert group["last_complete_run"]["run_id"] == report.run.run_id


async def test_people_see_who_is_stuck_who_ends_soon_and_what_was_found(shell: Shell) -> None:
    world = shell.world
    soon = (world.clock.moment + timedelta(days=3)).date().isoformat()
    await world.register("soon@x.example", soon)
    await world.register("odd@x.example", "never")
    stuck = OffboardingRecord(
        row_key="k", user_id="stuck-one", state=State.STUCK, attempts=6, last_error="403 no"
    )
    await world.sweep()
    await world.services.records.save(world.group.id, [stuck])

    ran = await shell.run("status", "--output", "table")

    assert ran.code == 0
    assert f"Group {world.group.id}: contractors with access: 1" in ran.out
    for told in ("stuck-one", "403 no", "soon@x.example", "invalid_row"):
        assert told in ran.out


async def test_a_held_plan_is_told_with_the_command_that_releases_it(shell: Shell) -> None:
    shell.world.configure(brake_count=1, brake_percent=10)
    for name in ("Anna", "Ben"):
        await shell.world.register(shell.world.member(name).id, ENDED)
    report = await shell.world.sweep()

    ran = await shell.run("status", "--output", "table")

    assert ran.code == 0
    assert "HELD by the brake: 2 of 2 members" in ran.err
    assert f"enforcer approve {report.run.digest}" in ran.err


async def test_the_next_night_is_told(shell: Shell) -> None:
    begins = (await shell.run("status", "--output", "json")).data["next_night"]
    assert begins.endswith("T00:30:00Z")
    assert begins[:16].replace("T", " ") in (await shell.run("status", "--output", "table")).out


# check ---------------------------------------------------------------------------------------------------


async def test_every_check_is_told_and_only_a_failure_is_an_error(shell: Shell) -> None:
    ran = await shell.run("check", "--output", "json")

    healths = {check["name"]: check["health"] for check in ran.data}
    assert (healths["time zone"], healths[f"group {shell.world.group.id}"]) == ("ok", "ok")
    # All tests share one register, in which rows of other groups are a failure.
    assert ran.code == int("failed" in healths.values())


async def test_what_is_wrong_is_shown_with_what_mends_it_and_the_exit_code_is_1(shell: Shell) -> None:
    identity = shell.world.tenant.identity
    assert identity is not None
    shell.world.tenant.assignments[identity.id].clear()
    shell.world.tenant.grant(identity, "GroupMember.Read.All", "User.Read.All")

    ran = await shell.run("check", "--output", "table")

    assert ran.code == 1
    assert "User.RevokeSessions.All" in ran.out
