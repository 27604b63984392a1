"""The JSON of answers. `GET /openapi.json` is made from these types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from enforcer.core.calendar import dates
from enforcer.core.contractors import RegisterRow, read_row
from enforcer.core.findings import RunFindings
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.plan import Finding, HeldPlan
from enforcer.core.runs import Run, RunState
from enforcer.core.settings import Mode, Settings
from enforcer.offboarding.undo import Reversed


class Health(msgspec.Struct, frozen=True, kw_only=True):
    status: str = "up"


class ContractorDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the register.

    `due_at` is the instant at which access ends; without it the row cannot be acted upon, and `problem` says
    why. `enforcement` is what was done about this contractor so far; lists omit it. `warnings`, where there
    are any, say what was read differently from what was sent.
    """

    group_id: str
    row_key: str
    end_date: str | None
    start_date: str | None
    display_name: str
    company: str
    sponsor: str
    note: str
    due_at: datetime | None
    problem: str
    enforcement: OffboardingRecord | None = None
    warnings: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class ContractorPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the register; `continuation`, where there is one, requests the next."""

    contractors: tuple[ContractorDocument, ...]
    continuation: str | None


class ImportedContractors(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that were written, or (`dry_run`) that would be. `warnings` say what needs a second look."""

    dry_run: bool
    imported: int
    summary: str
    counts: dict[str, int]
    leaving_tonight: tuple[str, ...]
    held: bool
    contractors: tuple[ContractorDocument, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


class UndoneRun(msgspec.Struct, frozen=True, kw_only=True):
    """What was undone. If not everything is `done`, calling again goes on with the rest."""

    run_id: str
    undone_run: str
    done: bool
    results: tuple[Reversed, ...]


class StartedSweep(msgspec.Struct, frozen=True, kw_only=True):
    group_id: str
    run_id: str


class StartedSweeps(msgspec.Struct, frozen=True, kw_only=True):
    """One run over one group or several; `GET /runs/{run_id}` shows what became of it."""

    run_id: str
    mode: Mode
    runs: tuple[StartedSweep, ...]


class GroupFinding(msgspec.Struct, frozen=True, kw_only=True):
    group_id: str
    finding: Finding


class RunDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A run, group by group. It is running while any part is, and failed when any part has.

    Of many thousands of findings a share of each kind is listed; `findings_left_out` counts the others.
    """

    run_id: str
    state: RunState
    runs: tuple[Run, ...]
    findings: tuple[GroupFinding, ...]
    findings_left_out: int


class ApprovedPlans(msgspec.Struct, frozen=True, kw_only=True):
    """The plans that the next sweep may carry out, one for each group, if they are still the same."""

    plans: tuple[HeldPlan, ...]


def contractor_document(
    row: RegisterRow,
    settings: Settings,
    enforcement: OffboardingRecord | None = None,
    warnings: tuple[str, ...] = (),
) -> ContractorDocument:
    """Return a row as it is written, and as the enforcer reads it."""
    read = read_row(row, settings.date_rules)
    return ContractorDocument(
        group_id=row.group_id,
        row_key=row.row_key,
        end_date=_written(row.end_date),
        start_date=_written(row.start_date),
        display_name=row.display_name,
        company=row.company,
        sponsor=row.sponsor,
        note=row.note,
        due_at=read.due_at,
        problem=read.problem,
        enforcement=enforcement,
        warnings=warnings or msgspec.UNSET,
    )


def _written(value: object) -> str | None:
    return None if value is None else dates.written(value)


def run_document(run_id: str, runs: Sequence[Run], findings: Mapping[str, RunFindings]) -> RunDocument:
    """Put the parts of a run together; `findings` is by group ID."""
    states = {run.state for run in runs}
    worst = next(state for state in (RunState.RUNNING, RunState.FAILED, RunState.COMPLETE) if state in states)
    return RunDocument(
        run_id=run_id,
        state=worst,
        runs=tuple(runs),
        findings=tuple(
            GroupFinding(group_id=group_id, finding=finding)
            for group_id, found in findings.items()
            for finding in found.named
        ),
        findings_left_out=sum(found.left_out for found in findings.values()),
    )
