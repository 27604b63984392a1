"""`check`: everything that a nightly run needs, how it is, and how to fix it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from azure.storage.queue.aio import QueueClient

from enforcer.core.calendar.midnight import Midnight
from enforcer.core.contractors import RegisterRow
from enforcer.core.settings import Disable, FourEyes, Mode, Storage
from enforcer.status.check import Check, Health
from enforcer.status.checks import run_checks
from enforcer.storage.queues import OFFBOARDINGS, POISON, SWEEPS, Queues
from enforcer.storage.tables.register import Register
from enforcer.storage.tables.tables import Tables
from sandbox.azurite import StorageEndpoints
from sandbox.directory import Fault as GraphFault
from sandbox.storage_proxy import Calls, Fault, Reply, Service, StorageProxy
from tests.reliability.conftest import without_waiting_for_policies
from tests.support.policy_examples import changed, handmade, in_tenant, shipped
from tests.support.spoiled_rows import ROWS, spoil_register
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

STRAY = "00000000-0000-0000-0000-00000000dead"


async def _checks(world: World, **settings: object) -> dict[str, Check]:
    world.configure(**settings)
    return {check.name: check async for check in run_checks(world.services)}


@pytest.fixture
async def shaken(world: World, storage: StorageProxy) -> AsyncIterator[World]:
    """The world, with register, queues and blobs behind the proxy `storage`."""
    there = Storage(connection_string=storage.endpoints.connection_string)
    async with Queues(there) as queues, Tables(there) as tables:
        world.services = replace(world.services, queues=queues, register=Register(tables))
        world.configure(storage=there)
        yield world


async def test_a_group_that_cannot_be_managed_fails_with_what_to_do(world: World) -> None:
    world.group.group_types = ["DynamicMembership"]

    check = (await _checks(world))[f"group {world.group.id}"]

    assert check.health is Health.FAILED
    assert "dynamic" in check.detail


async def test_protected_groups_are_counted_and_one_that_is_missing_fails(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    protected = world.tenant.add_group("Break glass", members=[anna])
    checks = await _checks(world, protected_group_ids=(protected.id, STRAY))
    assert checks[f"protected group {protected.id}"].health is Health.OK
    assert checks[f"protected group {protected.id}"].detail.startswith("1 members")
    missing = checks[f"protected group {STRAY}"]
    assert (missing.health, "does not exist" in missing.detail) == (Health.FAILED, True)


async def test_a_leavers_group_has_to_exist_be_owned_and_be_named_by_a_policy(world: World) -> None:
    assert world.tenant.identity is not None
    world.tenant.grant(world.tenant.identity, "Policy.Read.All")
    assert not [name for name in await _checks(world) if "leavers" in name]
    world.member("Anna")
    left = world.tenant.add_group("Left", members=(world.tenant.add_user("Ben"),))
    block = handmade(in_tenant(shipped()["no-group-no-access"]))
    excluding = {"excludeGroups": [world.group.id]}
    world.tenant.policies["it"] = {**changed(block, **excluding).body, "id": "it"}

    found = await _checks(world, leavers_group=left.id)

    assert found[f"leavers' group {left.id}"].detail == "1 members; a policy has to block them"
    assert found[f"may change group {left.id}"].health is Health.OK
    policies = found["leavers' policy"]
    assert (policies.health, left.id in policies.detail) == (Health.WARNING, True)

    gone = await _checks(world, leavers_group=STRAY)
    check = gone[f"leavers' group {STRAY}"]
    assert (check.health, check.fix) == (Health.FAILED, "correct ENFORCER_LEAVERS_GROUP")


async def test_a_missing_permission_is_named_with_the_command_that_grants_it(world: World) -> None:
    identity = world.tenant.identity
    assert identity is not None
    world.tenant.assignments[identity.id].clear()
    world.tenant.grant(identity, "GroupMember.Read.All", "User.Read.All")

    checks = await _checks(world, disable_accounts=Disable.ALL)

    assert checks["may read users"].health is Health.OK
    assert checks["may revoke sessions"].health is Health.FAILED
    assert "User.RevokeSessions.All" in checks["may revoke sessions"].fix
    assert checks["may disable accounts"].health is Health.FAILED
    assert checks[f"may change group {world.group.id}"].health is Health.FAILED


async def test_policies_that_may_not_be_read_are_a_warning_with_the_permission(world: World) -> None:
    check = (await _checks(world))["conditional access"]
    assert check.health is Health.WARNING
    assert check.fix.endswith(" Policy.Read.All")


async def _conditional_access(world: World) -> list[Check]:
    assert world.tenant.identity is not None
    world.tenant.grant(world.tenant.identity, "Policy.Read.All")
    without_waiting_for_policies(world)
    found = [check async for check in run_checks(world.services)]
    return [check for check in found if check.name == "conditional access"]


def _block(world: World, name: str, **users: object) -> None:
    """Have somebody else's policy block all users except these."""
    wanted = {"includeUsers": ["All"], "includeGroups": [], "includeGuestsOrExternalUsers": None, **users}
    policy = handmade(changed(in_tenant(shipped()["no-group-no-access"]), **wanted), name)
    world.tenant.policies[policy.id] = policy.body


