"""`sweep` and `runs`: have every group swept now, and see what runs did."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click
import msgspec

from enforcer.api.documents import RunDocument, StartedSweeps
from enforcer.cli.dates import local
from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.remote import RemoteApi, Way, act, direct_option
from enforcer.cli.running import DONE, HELD, UNDONE, with_services
from enforcer.cli.sweeps import sweep_all
from enforcer.core.actors import Actor
from enforcer.core.runs import Report, Run, RunState, total
from enforcer.core.settings import Mode
from enforcer.services import Services

_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Swept:
    """What became of all groups: as one run, group by group, and what went wrong."""

    run: Run
    groups: Sequence[Run]
    errors: Sequence[str]


@click.command()
@click.option(
    "--mode", type=click.Choice([Mode.REPORT.value]), help="Plan and record, and change nothing in Entra."
)
@click.option(
    "--wait",
    type=click.IntRange(min=0),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the app's sweep; it goes on without us.",
)
@direct_option
@output_option
def sweep(mode: str | None, wait: int, way: Way, as_json: bool) -> int:  # noqa: FBT001
    """Sweep every managed group now, as the night does: in the app, where ENFORCER_API_URL is set."""
    done = act(
        "sweeping",
        way,
        remotely=lambda api: _ask_and_wait(api, mode, wait),
        directly=lambda services, actor: _sweep(services, actor, mode),
    )
    if as_json:
        write_json({**msgspec.to_builtins(done.run), "groups": done.groups, "errors": done.errors})
    else:
        write_tables(_table(f"Run {done.run.run_id}", done.groups))
    for error in done.errors:
        tell(f"error: {error}")
    if done.run.state is RunState.RUNNING:
        tell(f"run {done.run.run_id} is not over: see `enforcer runs`")
    for run in done.groups:
        if run.holds:
            tell(f"HELD by the brake: group {run.group_id}. Approve it with: enforcer approve {run.digest}")
    if done.run.state is not RunState.COMPLETE or any(run.incomplete for run in done.groups):
        return UNDONE
    return HELD if done.run.holds else DONE


@click.command()
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="The most runs to list."
)
@output_option
def runs(limit: int, as_json: bool) -> int:  # noqa: FBT001
    """List the last runs, the newest first: sweeps, offboardings on demand, and what was undone."""
    found = with_services("reading the runs", _all_runs)[:limit]
    if as_json:
        write_json(found)
    else:
        write_tables(_table("Last runs", found))
    return DONE


async def _ask_and_wait(api: RemoteApi, mode: str | None, wait: int) -> _Swept:
    """Ask the app for a sweep, and look at its run until it is over, or we have waited long enough."""
    until = asyncio.get_running_loop().time() + wait
    asked = await api.call("POST", ("sweeps",), {"mode": mode} if mode else {})
    run_id = asked.read(StartedSweeps).run_id
    tell(f"asked for, as run {run_id}")
    while True:
        document = (await api.call("GET", ("runs", run_id))).read(RunDocument)
        left = until - asyncio.get_running_loop().time()
        if document.state is not RunState.RUNNING or left <= 0:
            return _swept(document)
        await asyncio.sleep(min(_LOOK_SECONDS, left))


def _swept(document: RunDocument) -> _Swept:
    groups = document.runs
    errors = [f"group {run.group_id}: {run.error}" for run in groups if run.state is RunState.FAILED]
    if len(groups) == 1:
        return _Swept(groups[0], groups, errors)
    begun = replace(groups[0], group_id="", state=document.state, finished_at=None, error="")
    return _Swept(total(begun, [Report(run=run) for run in groups]), groups, errors)


async def _sweep(services: Services, actor: Actor, mode: str | None) -> _Swept:
    only_look = mode == Mode.REPORT and services.settings.mode is Mode.ENFORCE
    if only_look:
        services = replace(services, settings=replace(services.settings, mode=Mode.REPORT))
    done = await sweep_all(services, actor, only_look=only_look)
    return _Swept(done.run, [report.run for report in done.reports], [str(error) for error in done.errors])


async def _all_runs(services: Services) -> Sequence[Run]:
    """Return the runs of all groups, the newest first."""
    now = services.now()
    found = [run for group in services.settings.group_ids for run in await services.runs.of_group(group, now)]
    return sorted(found, key=lambda run: (run.started_at, run.run_id), reverse=True)


def _table(title: str, shown: Sequence[Run]) -> Table:
    counts = (
        "due",
        "removed",
        "already_absent",
        "revoked",
        "verified",
        "skipped",
        "stuck",
        "held",
        "findings",
    )
    rows = [
        (
            run.run_id,
            local(run.started_at),
            run.kind,
            run.group_id,
            run.mode,
            run.state,
            run.actor_name or run.actor,
            run.reason,
            *(getattr(run, name) for name in counts),
        )
        for run in shown
    ]
    columns = ("run", "started", "kind", "group", "mode", "state", "asked by", "reason", *counts)
    return Table(title, columns, rows, ("reason",), ids=("group",))
