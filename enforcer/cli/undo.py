"""`undo`: reverse what a run did."""

from __future__ import annotations

from collections.abc import Sequence

import click

from enforcer.api.documents import UndoneRun
from enforcer.cli.asking import confirm, yes_option
from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.remote import RemoteApi, Way, act, direct_option
from enforcer.cli.running import DONE, UNDONE, with_services
from enforcer.offboarding import undo as undoing
from enforcer.services import Services

_LAST = "last"


@click.command()
@click.argument("run")
@yes_option
@click.option("--plan-only", is_flag=True, help="Show what would be done. Changes nothing.")
@direct_option
@output_option
def undo(run: str, yes: bool, plan_only: bool, way: Way, as_json: bool) -> int:  # noqa: FBT001
    """Reverse what RUN did: restore the memberships it removed, enable the accounts it disabled.

    RUN is a run's ID, or `last`: the run that took away access last, whoever asked for it.
    """
    run_id, reversals = with_services("reading the ledger", lambda services: _plan(services, run))
    rows = [(item.action, item.user_id, item.group_id) for item in reversals]
    if not as_json or plan_only:
        _write_undo_plan(run_id, reversals, rows, as_json=as_json)
    if plan_only:
        return DONE
    confirm(f"{len(rows)} changes of run {run_id}. Carry them out?", yes=yes)

    async def ask(api: RemoteApi) -> tuple[str, Sequence[undoing.Reversed]]:
        undone = (await api.call("POST", ("runs", run_id, "undo"))).read(UndoneRun)
        return undone.run_id, undone.results

    own_run, results = act(
        "undoing",
        way,
        remotely=ask,
        directly=lambda services, actor: undoing.undo(services, run_id, reversals, actor=actor),
    )
    if as_json:
        write_json({"run_id": own_run, "undone_run": run_id, "results": results})
    else:
        done = [(item.reversal.action, item.reversal.user_id, item.outcome) for item in results]
        write_tables(Table(f"Undone, as run {own_run}", ("action", "user", "outcome"), done))
    tell("End dates are unchanged; extend them or the next sweep removes these people again")
    if left := len(rows) - sum(item.done for item in results):
        tell(f"{left} of {len(rows)} changes are left. Go on with: enforcer undo {run_id}")
    return UNDONE if left else DONE


async def _plan(services: Services, run: str) -> tuple[str, Sequence[undoing.Reversal]]:
    run_id = await undoing.last_run(services) if run == _LAST else run
    return run_id, await undoing.plan_undo(services, run_id)


def _write_undo_plan(
    run_id: str, reversals: Sequence[undoing.Reversal], rows: Sequence[Sequence[object]], *, as_json: bool
) -> None:
    if as_json:
        write_json(reversals)
    else:
        write_tables(Table(f"Would be undone of run {run_id}", ("action", "user", "group"), rows))
