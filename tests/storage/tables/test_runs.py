"""A row for every run."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from enforcer.core.findings import RunFindings
from enforcer.core.plan import Finding, FindingKind
from enforcer.core.run_ids import run_id_prefix
from enforcer.core.runs import Lag, Report, Run, RunKind, RunState
from enforcer.storage.tables.runs import TABLE, Runs
from enforcer.storage.tables.tables import Tables
from sandbox.storage_proxy import StorageProxy
from tests.support.findings import many
from tests.support.spoiled_rows import HALF, insert

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 12, 0, 0, 500, tzinfo=UTC)


def run(group: str, at: datetime = NOW, **changes: Any) -> Run:
    begun = Run(run_id=f"{run_id_prefix(at)}-abcdef", group_id=group, started_at=at, mode="enforce")
    return replace(begun, **changes)


async def test_a_run_comes_back_as_it_was(tables: Tables, group: str) -> None:
    counts: dict[str, Any] = {
        field.name: number for number, field in enumerate(fields(Run)) if field.type == "int"
    }
    whole = run(
        group,
        kind=RunKind.OFFBOARD,
        finished_at=NOW + timedelta(seconds=5),
        state=RunState.COMPLETE,
        reason="nightly",
        actor="timer",
        queued=True,
        asked_for=("anna@x.example", "ben"),
        held=True,
        digest="d" * 64,
        lag_seconds=Lag(p50=1.5, p95=2.0, max=3.25),
        error="ReadError: x",
        **counts,
    )
    runs = Runs(tables)
    await runs.save(Report(run=whole))
    assert await runs.of_group(group, NOW) == [whole]
    assert await runs.of_id(whole.run_id, [group, "another"]) == [whole]


async def test_the_row_has_the_names_of_the_documentation(tables: Tables, group: str) -> None:
    await Runs(tables).save(Report(run=run(group, due=3, removed=3, lag_seconds=Lag(p50=1, p95=2, max=3))))
    async with tables.table(TABLE) as table:
        entity = dict(await table.get_entity(group, run(group).run_id))
    documented = "run_id started_at mode due removed already_absent revoked disabled verified skipped stuck"
    assert {*documented.split(), "held", "findings"} <= entity.keys()
    assert msgspec.json.decode(entity["lag_seconds"]) == {"p50": 1, "p95": 2, "max": 3}


async def test_asked_run_is_named_by_its_id_and_kind_alone(tables: Tables, group: str) -> None:
    runs, asked = Runs(tables), run(group, actor="user:ann", reason="left", kind=RunKind.OFFBOARD)
    assert await runs.asked(asked.run_id, [group], RunKind.OFFBOARD) is None

    await runs.ask(asked)

    assert await runs.asked(asked.run_id, [group], RunKind.OFFBOARD) == replace(asked, queued=True)
    for run_id, groups, kind in [
        (asked.run_id, [group], RunKind.SWEEP),
        (asked.run_id, ["another"], RunKind.OFFBOARD),
        ("", [group], RunKind.OFFBOARD),
        ("x' or true or '", [group], RunKind.OFFBOARD),
    ]:
        assert await runs.asked(run_id, groups, kind) is None


async def test_run_asked_for_in_two_groups_is_that_of_the_open_one(tables: Tables, group: str) -> None:
    runs, asked = Runs(tables), run(group)
    await runs.save(Report(run=replace(asked, state=RunState.COMPLETE)))
    await runs.ask(replace(asked, group_id=f"{group}-b"))
    found = await runs.asked(asked.run_id, [group, f"{group}-b"], RunKind.SWEEP)
    assert found is not None
    assert found.group_id == f"{group}-b"


async def test_a_run_that_is_begun_again_shows_nothing_of_the_first_time(tables: Tables, group: str) -> None:
    runs, begun = Runs(tables), run(group)
    await runs.save(Report(run=replace(begun, state=RunState.FAILED, finished_at=NOW, error="x", due=4)))
    await runs.save(Report(run=begun))
    assert await runs.of_group(group, NOW) == [begun]


async def test_runs_come_oldest_first_and_old_ones_only_if_there_are_no_others(
    tables: Tables, group: str
) -> None:
    runs = Runs(tables)
    old, yesterday, today = (run(group, NOW - timedelta(days=days)) for days in (60, 1, 0))
    await runs.save(Report(run=old))
    assert await runs.of_group(group, NOW) == [old]
    for one in (today, yesterday):
        await runs.save(Report(run=one))
    assert await runs.of_group(group, NOW) == [yesterday, today]


async def _save(runs: Runs, group: str, found: list[Finding]) -> Run:
    saved = run(group, findings=len(found))
    await runs.save(Report(run=saved, findings=tuple(found)))
    return saved


async def test_a_thousand_findings_come_back_whole(tables: Tables, group: str) -> None:
    rows = many(FindingKind.INVALID_ROW, 600, "the end date is '31.12.2027'")
    ghosts = many(FindingKind.UNREGISTERED_MEMBER, 400)
    runs = Runs(tables)
    saved = await _save(runs, group, [*rows, *ghosts])

    found = await runs.findings(group, saved.run_id)

    assert found == RunFindings(
        named=(*rows, *ghosts),
        by_kind={FindingKind.INVALID_ROW: 600, FindingKind.UNREGISTERED_MEMBER: 400},
    )


async def test_without_room_for_all_every_kind_is_counted_and_keeps_its_share(
    tables: Tables, group: str
) -> None:
    missing = many(FindingKind.MISSING_MEMBER, 5_000, "🦄 é" * 10)
    ghosts = many(FindingKind.UNREGISTERED_MEMBER, 3_000, "ä" * 30)
    stuck = many(FindingKind.STUCK, 7)
    runs = Runs(tables)
    saved = await _save(runs, group, [*missing, *stuck, *ghosts])

    found = await runs.findings(group, saved.run_id)

    assert found.by_kind == {
        FindingKind.MISSING_MEMBER: 5_000,
        FindingKind.STUCK: 7,
        FindingKind.UNREGISTERED_MEMBER: 3_000,
    }
    assert found.left_out == 8_007 - len(found.named)
    share = sum(finding.kind is FindingKind.UNREGISTERED_MEMBER for finding in found.named)
    assert len(found.named) > 1_000
    assert abs(len(found.named) - 7 - 2 * share) <= 1
    kept = len(found.named) - 7 - share
    assert found.named == (*missing[:kept], *stuck, *ghosts[:share])


async def test_a_detail_that_is_too_long_takes_no_other_findings_room(tables: Tables, group: str) -> None:
    ghosts = many(FindingKind.UNREGISTERED_MEMBER, 3)
    runs = Runs(tables)
    saved = await _save(runs, group, [*many(FindingKind.INVALID_ROW, 2, "\x00" * 50_000), *ghosts])

    found = await runs.findings(group, saved.run_id)

    assert [len(finding.detail) for finding in found.named[:2]] == [2_000, 2_000]
    assert (found.named[2:], found.left_out) == (tuple(ghosts), 0)


async def test_rows_of_earlier_versions_say_how_much_they_could_not_hold(tables: Tables, group: str) -> None:
    rows = many(FindingKind.INVALID_ROW, 2)
    runs = Runs(tables)
    saved = await _save(runs, group, [])
    async with tables.table(TABLE) as table:
        entity = dict(await table.get_entity(group, saved.run_id))
        del entity["FindingsByKind"]
        entity |= {"findings": 5, "FindingsJson": msgspec.json.encode(rows).decode()}
        await table.upsert_entity(entity, mode="replace")

    found = await runs.findings(group, saved.run_id)

    assert found == RunFindings(named=tuple(rows), by_kind={FindingKind.INVALID_ROW: 2}, left_out=3)


async def test_a_run_that_is_amended_keeps_what_is_on_record_of_its_findings(
    tables: Tables, group: str
) -> None:
    runs = Runs(tables)
    saved = await _save(runs, group, many(FindingKind.INVALID_ROW, 4_000, "x" * 100))
    before = await runs.findings(group, saved.run_id)

    failed = replace(saved, state=RunState.FAILED, finished_at=NOW, error="given up")
    await runs.amend(failed)

    assert await runs.of_group(group, NOW) == [failed]
    assert await runs.findings(group, saved.run_id) == before
    assert before.left_out


async def test_a_run_that_is_amended_need_not_be_on_record(tables: Tables, group: str) -> None:
    runs = Runs(tables)
    await runs.amend(run(group))
    assert await runs.of_group(group, NOW) == [run(group)]
    assert await runs.findings(group, run(group).run_id) == RunFindings()


async def test_saving_fewer_findings_leaves_none_of_the_previous_ones(tables: Tables, group: str) -> None:
    runs = Runs(tables)
    await _save(runs, group, many(FindingKind.INVALID_ROW, 4_000, "x" * 100))
    saved = await _save(runs, group, many(FindingKind.INVALID_ROW, 1))
    assert len((await runs.findings(group, saved.run_id)).named) == 1


async def test_a_list_of_runs_leaves_their_findings_where_they_are(
    shaky: Tables, storage: StorageProxy, group: str
) -> None:
    runs = Runs(shaky)
    saved = await _save(runs, group, many(FindingKind.INVALID_ROW, 3))
    storage.clear()

    assert await runs.of_group(group, NOW) == await runs.of_id(saved.run_id, [group]) == [saved]

    selected = [parse_qs(urlsplit(call.path).query)["$select"] for call in storage.calls]
    assert len(selected) == 2
    assert "Findings" not in str(selected)


async def test_a_run_of_another_name_is_none(tables: Tables) -> None:
    assert await Runs(tables).of_id("20261123T120000-000000", ["a", "b"]) == []


async def test_runs_of_the_same_second_come_in_the_order_in_which_they_began(
    tables: Tables, group: str
) -> None:
    runs, prefix = Runs(tables), run_id_prefix(NOW)
    first = run(group, run_id=f"{prefix}-ffffff")
    second = run(group, NOW + timedelta(milliseconds=5), run_id=f"{prefix}-aaaaaa")
    for item in (second, first):
        await runs.save(Report(run=item))
    assert await runs.of_group(group, NOW) == [first, second]


async def test_a_text_that_is_too_long_for_a_row_is_cut(tables: Tables, group: str) -> None:
    runs = Runs(tables)
    await runs.save(Report(run=run(group, reason="x" * 50_000, error="y" * 50_000)))
    (found,) = await runs.of_group(group, NOW)
    assert (len(found.reason), len(found.error)) == (2_000, 2_000)


async def test_a_damaged_run_counts_as_failed_and_hides_no_other(tables: Tables, group: str) -> None:
    runs = Runs(tables)
    await runs.save(Report(run=run(group)))
    spoiled = {
        "kind": 5,
        "state": f"x{HALF}",
        "started_at": "x",
        "started_at_type": "Edm.DateTime",
        "due": "x",
    }
    key = f"{run_id_prefix(NOW)}-{'0' * 6}"
    await insert(
        tables, TABLE, PartitionKey=group, RowKey=key, FindingsJson="[{", FindingsByKind="{", **spoiled
    )

    first, second = await runs.of_group(group, NOW)

    assert second == run(group)
    assert (first.run_id, first.state, first.kind, first.due) == (key, RunState.FAILED, RunKind.SWEEP, 0)
    assert "no readable state" in first.error
    assert await runs.findings(group, key) == RunFindings()
