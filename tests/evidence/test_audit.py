"""Evidence end to end: real sweeps on real tables, then what is found about them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.calendar import dates
from enforcer.core.evidence.cases import Case, Evidence, Membership, Verdict
from enforcer.core.evidence.period import period
from enforcer.core.ledger import Anchor, CheckedChain, Head
from enforcer.core.run_ids import new_run_id
from enforcer.evidence.audit import chained_groups, check_chains, gather_evidence, reported_heads
from enforcer.evidence.files import files
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from enforcer.storage.tables.ledger import TABLE
from enforcer.sweep.post_run import leave_report
from sandbox.directory.faults import Fault
from tests.support.ledger_entries import change, forge_head
from tests.support.world import World

pytestmark = pytest.mark.anyio

LAST_DAY = "2026-11-15"
DUE = datetime(2026, 11, 16, tzinfo=UTC)
SLA = timedelta(hours=24)


async def export(world: World, first: str = "2026-11-01", last: str = "2026-11-30") -> Evidence:
    zone = world.services.settings.zone
    heads = await reported_heads(world.services, world.services.settings.group_ids)
    return await gather_evidence(world.services, period(first, last, zone), SLA, heads)


def by_key(found: Evidence) -> dict[str, Case]:
    return {case.row_key: case for case in found.cases}


async def test_the_whole_population_of_a_period_is_found_whatever_became_of_each(world: World) -> None:
    names = ("In Time", "Removed By Hand", "Stuck", "Too Late", "Still Here", "Next Year")
    people = {name: world.member(name) for name in names}
    guest = world.guest("Gina Guest")
    for name in ("In Time", "Removed By Hand", "Stuck"):
        await world.register(people[name].id, LAST_DAY, display_name=name)
    await world.register(guest.mail or "", LAST_DAY)
    await world.register(people["Next Year"].id, "2027-06-30")
    await world.register("nobody@contoso.com", "30 November")
    world.tenant.remove_member(world.group, people["Removed By Hand"])
    world.directory.sandbox.faults.add(
        Fault(method="DELETE", path=people["Stuck"].id, times=None, status=403, code="Denied", message="no")
    )

    world.clock.moment = DUE + timedelta(minutes=30)
    await world.sweep()
    await world.register(people["Too Late"].id, "2026-11-10", display_name="Too Late")
    world.clock.moment = DUE + timedelta(hours=1)
    await world.sweep()
    await world.register(people["Still Here"].id, "2026-11-12")
    world.clock.moment = DUE + timedelta(days=10)
    found = await export(world)

    verdicts = {key: case.verdict for key, case in by_key(found).items()}
    assert verdicts == {
        people["In Time"].id: Verdict.IN_TIME,
        guest.mail: Verdict.IN_TIME,
        people["Removed By Hand"].id: Verdict.UNPROVEN,
        people["Stuck"].id: Verdict.OVERDUE,
        people["Too Late"].id: Verdict.LATE,
        people["Still Here"].id: Verdict.OVERDUE,
    }
    in_time = by_key(found)[people["In Time"].id]
    assert (in_time.removed_by, in_time.sessions, in_time.state) == ("test", "revoked", "verified")
    assert in_time.lag_seconds == pytest.approx(1800, abs=0.01)
    assert in_time.membership is Membership.NOT_A_MEMBER
    assert in_time.verified_at is not None
    assert in_time.verified_at - DUE == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=0.01))
    assert by_key(found)[guest.mail or ""].sessions == "home_tenant"
    assert "403 Denied" in by_key(found)[people["Stuck"].id].remark
    assert [row.row_key for row in found.unreadable] == ["nobody@contoso.com"]
    assert found.summary.population == 6
    assert found.members_unread == {}
    assert [chain.broken for chain in found.chains] == [None]


async def test_who_was_offboarded_at_once_is_there_with_who_ordered_it(world: World) -> None:
    ada = world.member("Ada Lovelace")
    await world.register(ada.id, "2027-06-30")
    world.clock.moment = DUE
    order = OffboardRequest(user=ada.id, reason="left", actor="cli:ops", run_id=new_run_id(DUE))
    await offboard_now(world.services, order)

    case = by_key(await export(world))[ada.id]

    assert (case.verdict, case.removed_by) == (Verdict.IN_TIME, "cli:ops")
    assert case.end_date == "2026-11-16T00:00:00Z"
    assert "left" not in case.remark


async def test_the_export_gives_the_same_bytes_again(world: World) -> None:
    for number in range(5):
        await world.register(world.member(f"User {number}").id, LAST_DAY)
    world.clock.moment = DUE + timedelta(hours=1)
    await world.sweep()
    await world.sweep()
    world.clock.advance(days=3)

    first = files(await export(world))
    world.clock.advance(days=3)

    assert files(await export(world)) == first


async def test_evidence_is_there_when_graph_is_not(world: World) -> None:
    ada, ben = world.member("Ada"), world.member("Ben")
    await world.register(ada.id, LAST_DAY)
    world.clock.moment = DUE + timedelta(hours=1)
    await world.sweep()
    await world.register(ben.id, LAST_DAY)
    world.directory.sandbox.faults.add(Fault(path="/members", times=None, status=403))

    found = await export(world)

    assert by_key(found)[ada.id].verdict is Verdict.IN_TIME
    assert by_key(found)[ben.id].verdict is Verdict.UNKNOWN
    assert list(found.members_unread) == [world.group.id]


async def test_a_day_belongs_to_the_zone(world: World) -> None:
    ada = world.member("Ada")
    await world.register(ada.id, "2026-11-15T23:30:00Z")
    world.clock.moment = DUE + timedelta(hours=1)
    await world.sweep()

    assert by_key(await export(world, "2026-11-15", "2026-11-15")).keys() == {ada.id}
    world.configure(zone=ZoneInfo("Europe/Berlin"))
    assert by_key(await export(world, "2026-11-15", "2026-11-15")).keys() == set()
    assert by_key(await export(world, "2026-11-16", "2026-11-16")).keys() == {ada.id}


# The ledger ----------------------------------------------------------------------------------------------


async def swept(world: World) -> None:
    for number in range(3):
        await world.register(world.member(f"User {number}").id, LAST_DAY)
    world.clock.moment = DUE + timedelta(hours=1)
    await leave_report(world.services, await world.sweep())


async def cut_off(world: World, kept: int) -> None:
    """Delete the newest entries and set the head back to the last one that is kept."""
    async with world.services.tables.table(TABLE) as table:
        rows = [row async for row in table.query_entities(f"PartitionKey eq '{world.group.id}'")]
        entries = [row for row in rows if row["RowKey"] != "head"]
        for row in entries[kept:]:
            await table.delete_entity(row["PartitionKey"], row["RowKey"])
        if kept:
            head = {"RowKey": "head", "Sequence": kept, "Hash": entries[kept - 1]["Hash"]}
            await table.upsert_entity({"PartitionKey": world.group.id, **head}, mode="replace")
        else:
            await table.delete_entity(world.group.id, "head")
    # As another process, which has not seen the head before.
    world.services.ledger._heads.clear()


async def forget_runs(world: World) -> None:
    async with world.services.tables.table("runs") as table:
        async for row in table.query_entities(f"PartitionKey eq '{world.group.id}'"):
            await table.delete_entity(row["PartitionKey"], row["RowKey"])


async def forget_ends(world: World) -> None:
    """Take from the rows of runs what they say about the ledger."""
    async with world.services.tables.table("runs") as table:
        async for row in table.query_entities(f"PartitionKey eq '{world.group.id}'"):
            kept = {name: value for name, value in row.items() if not name.startswith("ledger_")}
            await table.upsert_entity(kept, mode="replace")


async def checked_against_reports(world: World) -> list[CheckedChain]:
    heads = await reported_heads(world.services, [world.group.id])
    return await check_chains(world.services, [world.group.id], heads)


async def test_a_nights_ledger_is_intact_and_is_compared_with_the_nights_report(world: World) -> None:
    await swept(world)

    checked = await checked_against_reports(world)

    entries = len(await world.ledger())
    # The run's row and its report.
    assert [(chain.sequence, chain.anchors, chain.broken) for chain in checked] == [(entries, 2, None)]
    assert checked[0].is_sound


async def test_one_changed_byte_is_found_and_the_evidence_says_so(world: World) -> None:
    await swept(world)
    await change(world.services.tables, world.group.id, 2, Outcome="revokee")

    found = await export(world)

    broken = found.chains[0].broken
    assert broken is not None
    assert broken.sequence == 2
    assert found.summary.population == 3
    page = files(found)[2].content.decode()
    assert "entry 2 was changed after it was written" in page


async def test_a_rewritten_ledger_does_not_match_the_nights_report(world: World) -> None:
    await swept(world)
    entries = await world.ledger()
    async with world.services.tables.table(TABLE) as table:
        rows = [row async for row in table.query_entities(f"PartitionKey eq '{world.group.id}'")]
        for row in rows:
            await table.delete_entity(row["PartitionKey"], row["RowKey"])
    forged = [replace(entries[0], outcome="already_absent"), *entries[1:]]
    await world.services.ledger.append(world.group.id, forged)
    await forget_runs(world)
    [alone] = await check_chains(world.services, [world.group.id], [])
    assert (alone.broken, alone.is_sound) == (None, False)
    assert alone.problem.startswith("nothing recorded elsewhere confirms it")

    checked = await checked_against_reports(world)

    assert checked[0].broken is not None
    assert f"report {world.group.id}/" in checked[0].broken.reason


async def test_rewritten_ledger_does_not_match_the_rows_of_runs(world: World) -> None:
    await swept(world)
    entries = await world.ledger()
    await cut_off(world, 0)
    await world.services.ledger.append(world.group.id, [replace(entries[0], user="x"), *entries[1:]])

    [checked] = await check_chains(world.services, [world.group.id], [])

    assert checked.broken is not None
    assert "of table runs names" in checked.broken.reason


@pytest.mark.parametrize("kept", [0, 4])
async def test_ledger_cut_off_with_its_head_set_back_is_found(world: World, kept: int) -> None:
    await swept(world)
    await cut_off(world, kept)

    [checked] = await check_chains(world.services, [world.group.id], [])

    assert checked.broken is not None
    assert checked.broken.sequence == 8  # one `begin`, six steps and a proof
    assert f"the chain ends at entry {kept}" in checked.broken.reason


async def test_run_of_which_no_entry_is_left_is_named(world: World) -> None:
    """Also where the rows of the runs have lost what they say about the ledger."""
    await swept(world)
    await cut_off(world, 0)
    await forget_ends(world)

    [checked] = await check_chains(world.services, [world.group.id], [])

    [run] = await world.services.runs.of_group(world.group.id, world.clock())
    assert checked.problem == f"no entry tells what run {run.run_id} did (1 such runs)"


async def test_heads_of_other_groups_are_not_this_groups_concern(world: World) -> None:
    await swept(world)
    foreign = ("00000000-0000-0000-0000-000000000000", Anchor(sequence=1, hash="x", source="elsewhere"))

    checked = await check_chains(world.services, [world.group.id], [foreign])

    assert (checked[0].anchors, checked[0].broken) == (1, None)
    period_of_time = period("2026-11-01", "2026-11-30", world.services.settings.zone)
    found = await gather_evidence(world.services, period_of_time, SLA, [foreign])
    assert [(chain.anchors, chain.broken) for chain in found.chains] == [(1, None)]


async def test_the_ledger_of_a_group_that_never_was_swept_fits(world: World) -> None:
    checked = await checked_against_reports(world)

    assert [(chain.sequence, chain.hash, chain.broken) for chain in checked] == [(0, Head().hash, None)]


async def test_a_group_no_longer_managed_is_checked_and_reported_as_left_out(world: World) -> None:
    await swept(world)
    other = world.tenant.add_group("Others")
    world.configure(group_ids=(other.id,))
    gone = "00000000-0000-0000-0000-000000000000"
    anchors = [(gone, Anchor(sequence=1, hash="x", source="an old manifest"))]

    groups = await chained_groups(world.services, anchors)
    checked = await check_chains(world.services, [world.group.id, gone], anchors)
    found = await export(world)

    assert groups[:2] == [other.id, gone]
    assert world.group.id in groups
    assert checked[0].sequence == len(await world.ledger())
    assert [chain.broken is None for chain in checked] == [True, False]
    assert world.group.id in found.left_out
    assert other.id not in found.left_out
    assert f"{world.group.id}</code> has a ledger" in files(found)[2].content.decode()


async def test_the_lines_name_graphs_request_ids(world: World) -> None:
    await swept(world)

    lines = files(await export(world))[1].content.splitlines()

    assert len(lines) == 3
    assert all(len(json.loads(line)["request_ids"]) == 2 for line in lines)
    assert dates.instant(DUE) == json.loads(lines[0])["due_at"]


@pytest.mark.parametrize("forged", ["[]", None])
async def test_brakes_window_that_does_not_fit_the_entries_is_named(world: World, forged: str | None) -> None:
    """The attack: an emptied window lets the next sweep begin with as many people again."""
    for number in range(3):
        await world.register(world.member(f"User {number}").id, LAST_DAY)
    world.clock.moment = DUE + timedelta(hours=1)
    await world.sweep()
    group = world.group.id
    [chain] = await check_chains(world.services, [group], [])
    assert chain.is_sound, chain.problem

    async with world.services.tables.table(TABLE) as table:
        window = (await table.get_entity(group, "head"))["Window"]
    await forge_head(
        world.services.tables, group, Window=forged or window.replace('"people":3', '"people":2')
    )

    [chain] = await check_chains(world.services, [group], [])
    assert not chain.is_sound
    assert "but the entries say 3, in 1" in chain.problem
