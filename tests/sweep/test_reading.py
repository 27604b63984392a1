"""Everything that a plan depends on is read completely, or nothing is planned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import AccessDeniedError, GroupError, ReadError, RunError, UnavailableError
from enforcer.core.offboarding_record import Sessions
from enforcer.core.plan import FindingKind, Step
from enforcer.core.runs import RunState
from enforcer.core.settings import PROTECTED_GROUPS, Disable
from enforcer.sweep.reading import read_snapshot
from enforcer.sweep.sweep import SweepRequest, sweep
from sandbox.directory import Fault, Group
from tests.support.spoiled_rows import SHOWN, insert, spoil_register
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"path": "/members", "status": 500, "times": None}, UnavailableError),
        ({"path": "/members", "status": 403, "times": None}, AccessDeniedError),
        ({"path": "/members", "status": 400}, ReadError),
        ({"path": "skiptoken", "status": 404}, ReadError),
        ({"path": "/groups/", "status": 404, "times": None}, GroupError),
        ({"path": "/groups/", "status": 401, "times": None}, AccessDeniedError),
    ],
)
async def test_an_incomplete_read_is_not_planned_on(
    world: World, fault: dict[str, object], error: type[RunError]
) -> None:
    world.directory.sandbox.settings.page_limit = 2
    for number in range(5):
        await world.register(world.member(f"User {number}").id, ENDED)
    world.directory.sandbox.faults.add(Fault(**fault))  # type: ignore[arg-type]
    with pytest.raises(error):
        await read_snapshot(world.services, world.group.id)
    assert world.graph_writes() == []


async def test_members_of_protected_groups_stay_also_through_nested_groups(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    inner = world.tenant.add_group("Inner", members=[anna])
    outer = world.tenant.add_group("Break glass", members=[inner])
    world.configure(protected_group_ids=(outer.id,))
    for user in (anna, ben):
        await world.register(user.id, ENDED)
    report = await world.sweep()
    assert (world.member_ids(), report.run.removed) == ({anna.id}, 1)
    assert [(found.kind, found.user_id) for found in report.findings] == [(FindingKind.PROTECTED, anna.id)]


@pytest.mark.parametrize(
    ("fault", "error", "why"),
    [
        ({"path": "/transitiveMembers", "status": 503, "times": None}, UnavailableError, "503"),
        ({"path": "/transitiveMembers", "status": 403, "times": None}, ReadError, PROTECTED_GROUPS),
        (
            {"path": "select=id,displayName,visibility", "status": 404, "times": None},
            GroupError,
            PROTECTED_GROUPS,
        ),
    ],
)
async def test_a_protected_group_that_cannot_be_read_ends_the_sweep(
    world: World, fault: dict[str, object], error: type[RunError], why: str
) -> None:
    await world.register(world.member("Anna").id, ENDED)
    world.configure(protected_group_ids=(world.tenant.add_group("Break glass").id,))
    world.directory.sandbox.faults.add(Fault(**fault))  # type: ignore[arg-type]
    with pytest.raises(error):
        await world.sweep()
    assert world.graph_writes() == []
    [run] = await world.services.runs.of_group(world.group.id, world.clock())
    assert run.state is RunState.FAILED
    assert why in run.error


async def test_rows_in_a_partition_in_capitals_are_seen(world: World) -> None:
    anna = world.member("Anna")
    stray = RegisterRow(group_id=world.group.id.upper(), row_key=anna.id, end_date=ENDED)
    await world.services.register.save(stray)
    plan = await world.plan()
    assert [(found.kind, found.row_key) for found in plan.findings] == [(FindingKind.INVALID_ROW, anna.id)]
    assert not plan.offboard


async def test_rows_of_a_group_spelt_in_mixed_case_are_reported_not_acted_on(
    world: World,
) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    mixed = "".join(letter.upper() if place % 2 else letter for place, letter in enumerate(world.group.id))
    await world.services.register.save(
        RegisterRow(group_id=mixed, row_key=anna.user_principal_name, end_date=RUNNING)
    )
    plan = await world.plan()
    assert not plan.offboard
    kinds = {found.kind for found in plan.findings}
    assert kinds == {FindingKind.INVALID_ROW, FindingKind.AMBIGUOUS_ROW}


# Spoiled tables ------------------------------------------------------------------------------------------


async def test_what_cannot_be_decoded_stops_nobody_and_each_such_row_is_named(world: World) -> None:
    anna, cal = world.member("Anna"), world.member("Cal", mail="cal@x.example")
    await world.register(anna.id, ENDED)
    await spoil_register(world.services.tables, world.group.id)

    report = await world.sweep()

    assert (report.run.state, report.run.removed, report.run.error) == (RunState.COMPLETE, 1, "")
    assert world.member_ids() == {cal.id}
    invalid = {found.row_key for found in report.findings if found.kind is FindingKind.INVALID_ROW}
    assert invalid == SHOWN
    detail = {found.row_key: found.detail for found in report.findings}
    assert "Edm.DateTime '2020-01-31" in detail["cal@x.example"]
    assert "End" in detail["lea@x.example"]
    kept = await world.services.runs.findings(world.group.id, report.run.run_id)
    assert {found.row_key for found in kept.named} >= SHOWN


async def test_names_that_are_almost_enddate_are_named(world: World) -> None:
    tables = world.services.tables
    for number, name in enumerate(("endDate", "enddate", "EndDate ", "End_Date")):
        row = {"PartitionKey": world.group.id, "RowKey": f"p{number}@x.example", name: "2026-12-31"}
        await insert(tables, "contractors", **row)
    await insert(tables, "contractors", PartitionKey=world.group.id, RowKey="q@x.example", Company="X")

    details = {found.row_key: found.detail for found in (await world.plan()).findings}

    for number, name in enumerate(("endDate", "enddate", "EndDate ", "End_Date")):
        assert "EndDate is missing" in details[f"p{number}@x.example"]
        assert f"{name!r}: if that is meant, write it as 'EndDate'" in details[f"p{number}@x.example"]
    assert "if that is meant" not in details["q@x.example"]


async def test_a_record_with_an_unknown_state_is_a_finding_and_stops_nobody(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    for person in (anna, ben):
        await world.register(person.id, ENDED)
    spoiled = {"State": "no such state", "Attempts": "x", "DueAt": "x", "DueAt_type": "Edm.DateTime"}
    await insert(
        world.services.tables, "enforcements", PartitionKey=world.group.id, RowKey=anna.id, **spoiled
    )

    report = await world.sweep()

    assert report.run.removed == 2
    [found] = report.findings
    assert (found.kind, found.row_key) == (FindingKind.INVALID_ROW, anna.id)
    assert "table enforcements" in found.detail
    assert (await world.sweep()).findings == ()


async def test_an_error_of_one_of_several_reads_is_raised_unchanged(world: World) -> None:
    # Not an error of ours: what a library raises in one of the concurrent reads.
    world.services = replace(world.services, records=None)  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        await world.sweep()
    runs = await world.services.runs.of_group(world.group.id, world.clock())
    assert [run.error.partition(":")[0] for run in runs] == ["AttributeError"]


# Rows of no managed group --------------------------------------------------------------------------------


async def test_rows_of_unmanaged_groups_are_findings_of_the_first_groups_run(world: World) -> None:
    other = world.tenant.add_group("Others")
    world.configure(group_ids=(world.group.id, other.id))
    for key in ("a@x.example", "b@x.example"):
        await insert(world.services.tables, "contractors", PartitionKey="typo", RowKey=key)

    [found] = (await world.sweep()).findings
    request = SweepRequest(group_id=other.id, actor="test", reason="test")
    second = await sweep(world.services, request)

    assert (found.kind, found.row_key) == (FindingKind.UNMANAGED_GROUP, None)
    assert "2 rows have PartitionKey 'typo'" in found.detail
    assert second.findings == ()


# Who is needed elsewhere ---------------------------------------------------------------------------------


@pytest.fixture
def other(world: World) -> Group:
    """A second managed group; accounts are disabled as well."""
    group = world.tenant.add_group("Others")
    world.configure(group_ids=(world.group.id, group.id), disable_accounts=Disable.ALL)
    return group


@pytest.mark.parametrize("end", [RUNNING, "whenever", None])
async def test_a_person_with_possible_access_elsewhere_is_not_disabled(
    world: World, other: Group, end: object
) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    await world.services.register.save(RegisterRow(group_id=other.id, row_key=anna.mail or "", end_date=end))
    report = await world.sweep()
    assert (report.run.removed, report.run.disabled) == (1, 0)
    assert anna.account_enabled


async def test_a_row_of_another_group_in_capitals_prevents_disabling(world: World, other: Group) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    stray = RegisterRow(group_id=other.id.upper(), row_key=anna.id, end_date=RUNNING)
    await world.services.register.save(stray)
    assert (await world.sweep()).run.disabled == 0
    assert anna.account_enabled


async def test_the_groups_own_rows_are_not_those_of_another(world: World, other: Group) -> None:
    anna, ben, gone = world.member("Anna"), world.member("Ben"), world.tenant.add_user("Gone")
    await world.register(anna.id, RUNNING)
    for row_key, end in ((ben.id, RUNNING), (gone.id, ENDED)):
        await world.services.register.save(RegisterRow(group_id=other.id, row_key=row_key, end_date=end))
    assert (await read_snapshot(world.services, world.group.id)).engaged_elsewhere == {ben.id}


async def test_a_deleted_account_does_not_stop_the_plan(world: World, other: Group) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    await world.services.register.save(RegisterRow(group_id=other.id, row_key=anna.id, end_date=RUNNING))
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=400))
    await world.sweep()
    world.tenant.delete_user(anna, world.clock())

    report = await world.sweep()

    assert (report.run.due, report.run.incomplete) == (1, 0)
    assert (await world.on_record(anna.id)).sessions is Sessions.NO_ACCOUNT


async def test_a_person_whose_access_ended_everywhere_is_disabled(world: World, other: Group) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    await world.services.register.save(RegisterRow(group_id=other.id, row_key=anna.id, end_date=ENDED))
    assert (await world.sweep()).run.disabled == 1
    assert not anna.account_enabled


async def test_a_person_needed_elsewhere_is_not_disabled_by_the_completing_run(
    world: World, other: Group
) -> None:
    """By then, no member list shows by which address the other group's row may mean them."""
    anna = world.member("Anna", mail="anna@x.example")
    await world.register(anna.id, ENDED)
    await world.services.register.save(
        RegisterRow(group_id=other.id, row_key="anna@x.example", end_date=RUNNING)
    )
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=403))
    await world.sweep()
    assert anna.id not in world.member_ids()

    (offboard,) = (await world.plan()).offboard
    assert offboard.steps == (Step.REVOKE,)
    await world.sweep()
    assert anna.account_enabled
    assert (await world.on_record(anna.id)).revoked_at is not None


async def test_without_disabling_nobody_asks_for_the_other_groups_rows(world: World, other: Group) -> None:
    anna = world.member("Anna")
    await world.services.register.save(RegisterRow(group_id=other.id, row_key=anna.id, end_date=RUNNING))
    assert (await read_snapshot(world.services, world.group.id)).engaged_elsewhere == {anna.id}
    world.configure(disable_accounts=Disable.NONE)
    assert (await read_snapshot(world.services, world.group.id)).engaged_elsewhere == frozenset()
