"""Work off a queued sweep, and ask for the sweep that has to follow it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from enforcer.core.actors import Actor
from enforcer.core.exceptions import EnforcerError, InputError, LeaseHeldError
from enforcer.core.runs import QUEUE_MESSAGE, Occasion, Report, Run, RunKind, claimed
from enforcer.core.settings import Mode, Settings
from enforcer.services import Services
from enforcer.storage.queues import VERIFY_AFTER_SECONDS, SweepMessage
from enforcer.sweep.next_night import in_place_of_timer, is_night, leave_for_next_night
from enforcer.sweep.post_run import after_sweep
from enforcer.sweep.requesting import request_sweep, requested
from enforcer.sweep.sweep import SweepRequest, sweep

_CONTINUE_AFTER_SECONDS = 10


async def work_off(services: Services, message: SweepMessage, seconds: float) -> None:
    """Make the sweep that a message asks for, and queue the next where one has to follow.

    Args:
        services: In the mode of the settings; a message may narrow it to `report`, never widen it.
        message: Names the run that was asked for, by its record. One that names none was put by hand.
        seconds: After that time nobody new is begun.

    Raises:
        InputError: There is no such group or mode.
        RunError, UnavailableError: As `sweep`.
    """
    if message.after:
        instead = await in_place_of_timer(services, message)
        if instead is None:
            return
        message = instead
    if problem := why_not(services.settings, message):
        raise InputError(problem)
    enforcing = services.settings.mode is Mode.ENFORCE
    named = await services.runs.asked(message.run_id, [message.group_id], RunKind.SWEEP)
    # To run again what is over would overwrite what it did, and nobody is known to have asked for that.
    is_asked_for = named is not None and named.may_be_done(services.now())
    asked = named if named is not None and is_asked_for else _asked_by_message(services, message)
    night = named is not None and is_night(named)
    services = _in_mode(services, asked.mode)
    request = SweepRequest(
        group_id=asked.group_id,
        actor=asked.actor,
        actor_name=asked.actor_name,
        reason=asked.reason,
        run_id=asked.run_id,
        only_look=enforcing and asked.mode == Mode.REPORT,
        until=asyncio.get_running_loop().time() + seconds,
    )
    try:
        report = await sweep(services, request)
    except LeaseHeldError:
        # Another runner is at work on the group: look again when it has finished.
        await services.queues.ask_for_sweep(message, after_seconds=int(services.settings.lease_seconds))
        return
    except EnforcerError:
        if night:  # a night that fails is tried again, and the next one must come nevertheless
            await leave_for_next_night(services, asked)
        raise
    if night:
        await leave_for_next_night(services, asked)
    await follow_up(services, report)
    # A night whose process ended after its sweep is delivered again, and still has this to do.
    if night or report.run.acted:
        await after_sweep(services, report)


def why_not(settings: Settings, message: SweepMessage) -> str:
    """Return why such a sweep cannot be made; empty where it can."""
    if message.group_id not in settings.group_ids:
        return f"{message.group_id!r} is not a managed group"
    return "" if message.mode in ("", *Mode) else f"{message.mode!r} is not a mode"


async def follow_up(services: Services, report: Report) -> None:
    """Ask for a sweep that continues this one where time was up, or verifies what it did."""
    run = report.run
    if report.out_of_time:
        await _request_again(services, run, Occasion.CONTINUATION, _CONTINUE_AFTER_SECONDS)
    elif run.acted:
        await _request_again(services, run, Occasion.VERIFICATION, VERIFY_AFTER_SECONDS)


async def _request_again(services: Services, run: Run, occasion: Occasion, after_seconds: int) -> None:
    again = requested(services, run.group_id, actor=Actor(id=run.actor, name=run.actor_name), reason=occasion)
    await request_sweep(services, again, after_seconds=after_seconds)


def _asked_by_message(services: Services, message: SweepMessage) -> Run:
    """Return the run that a message put by hand asks for: in its own name, whatever it claims."""
    reason = claimed(message.reason)
    asked = requested(services, message.group_id, actor=Actor(id=QUEUE_MESSAGE), reason=reason)
    return replace(asked, mode=message.mode)


def _in_mode(services: Services, mode: str) -> Services:
    if mode != Mode.REPORT:
        return services
    return replace(services, settings=replace(services.settings, mode=Mode.REPORT))
