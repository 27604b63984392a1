"""`offboard`: offboard one person now."""

from __future__ import annotations

import click

from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.running import DONE, UNDONE, with_services
from enforcer.cli.users import UserType
from enforcer.cli.who import as_actor
from enforcer.core.actors import Actor
from enforcer.core.exceptions import EnforcerError, NoAccountError
from enforcer.core.offboard_answer import Offboarded
from enforcer.core.offboarding_record import Sessions
from enforcer.core.plain_text import is_plain
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import LONGEST_REASON
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now, record_failure
from enforcer.services import Services


@click.command()
@click.argument("user", type=UserType())
@click.option("--reason", required=True, help="Why; it is written to the ledger and the register.")
@output_option
def offboard(user: str, reason: str, as_json: bool) -> int:  # noqa: FBT001
    """Offboard USER now, from all managed groups, with or without a row in the register.

    USER is an object ID, a user principal name or an e-mail address.
    """

    async def work(services: Services, actor: Actor) -> Offboarded:
        run_id = new_run_id(services.now())
        request = OffboardRequest(
            user=user, reason=reason.strip(), actor=actor.id, actor_name=actor.name, run_id=run_id
        )
        try:
            return await offboard_now(services, request)
        except EnforcerError as error:
            await record_failure(services, request, error)
            raise

    if problem := _problem(reason):
        raise click.BadParameter(problem, param_hint="--reason")
    try:
        done = with_services(f"offboarding {user}", as_actor(work))
    except NoAccountError as error:
        if as_json:
            write_json({"user": user, "code": "not_found", "ended_rows": error.ended_rows})
        raise
    if as_json:
        write_json(done)
    else:
        rows = [(item.step, item.group_id or None, item.outcome, item.request_id) for item in done.steps]
        title = f"{done.user_principal_name}, run {done.run_id}"
        write_tables(Table(title, ("step", "group", "outcome", "Graph request ID"), rows))
    if done.proof is not None:
        tell(f"next sign-in, as Entra evaluates it: {done.proof} {done.proof_policy}".rstrip())
    if done.sessions is Sessions.HOME_TENANT:
        tell("Guest: sessions are controlled by their home tenant; only access to this tenant has ended")
    return DONE if done.done else UNDONE


def _problem(reason: str) -> str:
    """Return what is wrong with a reason; empty where nothing is."""
    if not reason.strip():
        return "must say why"
    if len(reason) > LONGEST_REASON:
        return f"has {len(reason)} characters, more than {LONGEST_REASON}"
    return "" if is_plain(reason) else f"holds line breaks or control characters: {reason!r:.60}"
