"""Checks of what runs leave: their results, queues, reports."""

from __future__ import annotations

from enforcer.core.calendar.dates import instant
from enforcer.core.exceptions import AccessDeniedError
from enforcer.services import Services
from enforcer.status.check import Check, failed, ok, warning
from enforcer.status.group_status import OVERDUE, GroupStatus, read_status
from enforcer.storage.blobs import CONTAINER, open_reports
from enforcer.storage.queues import OFFBOARDINGS, POISON, SWEEPS


async def last_runs(services: Services) -> list[Check]:
    status = await read_status(services)
    return [check for group in status.groups for check in _of_group(services, group)]


def _of_group(services: Services, group: GroupStatus) -> list[Check]:
    checks = [_last_run(services, group)]
    if group.stuck:
        users = ", ".join(item.user_id for item in group.stuck)
        checks.append(failed("stuck", f"{len(group.stuck)} people: {users}", "docs/runbook.md#stuck"))
    for plan in group.waiting:
        detail = f"{plan.size}, since {instant(plan.held_at)}"
        checks.append(warning("brake", f"holds a plan: {detail}", f"enforcer approve {plan.digest}"))
    return checks


def _last_run(services: Services, group: GroupStatus) -> Check:
    name, run = f"last complete run of {group.group_id}", group.last_complete_run
    fix = "POST /api/sweeps, then check the function app's timer (docs/runbook.md#no-complete-run)"
    if run is None or run.finished_at is None:
        return warning(name, "none yet", fix)
    age = services.now() - run.finished_at
    detail = f"{run.run_id}, {age.total_seconds() / 3600:.1f} hours ago"
    return failed(name, detail, fix) if age > OVERDUE else ok(name, detail)


async def queues(services: Services) -> list[Check]:
    names = (SWEEPS, OFFBOARDINGS, f"{SWEEPS}{POISON}", f"{OFFBOARDINGS}{POISON}")
    try:
        waiting = {name: await services.queues.waiting(name) for name in names}
    except AccessDeniedError as error:
        fix = "the app's identity needs Storage Queue Data Contributor; an operator does not"
        return [warning("queues", f"not checked: {error}", f"{fix} (docs/permissions.md)")]
    counts = ", ".join(f"{name}: {waiting[name]} waiting" for name in names[:2])
    return [ok("queues", counts), *(_poison(name, waiting[name]) for name in names[2:] if waiting[name])]


def _poison(name: str, waiting: int) -> Check:
    detail = f"messages given up and not yet recorded: {waiting}"
    return warning(name, detail, "make sure that the function app runs, then see docs/runbook.md#poison")


async def reports(services: Services) -> list[Check]:
    async with open_reports(services.settings.storage) as reports:
        there = await reports.exist()
    return [ok(CONTAINER, "the container exists" if there else "the first run creates the container")]
