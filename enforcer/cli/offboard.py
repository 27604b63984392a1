"""`offboard`: offboard people now."""

from __future__ import annotations

import click

from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.running import DONE, HELD, UNDONE, with_services
from enforcer.cli.users import UserType
from enforcer.cli.who import as_actor
from enforcer.core.actors import Actor
from enforcer.core.batch_answer import BatchAnswer, PersonStatus
from enforcer.core.exceptions import EnforcerError, HeldError, NoAccountError
from enforcer.core.offboard_answer import Offboarded
from enforcer.core.offboarding_record import Sessions
from enforcer.core.plain_text import is_plain
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import LONGEST_REASON
from enforcer.offboarding.many import MOST_PEOPLE, BatchRequest, offboard_many
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now, record_failure
from enforcer.services import Services


@click.command()
@click.argument("users", metavar="USER…", type=UserType(), nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; it is written to the ledger and the register.")
@output_option
def offboard(users: tuple[str, ...], reason: str, as_json: bool) -> int:  # noqa: FBT001
    """Offboard each USER now, from all managed groups, with or without a row in the register.

    USER is an object ID, a user principal name or an e-mail address: of a member of a managed group, or of
    somebody with a row or a record. Up to 100 people are offboarded together. If they are more than the brake
    lets through within 22 hours, nobody is, and the exit code is 3: once somebody else has approved the
    digest, the same command goes on.
    """
    if problem := _problem(reason):
        raise click.BadParameter(problem, param_hint="--reason")
    if len(users) > MOST_PEOPLE:
        raise click.BadParameter(f"{len(users)} are more than {MOST_PEOPLE} people", param_hint="USER")
    if len(users) > 1:
        return _offboard_many(users, reason.strip(), as_json=as_json)
    return _offboard_one(users[0], reason.strip(), as_json=as_json)


def _offboard_one(user: str, reason: str, *, as_json: bool) -> int:
    async def work(services: Services, actor: Actor) -> Offboarded:
        request = OffboardRequest(
            user=user,
            reason=reason,
            actor=actor.id,
            actor_name=actor.name,
            run_id=new_run_id(services.now()),
        )
        try:
            return await offboard_now(services, request)
        except EnforcerError as error:
            await record_failure(services, request, error)
            raise

    try:
        done = with_services(f"offboarding {user}", as_actor(work))
    except HeldError as error:
        if as_json:
            write_json({"user": user, "code": "held", "digest": error.digest})
        tell(f"{user}: {error}")
        return HELD
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
    _tell_about(done)
    return DONE if done.done else UNDONE


def _offboard_many(users: tuple[str, ...], reason: str, *, as_json: bool) -> int:
    async def work(services: Services, actor: Actor) -> BatchAnswer:
        request = BatchRequest(
            users=users,
            reason=reason,
            actor=actor.id,
            actor_name=actor.name,
            run_id=new_run_id(services.now()),
        )
        return await offboard_many(services, request)

    answer = with_services(f"offboarding {len(users)} people", as_actor(work))
    if as_json:
        write_json(answer)
    else:
        rows = [(one.user, one.status, one.run_id or None, one.detail or None) for one in answer.people]
        write_tables(Table(f"run {answer.run_id}", ("user", "status", "run", "detail"), rows))
    for person in answer.people:
        if person.offboarding is not None:
            _tell_about(person.offboarding)
    if answer.digest:
        tell(answer.detail)
        return HELD
    return DONE if answer.are_all(PersonStatus.DONE) else UNDONE


def _tell_about(done: Offboarded) -> None:
    if done.roles:
        roles = ", ".join(done.roles)
        tell(f"{done.user_principal_name} holds a directory role ({roles}): the account was not disabled")
    if done.sessions is Sessions.HOME_TENANT:
        tell("Guest: sessions are controlled by their home tenant; only access to this tenant has ended")


def _problem(reason: str) -> str:
    """Return what is wrong with a reason; empty where nothing is."""
    if not reason.strip():
        return "must say why"
    if len(reason) > LONGEST_REASON:
        return f"has {len(reason)} characters, more than {LONGEST_REASON}"
    return "" if is_plain(reason) else f"holds line breaks or control characters: {reason!r:.60}"
