"""`GET /api/`: the overview; with `q` or `week`, a search. `POST` approves a held plan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from enforcer.core.contractors import ReadRow
from enforcer.core.exceptions import NotFoundError
from enforcer.core.findings import RunFindings, together
from enforcer.core.plan import Finding, FindingKind, HeldFor
from enforcer.core.planning.digest import is_digest
from enforcer.core.runs import Run, RunKind, RunState
from enforcer.page import attention
from enforcer.page.answers import calendar, frame, html, see_other
from enforcer.page.forms import read_form
from enforcer.page.people import HOME, People, names_in_entra
from enforcer.page.runs import last_run, last_runs
from enforcer.page.search import show_search
from enforcer.page.timeline import time_line
from enforcer.page.times import Calendar, Moment
from enforcer.register.reading import read_register
from enforcer.services import Services
from enforcer.status.group_status import Status, read_status
from enforcer.storage.tables.lookups import held_people
from enforcer.sweep import approval
from enforcer.web.calls import Call
from enforcer.web.messages import Response


async def show_overview(call: Call) -> Response:
    if "q" in call.request.query or "week" in call.request.query:
        return await show_search(call)
    read = await _read(call.services)
    people = People.of(read.rows, await _names_of_unregistered(call.services, read))
    groups, days = read.status.groups, calendar(call)
    return html(
        "overview.html",
        frame=frame(call, "Contractor access"),
        several=len(groups) > 1,
        last_complete=[last_run(group.group_id, group.last_complete_run, days) for group in groups],
        all_swept=all(group.last_complete_run is not None for group in groups),
        contractors=sum(group.contractors for group in groups),
        ending_soon=sum(len(group.ending_soon) for group in groups),
        warn_days=max(call.services.settings.warn_days, default=0),
        approved=await _approved(call),
        held=[held async for held in _held(call.services, people, days)],
        stuck=attention.stuck_people(groups, people, days),
        unregistered=attention.findings_of(FindingKind.UNREGISTERED_MEMBER, read.findings, people),
        findings=attention.other_findings(read.findings, people),
        weeks=time_line(read.rows, days),
        runs=last_runs(read.runs, days),
    )


async def _held(services: Services, people: People, days: Calendar) -> AsyncIterator[attention.Held]:
    """Yield every plan that waits: of a group there may be several."""
    for plan in await services.plans.waiting(services.settings.group_ids):
        found = await held_people(services.tables, plan.digest)
        yield attention.held_view(plan, found, people, days)


async def approve(call: Call) -> Response:
    """Approve the plan that the form names; the next page confirms it.

    Raises:
        NotFoundError, InputError: There is no such plan, or it needs no approval.
    """
    digest = read_form(call.request).get("digest", "").strip().lower()
    if not is_digest(digest):
        raise NotFoundError("a plan's digest has 64 hexadecimal digits", field="digest")
    await approval.approve(call.services, digest, actor=call.approver())
    return see_other(HOME, approved=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Overview:
    """What the overview is made from.

    Attributes:
        findings: Of the newest finished sweep of each group, without those that were fixed since.
    """

    status: Status
    rows: Sequence[ReadRow]
    runs: Sequence[Run]
    findings: RunFindings


async def _read(services: Services) -> _Overview:
    groups, now = services.settings.group_ids, services.now()
    status, rows, runs = await asyncio.gather(
        read_status(services),
        read_register(services, groups),
        asyncio.gather(*(services.runs.of_group(group_id, now) for group_id in groups)),
    )
    found = together([await _newest_findings(services, group) for group in runs])
    people = People.of(rows)
    return _Overview(
        status=status,
        rows=rows,
        runs=[run for group in runs for run in group],
        findings=found.without(lambda finding: _is_fixed(finding, people)),
    )


async def _newest_findings(services: Services, runs: Sequence[Run]) -> RunFindings:
    finished = [run for run in runs if run.kind is RunKind.SWEEP and run.state is RunState.COMPLETE]
    if not finished:
        return RunFindings()
    return await services.runs.findings(finished[-1].group_id, finished[-1].run_id)


def _is_fixed(finding: Finding, people: People) -> bool:
    """Whether a member without a row has got one since the run that found them."""
    is_unregistered = finding.kind is FindingKind.UNREGISTERED_MEMBER
    return is_unregistered and finding.user_id is not None and finding.user_id in people


async def _names_of_unregistered(services: Services, read: _Overview) -> dict[str, str]:
    unnamed = [
        finding.user_id
        for finding in read.findings.named
        if finding.user_id is not None and finding.row_key is None
    ]
    return await names_in_entra(services, dict.fromkeys(unnamed[: attention.NAMED]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Approved:
    people: int
    on_demand: bool
    at: Moment


async def _approved(call: Call) -> _Approved | None:
    """Return the plan that the link says was approved, if that is true."""
    digest = call.request.query.get("approved", "")
    plan = await call.services.plans.get(digest) if is_digest(digest) else None
    if plan is None or plan.approved_at is None or not plan.is_released:
        return None
    on_demand = plan.held_for is HeldFor.OFFBOARDING
    return _Approved(
        people=plan.people + plan.joiners, on_demand=on_demand, at=calendar(call).moment(plan.approved_at)
    )
