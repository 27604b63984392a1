"""Table `runs`: a row for every run of every group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from enforcer.core.findings import RunFindings, count_by_kind, fairly
from enforcer.core.ledger import Anchor, RunMark
from enforcer.core.plan import Finding, FindingKind
from enforcer.core.run_ids import is_run_id, run_id_prefix
from enforcer.core.runs import COUNTS, Lag, Report, Run, RunKind, RunState
from enforcer.storage.tables.ledger import Ledger
from enforcer.storage.tables.tables import LONG_AGO, Entity, Tables, choice, moment, number, present, text

TABLE = "runs"
_LONGEST_TEXT = 2_000
_RECENT = timedelta(days=45)
_COUNTED = "FindingsByKind"
_SEQUENCE, _HASH = "ledger_sequence", "ledger_hash"
# A string property holds 32 Ki units of UTF-16, of which no text has more than bytes of UTF-8; all properties
# of an entity together hold 1 MiB.
_PARTS = ("FindingsJson", *(f"FindingsJson{number}" for number in range(2, 11)))
_BYTES_IN_A_PART = 30_000
# The properties of a run. Findings are many times larger, and a list of runs does not need them.
_COLUMNS = (
    "PartitionKey",
    "RowKey",
    "kind",
    "started_at",
    "finished_at",
    "state",
    "mode",
    "held",
    "held_onboard",
    "reason",
    "actor",
    "actor_name",
    "digest",
    "error",
    "queued",
    "out_of_time",
    "asked_for",
    "part_of",
    "lag_p50_seconds",
    "lag_p95_seconds",
    "lag_max_seconds",
    *COUNTS,
)


class Runs:
    """Writes and reads runs."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._ledger = Ledger(tables)

    async def save(self, report: Report) -> None:
        """Write a run and what it found; of very many findings, as many of each kind as there is room for.

        The row of a run that has ended names the end of its group's ledger, by which a check knows what must
        be there.
        """
        entity = _entity(report.run) | _findings(report.findings)
        if report.run.finished_at is not None:
            head = await self._ledger.head(report.run.group_id)
            entity |= {_SEQUENCE: head.sequence, _HASH: head.hash}
        async with self._tables.table(TABLE) as table:
            await table.upsert_entity(entity, mode="replace")

    async def ask(self, run: Run) -> None:
        """Record who asks for a run, and why, before the queue message that names it."""
        await self.save(Report(run=replace(run, queued=True)))

    async def asked(self, run_id: str, group_ids: Sequence[str], kind: RunKind) -> Run | None:
        """Return the record of the run that a queue message names, or None if there is none of this kind.

        Whoever may write to a queue may claim anything. Only the record, which this product wrote before it
        queued the message, says who asked, why, in which mode and for whom. Of several groups, it is the
        record of one in which the run is not over, if there is one, or else was given up.
        """
        runs = await self.of_id(run_id, group_ids) if is_run_id(run_id) else []
        ours = sorted((run for run in runs if run.kind is kind), key=_how_far)
        return ours[0] if ours else None

    async def amend(self, run: Run) -> None:
        """Update a run; its recorded findings stay as they are."""
        async with self._tables.table(TABLE) as table:
            await table.upsert_entity(_entity(run), mode="merge")

    async def of_group(self, group_id: str, now: datetime) -> list[Run]:
        """Return the group's runs of the last 45 days, oldest first; all its runs if there are none."""
        since = run_id_prefix(now - _RECENT)
        recent = await self._query(
            "PartitionKey eq @group and RowKey ge @since", {"group": group_id, "since": since}
        )
        found = recent or await self._query("PartitionKey eq @group", {"group": group_id})
        # Runs of the same second are not in the order of their keys.
        return sorted(found, key=lambda run: (run.started_at, run.run_id))

    async def of_id(self, run_id: str, group_ids: Sequence[str]) -> list[Run]:
        """Return the run's rows, one for each of its groups."""
        rows = [
            await self._query("PartitionKey eq @group and RowKey eq @run", {"group": group, "run": run_id})
            for group in group_ids
        ]
        return [run for found in rows for run in found]

    async def parts_of(self, batch: str, group_ids: Sequence[str]) -> list[Run]:
        """Return the runs of a batch's people, which began after the batch's own."""
        query = "PartitionKey eq @group and RowKey ge @since and part_of eq @batch"
        since = batch.partition("-")[0]
        found = [
            await self._query(query, {"group": group, "since": since, "batch": batch}) for group in group_ids
        ]
        return [run for runs in found for run in runs]

    async def is_complete(self, run_id: str, group_ids: Sequence[str]) -> bool:
        """Whether a run is on record, and complete in all of these groups."""
        runs = await self.of_id(run_id, group_ids) if run_id else []
        return bool(runs) and all(run.state is RunState.COMPLETE for run in runs)

    async def marks(self, group_id: str) -> list[RunMark]:
        """Return what the runs of a group, of all time, say about its ledger."""
        columns = ["RowKey", "kind", "state", "removed", _SEQUENCE, _HASH]
        async with self._tables.table(TABLE) as table:
            found = table.query_entities(
                "PartitionKey eq @group", parameters={"group": group_id}, select=columns
            )
            return [_mark(present(dict(entity))) async for entity in found]

    async def group_ids(self) -> list[str]:
        """Return the groups that have runs, managed or not, in the order of their IDs."""
        async with self._tables.table(TABLE) as table:
            return sorted({row["PartitionKey"] async for row in table.list_entities(select=["PartitionKey"])})

    async def findings(self, group_id: str, run_id: str) -> RunFindings:
        """Return a run's findings: all are counted, and as many as its row could hold are listed."""
        async with self._tables.table(TABLE) as table:
            return _run_findings(dict(await table.get_entity(group_id, run_id)))

    async def newest_findings(self, group_id: str, now: datetime) -> Sequence[Finding]:
        """Return the findings that the row of the group's newest finished sweep lists."""
        runs = await self.of_group(group_id, now)
        finished = [run for run in runs if run.kind is RunKind.SWEEP and run.state is RunState.COMPLETE]
        return (await self.findings(group_id, finished[-1].run_id)).named if finished else ()

    async def _query(self, query: str, parameters: dict[str, str]) -> list[Run]:
        async with self._tables.table(TABLE) as table:
            found = table.query_entities(query, parameters=parameters, select=list(_COLUMNS))
            # Table Storage returns null for a selected property that does not exist.
            return [_run(present(dict(entity))) async for entity in found]


