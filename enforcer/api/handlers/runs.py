"""`/sweeps`, `/runs` and `/plans`: start a run, show one, approve a plan."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from enforcer.api.bodies import SweepBody, read_body
from enforcer.api.documents import (
    ApprovedPlans,
    StartedSweep,
    StartedSweeps,
    UndoneRun,
    run_document,
)
from enforcer.core.exceptions import (
    AccessDeniedError,
    FourEyesError,
    InputError,
    NotFoundError,
    RefusedError,
    UnavailableError,
)
from enforcer.core.planning.digest import is_digest
from enforcer.core.run_ids import is_run_id, new_run_id
from enforcer.core.runs import Run, RunKind
from enforcer.core.settings import Mode
from enforcer.offboarding import undo as undoing
from enforcer.register.changes import chosen_groups
from enforcer.sweep import approval
from enforcer.sweep.requesting import request_sweep
from enforcer.web.calls import Call
from enforcer.web.messages import Response, respond
from enforcer.web.problems import Code, ProblemError, unavailable

# Whoever calls waits, and is answered within half a minute.
_UNDO_SECONDS = 18.0


async def start_sweeps(call: Call) -> Response:
    body = read_body(call.request, SweepBody)
    mode = _narrowed(call.services.settings.mode, body.mode)
    groups = chosen_groups(call.services.settings, body.group_id)
    now = call.services.now()
    run = Run(
        run_id=new_run_id(now),
        group_id="",
        started_at=now,
        mode=mode.value,
        reason=body.reason.strip() or "asked for over HTTP",
        actor=call.caller.actor.id,
        actor_name=call.caller.actor.name,
    )
    for place, group_id in enumerate(groups):
        try:
            await request_sweep(call.services, replace(run, group_id=group_id), within=call.budget.queue)
        except (UnavailableError, AccessDeniedError) as error:
            raise _not_queued(run.run_id, groups[:place], groups[place:]) from error
    started = tuple(StartedSweep(group_id=group_id, run_id=run.run_id) for group_id in groups)
    return respond(
        StartedSweeps(run_id=run.run_id, mode=mode, runs=started),
        status=202,
        headers={"Location": f"/api/runs/{run.run_id}"},
    )


async def get_run(call: Call) -> Response:
    run_id = call.request.parameters.get("id", "")
    runs = call.services.runs
    found = await runs.of_id(run_id, call.services.settings.group_ids) if is_run_id(run_id) else []
    if not found:
        raise NotFoundError(f"there is no run {run_id!r:.80}", field="id")
    findings = {
        run.group_id: await runs.findings(run.group_id, run_id) for run in found if run.kind is RunKind.SWEEP
    }
    return respond(run_document(run_id, found, findings))


async def approve_plan(call: Call) -> Response:
    digest = call.request.parameters.get("digest", "").strip().lower()
    if not is_digest(digest):
        raise NotFoundError("a plan's digest has 64 hexadecimal digits", field="digest")
    try:
        plans = await approval.approve(call.services, digest, actor=call.approver())
    except (NotFoundError, FourEyesError):
        raise
    except InputError as error:
        # The plan exists, but needs no approval, or has used up the one that it had.
        raise _refused(error) from error
    return respond(ApprovedPlans(plans=tuple(plans)))


async def undo_run(call: Call) -> Response:
    run_id = call.request.parameters.get("id", "")
    if not is_run_id(run_id):
        raise NotFoundError(f"there is no run {run_id!r:.80}", field="id")
    until = asyncio.get_running_loop().time() + _UNDO_SECONDS
    try:
        reversals = await undoing.plan_undo(call.services, run_id)
    except NotFoundError:
        raise
    except InputError as error:
        # The run exists, but did nothing that can be undone, or all of that was undone.
        raise _refused(error) from error
    own_run, results = await undoing.undo(
        call.services, run_id, reversals, actor=call.caller.actor, until=until
    )
    done = len(results) == len(reversals) and all(result.done for result in results)
    return respond(UndoneRun(run_id=own_run, undone_run=run_id, done=done, results=tuple(results)))


def _refused(error: InputError) -> ProblemError:
    return ProblemError(409, Code.REFUSED, str(error), field=error.field)


def _narrowed(mode: Mode, wanted: Mode | None) -> Mode:
    """Return the mode of a sweep: a caller may narrow that of the settings, never widen it."""
    if mode is Mode.REPORT and wanted is Mode.ENFORCE:
        raise RefusedError("ENFORCER_MODE is report: no sweep may change anything", field="mode")
    return wanted or mode


def _not_queued(run_id: str, queued: Sequence[str], left: Sequence[str]) -> ProblemError:
    if not queued:
        return unavailable("Storage does not answer, so no sweep was queued. Try again.")
    return unavailable(
        f"Storage no longer answers. Run {run_id} sweeps {', '.join(queued)}, but not"
        f" {', '.join(left)}: request these again, by group_id."
    )