async def test_nobody_else_is_blocked_only_if_what_if_of_a_member_says_so(world: World) -> None:
    member = world.member("Mia Member")
    _block(world, "Wall", excludeGroups=[world.group.id])
    (check,) = await _conditional_access(world)
    assert check.health is Health.OK
    assert f"and nobody else: What If says so of {member.id}" in check.detail
    assert "Wall" in check.detail

    _block(world, "Fence", excludeGroups=[])
    (check,) = await _conditional_access(world)
    assert check.health is Health.FAILED
    assert f"{member.id}, a member today, is blocked as well, by Fence" in check.detail


async def test_where_nobody_is_in_the_group_coverage_is_not_examined(world: World) -> None:
    _block(world, "Wall", excludeGroups=[world.group.id])
    (check,) = await _conditional_access(world)
    assert "Wall" in check.detail
    assert "coverage not examined" in check.detail


async def test_what_if_that_does_not_answer_leaves_members_unclaimed(world: World) -> None:
    world.member("Mia Member")
    _block(world, "Wall", excludeGroups=[world.group.id])
    world.directory.sandbox.faults.add(GraphFault(path="/evaluate", status=403))
    (check,) = await _conditional_access(world)
    assert "nobody else" not in check.detail
    assert "whether members are was not asked: Entra's evaluation of a sign-in" in check.detail


async def test_every_owner_who_is_not_the_identity_is_named(world: World) -> None:
    tenant = world.directory.tenant
    name = f"owners of group {world.group.id}"
    assert (await _checks(world))[name].health is Health.OK
    other = tenant.add_application("another application")
    person = tenant.add_user("Olga Owner")
    tenant.owners[world.group.id] += [other.id, person.id]
    found = (await _checks(world))[name]
    assert found.health is Health.WARNING
    assert person.user_principal_name in found.detail
    assert other.id in found.detail
    assert "az ad group owner remove" in found.fix


async def test_ownership_of_the_group_is_enough_to_change_it(world: World) -> None:
    identity = world.tenant.identity
    assert identity is not None
    world.tenant.assignments[identity.id].clear()
    world.tenant.grant(identity, "GroupMember.Read.All", "User.Read.All")
    world.tenant.owners[world.group.id] = [identity.id]

    assert (await _checks(world))[f"may change group {world.group.id}"].health is Health.OK


async def test_rows_of_no_managed_group_are_found(world: World) -> None:
    stray = RegisterRow(group_id=STRAY, row_key="ben@x.example", end_date=RUNNING)
    await world.services.register.save(stray)

    checks = [check async for check in run_checks(world.services) if check.name == "register"]

    assert [check.health for check in checks if STRAY in check.detail] == [Health.FAILED]


async def test_rows_that_cannot_be_read_are_counted(world: World) -> None:
    await world.register("ben@x.example", RUNNING)
    await spoil_register(world.services.tables, world.group.id)

    check = (await _checks(world))["register"]

    assert check.health is Health.WARNING
    rows = len(ROWS)
    assert f"{rows + 1} rows of managed groups, {rows} of them cannot be read" in check.detail


async def test_an_error_of_one_check_does_not_stop_the_others(world: World) -> None:
    world.services = replace(world.services, register=None)  # type: ignore[arg-type]

    checks = await _checks(world)

    assert checks["register"].health is Health.FAILED
    assert "AttributeError" in checks["register"].detail
    assert checks[f"group {world.group.id}"].health is Health.OK


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
    assert report.run.digest in checks["brake"].fix


async def test_the_next_night_is_shown_in_utc_and_in_the_organisations_zone(world: World) -> None:
    world.clock.moment = datetime(2026, 11, 23, 1, 29, tzinfo=UTC)

    checks = await _checks(world, schedule="0 30 1 * * *", zone=ZoneInfo("America/New_York"))

    assert checks["schedule"] == Check(
        name="schedule",
        health=Health.OK,
        detail="0 30 1 * * *: the next nightly run begins at 2026-11-23T01:30:00Z, 20:30 in America/New_York",
    )


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
    assert "ENFORCER_TIME_ZONE" in check.fix


async def test_storage_that_answers_is_told_of_by_its_parts(world: World) -> None:
    checks = await _checks(world)

    assert checks["queues"].health is Health.OK
    assert "sweeps" in checks["queues"].detail
    assert "offboardings" in checks["queues"].detail
    assert checks["reports"].health is Health.OK


