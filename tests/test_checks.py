"""`check`: each thing that a night needs, how it is, and what mends it."""

from __future__ import annotations

import pytest

from enforcer.checks import Check, Health, run_checks
from enforcer.core.contractors import Registration
from enforcer.settings import Disable, Mode
from tests.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

STRAY = "00000000-0000-0000-0000-00000000dead"


async def _checks(world: World, **settings: object) -> dict[str, Check]:
    world.configure(**settings)
    return {check.name: check async for check in run_checks(world.services)}


async def test_a_group_that_cannot_be_managed_fails_with_what_to_do(world: World) -> None:
    world.group.group_types = ["DynamicMembership"]

    check = (await _checks(world))[f"group {world.group.id}"]

    assert check.health is Health.FAILED
    assert "dynamic" in check.detail


async def test_a_missing_permission_is_named_with_the_command_that_grants_it(world: World) -> None:
    identity = world.tenant.identity
    assert identity is not None
    world.tenant.assignments[identity.id].clear()
    world.tenant.grant(identity, "GroupMember.Read.All", "User.Read.All")

    checks = await _checks(world, disable_accounts=Disable.ALL)

    assert checks["may read users"].health is Health.OK
    assert checks["may revoke sessions"].health is Health.FAILED
    assert "User.RevokeSessions.All" in checks["may revoke sessions"].mend
    assert checks["may disable accounts"].health is Health.FAILED
    assert checks[f"may change group {world.group.id}"].health is Health.FAILED


async def test_policies_that_may_not_be_listed_are_a_warning_that_names_the_permission(world: World) -> None:
    check = (await _checks(world))["conditional access"]
    assert check.health is Health.WARNING
    assert check.mend.endswith(" Policy.Read.All")


async def test_ownership_of_the_group_is_enough_to_change_it(world: World) -> None:
    identity = world.tenant.identity
    assert identity is not None
    world.tenant.assignments[identity.id].clear()
    world.tenant.grant(identity, "GroupMember.Read.All", "User.Read.All")
    world.tenant.owners[world.group.id] = [identity.id]

    assert (await _checks(world))[f"may change group {world.group.id}"].health is Health.OK


async def test_rows_of_no_managed_group_are_found(world: World) -> None:
    stray = Registration(group_id=STRAY, row_key="ben@x.example", end_date=RUNNING)
    await world.services.register.save(stray)

    checks = [check async for check in run_checks(world.services) if check.name == "register"]

    assert any(STRAY in check.detail for check in checks)
    assert all(check.health is Health.FAILED for check in checks)


async def test_the_last_complete_run_is_shown_and_a_missed_night_fails(world: World) -> None:
    name = f"last complete run of {world.group.id}"
    assert (await _checks(world))[name].health is Health.WARNING
    await world.sweep()
    assert (await _checks(world))[name].health is Health.OK

    world.clock.advance(hours=27)

    assert (await _checks(world))[name].health is Health.FAILED


async def test_a_held_plan_is_named_with_the_command_that_releases_it(world: World) -> None:
    for number in range(3):
        await world.register(world.member(f"Person {number}").id, ENDED)
    world.configure(brake_count=1, brake_percent=10)
    report = await world.sweep()

    checks = await _checks(world)

    assert checks["brake"].health is Health.WARNING
    assert report.run.digest in checks["brake"].mend


async def test_report_mode_and_a_closed_api_are_warnings(world: World) -> None:
    checks = await _checks(world, mode=Mode.REPORT, tenant_id="")

    assert checks["mode"].health is Health.WARNING
    assert checks["HTTP API"].health is Health.WARNING


async def test_one_check_that_cannot_be_made_does_not_stop_the_others(world: World) -> None:
    world.tenant.objects.pop(world.group.id)

    checks = await _checks(world)

    assert checks[f"group {world.group.id}"].health is Health.FAILED
    assert checks["time zone"].health is Health.OK


async def test_a_misspelt_setting_is_named_with_the_nearest_right_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await _checks(world))["settings"].health is Health.OK
    monkeypatch.setenv("ENFORCER_TIMEZONE", "Europe/Berlin")

    check = (await _checks(world))["ENFORCER_TIMEZONE"]

    assert check.health is Health.FAILED
    assert "ENFORCER_TIME_ZONE" in check.mend
