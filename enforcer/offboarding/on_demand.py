"""Offboard one contractor now from every managed group, with or without a row in the register."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from enforcer.core.exceptions import (
    EnforcerError,
    HeldError,
    NoAccountError,
    NotFoundError,
    RefusedError,
)
from enforcer.core.keys import readable
from enforcer.core.ledger_entries import Context
from enforcer.core.offboard_answer import Offboarded
from enforcer.core.runs import Report, Run, RunKind, RunState
from enforcer.core.settings import Mode
from enforcer.graph.priority import Priority, working_at
from enforcer.offboarding.braking import let_through
from enforcer.offboarding.carrying_out import Offboarding, row_names
from enforcer.offboarding.leaver import Leaver
from enforcer.offboarding.telling import tell_operators
from enforcer.register.changes import end_rows
from enforcer.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class OffboardRequest:
    """A request to offboard a person now.

    Attributes:
        user: Object ID, user principal name or e-mail address.
        reason: Why, in the caller's words.
        actor: The caller.
        part_of: The run of the batch that it belongs to; empty if it was asked for alone.
        seconds: Time limit for the steps; None for no limit. Recording, and asking Entra about the next
            sign-in, takes a few seconds more.
    """

    user: str
    reason: str
    actor: str
    run_id: str
    seconds: float | None = None
    actor_name: str = ""
    part_of: str = ""


async def offboard_now(services: Services, request: OffboardRequest) -> Offboarded:
    """Offboard a person from all managed groups, and end their rows so that no later run adds them back.

    Rows are ended and intents written before the first step, so that the next sweep completes an interrupted
    offboarding. Before that nothing is on record, and a caller without an answer has to call again. It takes
    no lease: removing and revoking twice is harmless, and the caller waits.

    Raises:
        NoAccountError: Nobody in Entra has this name; rows under it have been ended nevertheless.
        NotFoundError, AmbiguousError: Nobody can have this name, or several people do.
        NotContractorError: They are not in a managed group, and have neither a row nor a record.
        RefusedError: The person is protected, or the mode is `report`.
        HeldError: They are past the brake; an approval lets them through.
        RunError: Storage refuses; a step that Graph refuses is reported with its result.
        UnavailableError: Graph or storage did not answer; what was done is on record.
        TimeoutError: Time was up before the first step, or storage took too long to record the last; what was
            begun is in the register.
    """
    with working_at(Priority.HIGH):
        return await _offboard_now(services, request)


async def _offboard_now(services: Services, request: OffboardRequest) -> Offboarded:
    until = deadline(request.seconds)
    try:
        async with asyncio.timeout_at(until):
            offboarding = await looked_up(services, request, until)
            await let_through(services, offboarding.leaver.run, [offboarding.leaver])
            await offboarding.begin()
    except HeldError:
        await tell_operators(services, request.run_id, "held")
        raise
    offboarded = await offboarding.finish()
    await tell_operators(services, request.run_id, "done")
    return offboarded


def deadline(seconds: float | None) -> float | None:
    """Return the event loop's time after these seconds; None for no limit."""
    return None if seconds is None else asyncio.get_running_loop().time() + seconds


async def looked_up(services: Services, request: OffboardRequest, until: float | None) -> Offboarding:
    """Find a person who may be offboarded, and what is known of them. Raises: as `offboard_now`."""
    async with asyncio.timeout_at(until):
        try:
            person = await services.directory.find(request.user)
        except NotFoundError as error:
            raise await _without_account(services, request, error) from error
        _require_allowed(services, person.id)
        leaver = Leaver(services=services, person=person, run=begun_run(services, request))
        offboarding = Offboarding(services, leaver, until)
        await offboarding.look()
    return offboarding


async def _without_account(
    services: Services, request: OffboardRequest, unknown: NotFoundError
) -> NotFoundError:
    """End the rows under a name that nobody in Entra has, and return the error to raise.

    Otherwise such a row would let in whoever is soft-deleted, or registered before their account exists. Only
    rows under this very name are ended: another key that was once theirs may be somebody else's by now.

    Raises:
        RefusedError: There is a row, but it must not be touched, as in `offboard_now`.
        RunError, UnavailableError: Storage refuses, or does not answer.
    """
    if not (name := readable(request.user)):
        return unknown
    run = begun_run(services, request)
    groups = services.settings.group_ids
    rows = [row for group_id in groups for row in await services.register.named(group_id, {name})]
    if rows:
        _require_allowed(services, name)
    context = Context(
        group_id="", run_id=run.run_id, actor=run.actor, actor_name=run.actor_name, note=run.reason
    )
    ended = await end_rows(services, rows, name, run.started_at, context)
    error = NoAccountError(request.user, row_names(ended))
    for group_id in dict.fromkeys(row.group_id for row in ended):
        failed = replace(run, group_id=group_id, state=RunState.FAILED, error=str(error)[:1000])
        await services.runs.save(Report(run=replace(failed, finished_at=services.now())))
    return error


async def record_failure(services: Services, request: OffboardRequest, error: EnforcerError) -> None:
    """Record why a run failed that will not be retried.

    The log must not say it, as the text may name people. Where storage itself fails, it is recorded nowhere.
    """
    with suppress(EnforcerError):
        for run in await services.runs.of_id(request.run_id, services.settings.group_ids):
            if run.state is RunState.RUNNING:
                failed = replace(
                    run, state=RunState.FAILED, finished_at=services.now(), error=str(error)[:1000]
                )
                await services.runs.save(Report(run=failed))


def _require_allowed(services: Services, user_id: str) -> None:
    if user_id in services.settings.protected_ids:
        raise RefusedError(f"{user_id} is never acted upon: ENFORCER_PROTECTED_IDS names it", field="user")
    if services.settings.mode is Mode.REPORT:
        raise RefusedError("nobody is offboarded while ENFORCER_MODE is report", field="ENFORCER_MODE")


def begun_run(services: Services, request: OffboardRequest) -> Run:
    """Return the run that a request begins, without a group."""
    return Run(
        run_id=request.run_id,
        group_id="",
        kind=RunKind.OFFBOARD,
        started_at=services.now().replace(microsecond=0),
        mode=services.settings.mode.value,
        reason=request.reason,
        actor=request.actor,
        actor_name=request.actor_name,
        asked_for=(request.user,),
        part_of=request.part_of,
    )