@pytest.mark.parametrize(
    ("service", "name", "other"),
    [(Service.QUEUE, "queues", "reports"), (Service.BLOB, "reports", "queues")],
)
async def test_storage_that_does_not_answer_fails_its_check_in_time(
    shaken: World, storage: StorageProxy, service: Service, name: str, other: str
) -> None:
    storage.set_fault(Fault(calls=Calls(service=service), times=1_000, reply=Reply.DROPPED))

    checks = await _checks(shaken)

    assert checks[name].health is Health.FAILED
    assert "storage did not answer" in checks[name].detail
    assert "firewall" in checks[name].fix
    assert checks[other].health is Health.OK
    # Two attempts, each of which aiohttp may repeat.
    assert storage.count(Calls(service=service)) <= 4


async def test_a_check_that_takes_too_long_fails(shaken: World, storage: StorageProxy) -> None:
    calls = Calls(service=Service.TABLE, path="contractors")
    storage.set_fault(Fault(calls=calls, times=1_000, delay=timedelta(seconds=2)))

    checks = {check.name: check async for check in run_checks(shaken.services, seconds=0.5)}

    assert checks["register"].health is Health.FAILED
    assert "within 0.5 seconds" in checks["register"].detail
    assert "firewall" in checks["register"].fix


async def test_queues_into_which_only_the_app_may_look_are_a_warning(
    shaken: World, storage: StorageProxy
) -> None:
    storage.set_fault(Fault(calls=Calls(service=Service.QUEUE), times=1_000, reply=Reply.REFUSED))

    check = (await _checks(shaken))["queues"]

    assert check.health is Health.WARNING
    assert "Storage Queue Data Contributor" in check.fix


async def test_messages_that_lie_in_a_poison_queue_are_a_warning_that_names_it(
    world: World, azurite: StorageEndpoints
) -> None:
    name = f"{OFFBOARDINGS}{POISON}"
    async with QueueClient.from_connection_string(azurite.connection_string, name) as queue:
        await queue.create_queue()
        await queue.send_message("given up")
        checks = await _checks(world)
        await queue.delete_queue()

    assert checks[name].health is Health.WARNING
    assert checks[name].detail.endswith(": 1")
    assert f"{SWEEPS}{POISON}" not in checks


async def test_it_says_who_is_told_and_keeps_the_addresses_of_webhooks_to_itself(world: World) -> None:
    urls = ("slack://secret/token", "mailto://user:password@example.com")
    told = await _checks(world, notify_urls=urls, mail_sender="access@contoso.example")
    untold = await _checks(world, notify_urls=(), mail_sender="")

    assert told["alarms"].health is told["warnings to sponsors"].health is Health.OK
    assert "mailto, slack" in told["alarms"].detail
    assert "secret" not in told["alarms"].detail
    assert "password" not in told["alarms"].detail
    assert "access@contoso.example" in told["warnings to sponsors"].detail
    assert untold["alarms"].health is untold["warnings to sponsors"].health is Health.WARNING
    assert "ENFORCER_NOTIFY_URLS" in untold["alarms"].fix
    assert "ENFORCER_MAIL_SENDER" in untold["warnings to sponsors"].fix


async def test_sponsors_outside_the_domains_are_named(world: World) -> None:
    for number, sponsor in enumerate(["eve@evil.example", "sue@contoso.example", "", "nobody"]):
        await world.register(f"ada{number}@contoso.example", RUNNING, sponsor=sponsor)
    await world.register("old@contoso.example", ENDED, sponsor="gone@evil.example")
    sender = {"mail_sender": "it@contoso.example", "sponsor_domains": frozenset({"contoso.example"})}

    check = (await _checks(world, **sender))["sponsors"]

    assert check.health is Health.WARNING
    assert check.detail == "1 are outside contoso.example and get no mail: eve@evil.example"


async def test_a_mailbox_possibly_granted_in_exchange_is_only_a_warning(world: World) -> None:
    identity = world.tenant.identity
    assert identity is not None
    world.tenant.assignments[identity.id].clear()
    world.tenant.grant(identity, "GroupMember.Read.All", "User.Read.All")

    check = (await _checks(world, mail_sender="access@contoso.example"))["may send mail"]

    assert check.health is Health.WARNING
    assert "docs/permissions.md#one-mailbox-instead-of-all" in check.fix
    assert check.fix.endswith(" Mail.Send")


async def test_ends_at_midnight_are_a_warning_that_says_what_to_write(world: World) -> None:
    name = "ends at midnight"
    await world.register("anna@x.example", "2020-12-31T00:00:00Z")
    assert (await _checks(world))[name].health is Health.OK

    await world.register("ben@x.example", "2098-12-31T00:00:00Z")
    check = (await _checks(world))[name]
    assert check.health is Health.WARNING
    assert check.detail.startswith("1 row, such as ben@x.example: EndDate is 2098-12-31T00:00:00Z")
    assert "ENFORCER_MIDNIGHT" in check.fix

    assert (await _checks(world, midnight=Midnight.DAY))[name].health is Health.OK


async def test_four_eyes_that_are_off_are_a_warning(world: World) -> None:
    assert (await _checks(world))["four eyes"].health is Health.OK
    check = (await _checks(world, four_eyes=FourEyes.OFF))["four eyes"]
    assert (check.health, "may approve it themselves" in check.detail) == (Health.WARNING, True)
