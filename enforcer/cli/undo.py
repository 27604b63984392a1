"""`undo`: reverse what a run did."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.running import DONE, UNDONE, with_services
from enforcer.cli.who import as_actor
from enforcer.offboarding import undo as undoing


@click.command()
@click.argument("run")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--plan-only", is_flag=True, help="Show what would be done. Changes nothing.")
@output_option
def undo(run: str, yes: bool, plan_only: bool, as_json: bool) -> int:  # noqa: FBT001
    """Reverse what RUN did: restore the memberships it removed, enable the accounts it disabled."""
    reversals = with_services("reading the ledger", lambda services: undoing.plan_undo(services, run))
    rows = [(item.action, item.user_id, item.group_id) for item in reversals]
    if not as_json or plan_only:
        _write_undo_plan(reversals, rows, as_json=as_json)
    if plan_only:
        return DONE
    if sys.stdin.isatty() and not yes:
        click.confirm(f"{len(rows)} changes. Carry them out?", abort=True, err=True)
    own_run, results = with_services(
        "undoing",
        as_actor(lambda services, actor: undoing.undo(services, run, reversals, actor=actor)),
    )
    if as_json:
        write_json({"run_id": own_run, "undone_run": run, "results": results})
    else:
        done = [(item.reversal.action, item.reversal.user_id, item.outcome) for item in results]
        write_tables(Table(f"Undone, as run {own_run}", ("action", "user", "outcome"), done))
    tell("End dates are unchanged; extend them or the next sweep removes these people again")
    return DONE if all(item.done for item in results) else UNDONE


def _write_undo_plan(
    reversals: Sequence[undoing.Reversal], rows: Sequence[Sequence[object]], *, as_json: bool
) -> None:
    if as_json:
        write_json(reversals)
    else:
        write_tables(Table("Would be undone", ("action", "user", "group"), rows))
