"""Group status: when each group was last swept, who is stuck, what is held, whose access ends soon.

Reads only tables, so that it answers when Graph does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from enforcer.core.calendar.schedule import as_written
from enforcer.core.contractors import Contractor, read_rows
from enforcer.core.forecast import Week, forecast
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.plan import FindingKind, HeldPlan
from enforcer.core.runs import Run, RunKind, RunState
from enforcer.core.settings import Mode, Settings
from enforcer.services import Services

# A nightly run comes every 24 hours; infra/ raises the alarm for a missed one after the same time.
OVERDUE = timedelta(hours=26)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingRow:
    """A row of the register that ends soon."""

    row_key: str
    end_date: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupStatus:
    """The status of one managed group.

    Attributes:
        contractors: Rows of the register whose access has not ended.
        last_complete_run: The newest sweep of the last 45 days that completed, in time and not held; of all
            time, where those days have no run at all. The alarm for a missed night is based on it.
        last_run: The newest sweep that has begun, whatever its result.
        unfinished: How many offboardings were begun and are not done.
        stuck: Those whom six runs could not offboard.
        held: The newest plan of a sweep that waits for an approval, whichever run made it; without one, the
            newest of an offboarding on demand.
        waiting: All plans that wait for one: offboardings on demand, then the sweep's.
        ending_soon: Rows that end within the longest of ENFORCER_WARN_DAYS.
        findings: The newest complete run's findings, counted by kind.
        forecast: How many rows end in this week and each of the next.
    """

    group_id: str
    contractors: int
    last_complete_run: Run | None
    last_run: Run | None
    unfinished: int
    stuck: tuple[OffboardingRecord, ...]
    held: HeldPlan | None
    waiting: tuple[HeldPlan, ...]
    ending_soon: tuple[EndingRow, ...]
    findings: dict[FindingKind, int]
    forecast: tuple[Week, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of all managed groups; `next_night` is when the timer fires next (`ENFORCER_SCHEDULE`)."""

    as_of: datetime
    mode: Mode
    time_zone: str
    next_night: datetime
    groups: tuple[GroupStatus, ...]


async def read_status(services: Services) -> Status:
    """Read the status of all managed groups.

    Raises:
        AccessDeniedError, UnavailableError: Storage refuses, or does not answer.
    """
    settings = services.settings
    groups = [await _group_status(services, group_id) for group_id in settings.group_ids]
    now = services.now()
    return Status(
        as_of=now,
        mode=settings.mode,
        time_zone=settings.zone.key,
        next_night=as_written(settings.schedule).next_after(now),
        groups=tuple(groups),
    )


async def _group_status(services: Services, group_id: str) -> GroupStatus:
    now = services.now()
    present, unfinished, runs, waiting = await asyncio.gather(
        _present(services, group_id, now),
        _unfinished(services.records.of_group(group_id)),
        services.runs.of_group(group_id, now),
        services.plans.waiting([group_id]),
    )
    sweeps = [
        run
        for run in runs
        if run.kind is RunKind.SWEEP and not run.queued and not _only_looked(run, services.settings)
    ]
    complete = _newest_complete(sweeps)
    return GroupStatus(
        group_id=group_id,
        contractors=len(present),
        last_complete_run=complete,
        last_run=sweeps[-1] if sweeps else None,
        unfinished=len(unfinished),
        stuck=tuple(item for item in unfinished if item.state is State.STUCK),
        held=waiting[-1] if waiting else None,
        waiting=tuple(waiting),
        ending_soon=_ending_soon(services, present),
        findings=await _count_findings(services, complete),
        forecast=forecast(present, now, services.settings.zone),
    )


async def _present(services: Services, group_id: str, now: datetime) -> list[Contractor]:
    rows = [row async for row in services.register.rows(group_id)]
    read = read_rows(rows, services.settings.date_rules)
    return [row for row in read if isinstance(row, Contractor) and not row.is_due(now)]


async def _unfinished(records: AsyncIterable[OffboardingRecord]) -> list[OffboardingRecord]:
    return [item async for item in records if item.unfinished]


def _only_looked(run: Run, settings: Settings) -> bool:
    """Whether this is a report-only sweep requested in mode `enforce`: it is not the nightly run."""
    return run.mode == Mode.REPORT and settings.mode is Mode.ENFORCE


def _newest_complete(sweeps: Sequence[Run]) -> Run | None:
    ended = (run for run in reversed(sweeps) if run.state is RunState.COMPLETE)
    return next((run for run in ended if not (run.held or run.out_of_time)), None)


def _ending_soon(services: Services, present: Sequence[Contractor]) -> tuple[EndingRow, ...]:
    until = services.now() + timedelta(days=max(services.settings.warn_days, default=0))
    near = sorted((row for row in present if row.due_at <= until), key=lambda row: row.due_at)
    return tuple(EndingRow(row_key=row.row_key, end_date=row.end_date, due_at=row.due_at) for row in near)


async def _count_findings(services: Services, run: Run | None) -> dict[FindingKind, int]:
    if run is None:
        return {}
    found = await services.runs.findings(run.group_id, run.run_id)
    return dict(found.by_kind)
