"""Work off a queued sweep, and ask for the sweep that has to follow it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec

from enforcer.core.exceptions import InputError, LeaseHeldError
from enforcer.core.runs import Occasion, Report
from enforcer.core.settings import Mode, Settings
from enforcer.services import Services
from enforcer.storage.queues import VERIFY_AFTER_SECONDS, SweepMessage
from enforcer.sweep.post_run import after_sweep
from enforcer.sweep.sweep import SweepRequest, sweep

_CONTINUE_AFTER_SECONDS = 10


async def work_off(services: Services, message: SweepMessage, seconds: float) -> None:
    """Make the sweep that a message asks for, and queue the next where one has to follow.

    Args:
        services: In the mode of the settings; a message may narrow it to `report`, never widen it.
        message: What was asked for.
        seconds: After that time nobody new is begun.

    Raises:
        InputError: There is no such group or mode.
        RunError, UnavailableError: As `sweep`.
    """
    if problem := why_not(services.settings, message):
        raise InputError(problem)
    enforcing = services.settings.mode is Mode.ENFORCE
    services = _in_mode(services, message.mode)
    # To run a complete run again would overwrite what it did.
    is_complete = await services.runs.is_complete(message.run_id, [message.group_id])
    request = SweepRequest(
        group_id=message.group_id,
        actor=message.actor,
        reason=message.reason,
        run_id="" if is_complete else message.run_id,
        only_look=enforcing and message.mode == Mode.REPORT,
        until=asyncio.get_running_loop().time() + seconds,
    )
    try:
        report = await sweep(services, request)
    except LeaseHeldError:
        # Another runner is at work on the group: look again when it has finished.
        await services.queues.ask_for_sweep(message, after_seconds=int(services.settings.lease_seconds))
        return
    await follow_up(services, report)
    if message.reason.startswith(Occasion.NIGHTLY) or report.run.acted:
        await after_sweep(services, report)


def why_not(settings: Settings, message: SweepMessage) -> str:
    """Return why such a sweep cannot be made; empty where it can."""
    if message.group_id not in settings.group_ids:
        return f"{message.group_id!r} is not a managed group"
    return "" if message.mode in ("", *Mode) else f"{message.mode!r} is not a mode"


async def follow_up(services: Services, report: Report) -> None:
    """Ask for a sweep that continues this one where time was up, or verifies what it did."""
    run = report.run
    again = SweepMessage(group_id=run.group_id, reason=Occasion.VERIFICATION, actor=run.actor)
    if report.out_of_time:
        again = msgspec.structs.replace(again, reason=Occasion.CONTINUATION)
        await services.queues.ask_for_sweep(again, after_seconds=_CONTINUE_AFTER_SECONDS)
    elif run.acted:
        await services.queues.ask_for_sweep(again, after_seconds=VERIFY_AFTER_SECONDS)


def _in_mode(services: Services, mode: str) -> Services:
    if mode != Mode.REPORT:
        return services
    return replace(services, settings=replace(services.settings, mode=Mode.REPORT))
