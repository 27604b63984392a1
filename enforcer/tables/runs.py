"""Table `runs`: a row for every run of every group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from enforcer.core.dates import utc
from enforcer.core.plan import Finding
from enforcer.core.run_ids import run_id_prefix
from enforcer.core.runs import COUNTS, Lag, Report, Run, RunKind, RunState
from enforcer.tables.storage import Entity, Tables, moment, present

TABLE = "runs"
# A string property holds 32 Ki characters; the register itself keeps the rest of the findings.
_FINDINGS_KEPT = 30_000
_LONGEST_TEXT = 2_000
_RECENT = timedelta(days=45)


class Runs:
    """Writes and reads runs."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def save(self, report: Report) -> None:
        async with self._tables.table(TABLE) as table:
            await table.upsert_entity(_entity(report), mode="replace")

    async def of_group(self, group_id: str, now: datetime) -> list[Run]:
        """Give the group's runs of the last 45 days, the oldest first; all of them where there are none."""
        since = run_id_prefix(now - _RECENT)
        recent = await self._query(
            "PartitionKey eq @group and RowKey ge @since", {"group": group_id, "since": since}
        )
        found = recent or await self._query("PartitionKey eq @group", {"group": group_id})
        # The keys of runs of the same second are in no order.
        return sorted(found, key=lambda run: (run.started_at, run.run_id))

    async def of_id(self, run_id: str, group_ids: Sequence[str]) -> list[Run]:
        """Give the run's rows, one for each group that it was about."""
        rows = [
            await self._query("PartitionKey eq @group and RowKey eq @run", {"group": group, "run": run_id})
            for group in group_ids
        ]
        return [run for found in rows for run in found]

    async def findings(self, group_id: str, run_id: str) -> list[Finding]:
        """Give what a run found, as far as its row could hold it."""
        async with self._tables.table(TABLE) as table:
            entity = await table.get_entity(group_id, run_id)
            return msgspec.json.decode(entity.get("FindingsJson", "[]"), type=list[Finding])

    async def _query(self, text: str, parameters: dict[str, str]) -> list[Run]:
        async with self._tables.table(TABLE) as table:
            return [_run(entity) async for entity in table.query_entities(text, parameters=parameters)]


def _entity(report: Report) -> Entity:
    run = report.run
    counts = {name: getattr(run, name) for name in COUNTS}
    lag = {f"lag_{name}_seconds": getattr(run.lag_seconds, name) for name in ("p50", "p95", "max")}
    return present(
        {
            "PartitionKey": run.group_id,
            "RowKey": run.run_id,
            "run_id": run.run_id,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "kind": run.kind.value,
            "state": run.state.value,
            "mode": run.mode,
            "held": run.held,
            "reason": run.reason[:_LONGEST_TEXT],
            "actor": run.actor[:_LONGEST_TEXT],
            "digest": run.digest,
            "error": run.error[:_LONGEST_TEXT],
            **counts,
            **lag,
            "lag_seconds": msgspec.json.encode(run.lag_seconds).decode(),
            "FindingsJson": _kept(report.findings),
        }
    )


def _kept(findings: Sequence[Finding]) -> str:
    kept: list[bytes] = []
    size = 2
    for finding in findings:
        text = msgspec.json.encode(finding)
        size += len(text) + 1
        if size > _FINDINGS_KEPT:
            break
        kept.append(text)
    return f"[{b','.join(kept).decode()}]"


def _run(entity: Entity) -> Run:
    counts = {name: entity.get(name, 0) for name in COUNTS}
    return Run(
        run_id=entity["RowKey"],
        group_id=entity["PartitionKey"],
        kind=RunKind(entity.get("kind", RunKind.SWEEP)),
        started_at=utc(entity["started_at"]),
        finished_at=moment(entity, "finished_at"),
        state=RunState(entity["state"]),
        mode=entity.get("mode", ""),
        held=entity.get("held", False),
        reason=entity.get("reason", ""),
        actor=entity.get("actor", ""),
        digest=entity.get("digest", ""),
        error=entity.get("error", ""),
        lag_seconds=Lag(
            p50=entity.get("lag_p50_seconds"),
            p95=entity.get("lag_p95_seconds"),
            max=entity.get("lag_max_seconds"),
        ),
        **counts,
    )