def _how_far(run: Run) -> tuple[bool, bool]:
    return run.is_over, run.state is RunState.COMPLETE


def _entity(run: Run) -> Entity:
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
            "held_onboard": run.held_onboard,
            "reason": run.reason[:_LONGEST_TEXT],
            "actor": run.actor[:_LONGEST_TEXT],
            "actor_name": run.actor_name[:_LONGEST_TEXT] or None,
            "digest": run.digest,
            "error": run.error[:_LONGEST_TEXT],
            "queued": run.queued,
            "out_of_time": run.out_of_time,
            "asked_for": msgspec.json.encode(run.asked_for).decode() if run.asked_for else None,
            "part_of": run.part_of or None,
            **counts,
            **lag,
            "lag_seconds": msgspec.json.encode(run.lag_seconds).decode(),
        }
    )


def _findings(findings: Sequence[Finding]) -> Entity:
    counted = msgspec.json.encode(count_by_kind(findings)).decode()
    return {_COUNTED: counted, **dict(zip(_PARTS, _in_parts(fairly(findings)), strict=False))}


def _in_parts(findings: Iterable[Finding]) -> list[str]:
    """Return findings as JSON arrays, one for each property, until all properties are full."""
    parts: list[list[bytes]] = [[]]
    room = _BYTES_IN_A_PART
    for finding in findings:
        told = msgspec.json.encode(replace(finding, detail=finding.detail[:_LONGEST_TEXT]))
        size = len(told) + len(",")
        if size > room:
            if len(parts) == len(_PARTS):
                break
            parts.append([])
            room = _BYTES_IN_A_PART
        parts[-1].append(told)
        room -= size
    return [f"[{b','.join(part).decode()}]" for part in parts]


def _run_findings(entity: Entity) -> RunFindings:
    named = sorted(
        (finding for part in _PARTS for finding in _decoded(entity, part, list[Finding])),
        key=lambda finding: finding.kind,
    )
    # Rows written by earlier versions have no counts by kind.
    by_kind = _decoded(entity, _COUNTED, dict[FindingKind, int]) or count_by_kind(named)
    left_out = max(number(entity, "findings") - len(named), 0)
    return RunFindings(named=tuple(named), by_kind=by_kind, left_out=left_out)


def _decoded[T: Sized](entity: Entity, name: str, kind: type[T]) -> T:
    """Read a property that contains JSON; if it cannot be read, return an empty value."""
    try:
        return msgspec.json.decode(text(entity, name), type=kind)
    except msgspec.MsgspecError:
        return kind()


def _run(entity: Entity) -> Run:
    # A row damaged by others is still a run, but how it went is unknown.
    state = choice(entity, "state", RunState)
    error = text(entity, "error")
    counts = {name: number(entity, name) for name in COUNTS}
    return Run(
        run_id=entity["RowKey"],
        group_id=entity["PartitionKey"],
        kind=choice(entity, "kind", RunKind) or RunKind.SWEEP,
        started_at=moment(entity, "started_at") or LONG_AGO,
        finished_at=moment(entity, "finished_at"),
        state=state or RunState.FAILED,
        mode=text(entity, "mode"),
        held=entity.get("held") is True,
        held_onboard=entity.get("held_onboard") is True,
        reason=text(entity, "reason"),
        actor=text(entity, "actor"),
        actor_name=text(entity, "actor_name"),
        digest=text(entity, "digest"),
        queued=entity.get("queued") is True,
        out_of_time=entity.get("out_of_time") is True,
        asked_for=_decoded(entity, "asked_for", tuple[str, ...]),
        part_of=text(entity, "part_of"),
        error=error if state else f"this row of table runs has no readable state; {error}".rstrip("; "),
        lag_seconds=Lag(
            p50=_seconds(entity, "lag_p50_seconds"),
            p95=_seconds(entity, "lag_p95_seconds"),
            max=_seconds(entity, "lag_max_seconds"),
        ),
        **counts,
    )


def _mark(entity: Entity) -> RunMark:
    complete = choice(entity, "state", RunState) is RunState.COMPLETE
    acted = complete and choice(entity, "kind", RunKind) is not RunKind.UNDO and number(entity, "removed") > 0
    run_id, head = entity["RowKey"], text(entity, _HASH)
    source = f"row {run_id} of table runs"
    anchor = Anchor(sequence=number(entity, _SEQUENCE), hash=head, source=source) if head else None
    return RunMark(run_id=run_id, acted=acted, anchor=anchor)


def _seconds(entity: Entity, name: str) -> float | None:
    value = entity.get(name)
    return float(value) if isinstance(value, int | float) else None
