"""A row for every run."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from enforcer.core.plan import Finding, FindingKind
from enforcer.core.run_ids import run_id_prefix
from enforcer.core.runs import Lag, Report, Run, RunKind, RunState
from enforcer.tables.runs import TABLE, Runs
from enforcer.tables.storage import Tables

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


async def test_a_run_that_is_begun_again_shows_nothing_of_the_first_time(tables: Tables, group: str) -> None:
    runs, begun = Runs(tables), run(group)
    await runs.save(Report(run=replace(begun, state=RunState.FAILED, finished_at=NOW, error="x", due=4)))
    await runs.save(Report(run=begun))
    assert await runs.of_group(group, NOW) == [begun]


async def test_runs_come_the_oldest_first_and_old_ones_only_where_there_are_no_others(
    tables: Tables, group: str
) -> None:
    runs = Runs(tables)
    old, yesterday, today = (run(group, NOW - timedelta(days=days)) for days in (60, 1, 0))
    await runs.save(Report(run=old))
    assert await runs.of_group(group, NOW) == [old]
    for one in (today, yesterday):
        await runs.save(Report(run=one))
    assert await runs.of_group(group, NOW) == [yesterday, today]


async def test_findings_are_kept_as_far_as_the_row_can_hold_them(tables: Tables, group: str) -> None:
    findings = tuple(
        Finding(kind=FindingKind.INVALID_ROW, row_key=f"ä{number}", user_id=None, detail="🦄" * 50)
        for number in range(400)
    )
    runs = Runs(tables)
    await runs.save(Report(run=run(group, findings=400), findings=findings))
    kept = await runs.findings(group, run(group).run_id)
    assert 100 < len(kept) < 400
    assert tuple(kept) == findings[: len(kept)]


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
