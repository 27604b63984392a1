"""The functions of the poison queues: what was given up is announced, reported to operators and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import azure.functions as func
import msgspec

from enforcer.core.exceptions import InputError
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import GIVEN_UP, QUEUE_MESSAGE, Run, RunKind, RunState, claimed
from enforcer.core.settings import Settings
from enforcer.functions.queues import CONNECTION
from enforcer.functions.runtime import invocation
from enforcer.offboarding.queued import NOT_ASKED_FOR, asked_for
from enforcer.services import Services
from enforcer.storage.queues import (
    OFFBOARDINGS,
    POISON,
    SWEEPS,
    OffboardMessage,
    SweepMessage,
    read_offboard_message,
    read_sweep_message,
)
from enforcer.sweep.post_run import raise_alarm
from enforcer.sweep.queued import why_not
from enforcer.telemetry.run_events import announce_poisoned

# Characters of an unreadable message to record: nothing else shows what was meant.
_SHOWN = 300

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True, kw_only=True)
class _GivenUp:
    """A message that was given up.

    Attributes:
        wanted: What it asked for; None if it cannot be read.
        group_ids: The managed groups in which it is recorded: those that it may have been about.
        problem: What is wrong with the message itself; empty if nothing is.
    """

    queue: str
    kind: RunKind
    wanted: SweepMessage | OffboardMessage | None
    group_ids: Sequence[str]
    problem: str


@blueprint.queue_trigger(arg_name="message", queue_name=f"{SWEEPS}{POISON}", connection=CONNECTION)
async def sweeps_poisoned(message: func.QueueMessage) -> None:
    """Record a sweep that failed every time, and raise the alarm."""
    async with invocation() as services:
        await _report(services, message, _given_up_sweep(services.settings, message.get_body()))


@blueprint.queue_trigger(arg_name="message", queue_name=f"{OFFBOARDINGS}{POISON}", connection=CONNECTION)
async def offboardings_poisoned(message: func.QueueMessage) -> None:
    """Record an offboarding that failed every time, and raise the alarm."""
    async with invocation() as services:
        await _report(services, message, await _given_up_offboarding(services, message.get_body()))


def _given_up_sweep(settings: Settings, body: bytes) -> _GivenUp:
    wanted: SweepMessage | None = None
    try:
        wanted = read_sweep_message(body)
        problem = why_not(settings, wanted)
    except InputError as error:
        problem = _unreadable(body, error)
    known = wanted is not None and wanted.group_id in settings.group_ids
    return _GivenUp(
        queue=SWEEPS,
        kind=RunKind.SWEEP,
        wanted=wanted,
        group_ids=(wanted.group_id,) if wanted is not None and known else settings.group_ids,
        problem=problem,
    )


async def _given_up_offboarding(services: Services, body: bytes) -> _GivenUp:
    wanted: OffboardMessage | None = None
    problem = ""
    try:
        wanted = read_offboard_message(body)
        if await asked_for(services, wanted) is None:
            # Its run, if there is one, is somebody else's, and not to be marked as failed.
            wanted = msgspec.structs.replace(wanted, run_id="")
            problem = _unreadable(body, InputError(NOT_ASKED_FOR))
    except InputError as error:
        problem = _unreadable(body, error)
    return _GivenUp(
        queue=OFFBOARDINGS,
        kind=RunKind.OFFBOARD,
        wanted=wanted,
        group_ids=services.settings.group_ids,
        problem=problem,
    )


def _unreadable(body: bytes, error: InputError) -> str:
    return f"{error}; it says {body.decode(errors='backslashreplace')!r:.{_SHOWN}}"


async def _report(services: Services, message: func.QueueMessage, given_up: _GivenUp) -> None:
    """Announce it first: that needs no storage. If anything fails here, the platform tries again."""
    wanted = given_up.wanted
    about = wanted.group_id if isinstance(wanted, SweepMessage) and not given_up.problem else ""
    announce_poisoned(given_up.queue, message.id or "", about)
    run = _failed_run(services, given_up)
    for group_id in given_up.group_ids:
        await _record(services, replace(run, group_id=group_id))
    await raise_alarm(services, run.run_id, given_up.group_ids)


def _failed_run(services: Services, given_up: _GivenUp) -> Run:
    now, wanted = services.now(), given_up.wanted
    return Run(
        run_id=(wanted.run_id if wanted is not None else "") or new_run_id(now),
        group_id="",
        kind=given_up.kind,
        started_at=now,
        finished_at=now,
        state=RunState.FAILED,
        mode=services.settings.mode.value,
        reason=claimed(wanted.reason) if wanted is not None else "unreadable message",
        actor=QUEUE_MESSAGE,
        error=": ".join(text for text in (GIVEN_UP, given_up.problem) if text),
    )


async def _record(services: Services, run: Run) -> None:
    """Record the failed run, keeping the error that its last try recorded, which says more."""
    for known in await services.runs.of_id(run.run_id, [run.group_id]):
        if known.is_over:
            return
        error = f"{run.error}; {known.error}" if known.error else run.error
        ended = run.finished_at
        run = replace(known, queued=False, state=RunState.FAILED, finished_at=ended, error=error)
    await services.runs.amend(run)
