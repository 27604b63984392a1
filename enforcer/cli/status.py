"""`status` and `check`: the state of every group, and whether the next run would succeed."""

from __future__ import annotations

import click

from enforcer.cli.dates import local
from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.remote import open_api
from enforcer.cli.running import DONE, UNDONE, with_services
from enforcer.core.exceptions import EnforcerError
from enforcer.core.runs import Run
from enforcer.core.settings import Settings
from enforcer.services import Services
from enforcer.status.check import Check, Health
from enforcer.status.checks import run_checks
from enforcer.status.group_status import GroupStatus, read_status


@click.command()
@output_option
def status(as_json: bool) -> int:  # noqa: FBT001
    """Show the last runs, who is stuck, what is held, and whose access ends soon."""
    found = with_services("reading", read_status)
    if as_json:
        write_json(found)
        return DONE
    write_tables(Table("Next night", ("begins",), [[local(found.next_night)]]))
    for group in found.groups:
        write_tables(*_tables(group))
        for plan in group.waiting:
            tell(f"HELD by the brake: {plan.size}. Approve it with:")
            tell(f"  enforcer approve {plan.digest}")
    return DONE


@click.command()
@output_option
def check(as_json: bool) -> int:  # noqa: FBT001
    """Check permissions, groups, storage, clock and the last runs; say what is wrong and how to fix it."""

    async def work(services: Services) -> list[Check]:
        made = [made async for made in run_checks(services)]
        return [*made, await _check_api(services.settings)] if services.settings.api_url else made

    made = with_services("checking", work)
    if as_json:
        write_json(made)
    else:
        rows = [(item.health, item.name, item.detail, item.fix or None) for item in made]
        write_tables(Table("Checks", ("status", "check", "detail", "fix"), rows, ("detail", "fix")))
    return UNDONE if any(item.health is Health.FAILED for item in made) else DONE


async def _check_api(settings: Settings) -> Check:
    """Check that the app accepts whoever is signed in, in any role."""
    name = "command line"
    try:
        async with open_api(settings) as api:
            (await api.call("GET", ("openapi.json",))).read(dict[str, object])
    except EnforcerError as error:
        return Check(name=name, health=Health.FAILED, detail=f"nothing can be changed from here: {error}")
    return Check(
        name=name, health=Health.OK, detail=f"changes go to {settings.api_url}, where you hold an app role"
    )


def _tables(group: GroupStatus) -> list[Table]:
    last = {run.run_id: run for run in (group.last_run, group.last_complete_run) if run is not None}
    runs = last.values()
    counts = ("due", "removed", "already_absent", "revoked", "verified", "skipped", "stuck", "held")
    return [
        Table(
            f"Group {group.group_id}: contractors with access: {group.contractors}",
            ("last (complete) run", *last),
            [
                ("started", *(local(run.started_at) for run in runs)),
                ("state", *(run.state for run in runs)),
                *((name, *(getattr(run, name) for run in runs)) for name in counts),
                ("slowest removal", *(_lag(run) for run in runs)),
            ]
            if last
            else (),
        ),
        Table(
            "Stuck",
            ("user", "end date", "attempts", "reason"),
            [(item.user_id, item.end_date, item.attempts, item.last_error) for item in group.stuck],
            ("reason",),
        ),
        Table(
            "Ending soon",
            ("who", "end date", "due at"),
            [(end.row_key, end.end_date, local(end.due_at)) for end in group.ending_soon],
        ),
        Table("Findings of the last complete run", ("kind", "count"), sorted(group.findings.items())),
    ]


def _lag(run: Run) -> str | None:
    return None if run.lag_seconds.max is None else f"{run.lag_seconds.max / 3600:.1f} h"
