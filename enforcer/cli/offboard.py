"""`offboard`: offboard people now."""

from __future__ import annotations

from http import HTTPStatus

import click

from enforcer.cli.asking import confirm, yes_option
from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.remote import ApiProblemError, HeldThereError, RemoteApi, Way, act, direct_option
from enforcer.cli.running import DONE, HELD, UNDONE
from enforcer.cli.users import UserType
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
from enforcer.offboarding.or_queue import QueuedOffboarding
from enforcer.services import Services


@click.command()
@click.argument("users", metavar="USER…", type=UserType(), nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; it is written to the ledger and the register.")
@yes_option
@direct_option
@output_option
def offboard(*, users: tuple[str, ...], reason: str, yes: bool, way: Way, as_json: bool) -> int:
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
    confirm(f"Offboard now, from all managed groups: {', '.join(users)}?", yes=yes)
    if len(users) > 1:
        return _offboard_many(users, reason.strip(), way, as_json=as_json)
    return _offboard_one(users[0], reason.strip(), way, as_json=as_json)


# One person ----------------------------------------------------------------------------------------------


def _offboard_one(user: str, reason: str, way: Way, *, as_json: bool) -> int:
    try:
        done = act(
            f"offboarding {user}",
            way,
            remotely=lambda api: _ask_for_one(api, user, reason),
            directly=lambda services, actor: _offboard_here(services, actor, user, reason),
        )
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
    if isinstance(done, QueuedOffboarding):
        tell(f"queued, run {done.run_id}: {done.detail}")
        return UNDONE
    if not as_json:
        rows = [(item.step, item.group_id or None, item.outcome, item.request_id) for item in done.steps]
        columns = ("step", "group", "outcome", "Graph request ID")
        title = f"{done.user_principal_name}, run {done.run_id}"
        write_tables(Table(title, columns, rows, ids=("group", "Graph request ID")))
    _tell_about(done)
    return DONE if done.done else UNDONE


async def _offboard_here(
    services: Services, actor: Actor, user: str, reason: str
) -> Offboarded | QueuedOffboarding:
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


async def _ask_for_one(api: RemoteApi, user: str, reason: str) -> Offboarded | QueuedOffboarding:
    try:
        answer = await api.call("POST", ("contractors", user, "offboard"), {"reason": reason})
    except ApiProblemError as error:
        return _begun(user, error)
    if answer.status == HTTPStatus.ACCEPTED:
        return answer.read(QueuedOffboarding)
    return answer.read(Offboarded)


def _begun(user: str, error: ApiProblemError) -> Offboarded:
    """Return what was done, if a step was refused for good; raise what else the problem is."""
    if error.problem.offboarding is not None:
        return error.problem.offboarding
    if error.problem.ended_rows is not None:
        raise NoAccountError(user, error.problem.ended_rows) from error
    raise error


# Several -------------------------------------------------------------------------------------------------


def _offboard_many(users: tuple[str, ...], reason: str, way: Way, *, as_json: bool) -> int:
    async def ask(api: RemoteApi) -> BatchAnswer:
        try:
            answer = await api.call("POST", ("offboardings",), {"users": users, "reason": reason})
        except HeldThereError as error:
            held = error.problem
            return BatchAnswer(run_id="", people=held.people, digest=held.digest, detail=held.detail)
        return answer.read(BatchAnswer)

    async def work(services: Services, actor: Actor) -> BatchAnswer:
        request = BatchRequest(
            users=users,
            reason=reason,
            actor=actor.id,
            actor_name=actor.name,
            run_id=new_run_id(services.now()),
        )
        return await offboard_many(services, request)

    answer = act(f"offboarding {len(users)} people", way, remotely=ask, directly=work)
    if as_json:
        write_json(answer)
    else:
        rows = [(one.user, one.status, one.run_id or None, one.detail or None) for one in answer.people]
        title = f"run {answer.run_id}" if answer.run_id else "Held"
        write_tables(Table(title, ("user", "status", "run", "detail"), rows))
    for person in answer.people:
        if person.offboarding is not None:
            _tell_about(person.offboarding)
    if answer.digest:
        tell(answer.detail)
        return HELD
    return DONE if answer.are_all(PersonStatus.DONE) else UNDONE


def _tell_about(done: Offboarded) -> None:
    if done.proof is not None:
        tell(f"next sign-in, as Entra evaluates it: {done.proof} {done.proof_policy}".rstrip())
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
