"""The queue functions: sweeps, and offboardings that had to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import azure.functions as func
import msgspec

from enforcer.core.exceptions import EnforcerError, InputError, LeaseHeldError, RunError, UnavailableError
from enforcer.core.offboard_answer import Offboarded
from enforcer.core.runs import Occasion, Report, RunState
from enforcer.core.settings import Mode, Settings
from enforcer.functions.runtime import SWEEP_SECONDS, invocation, settings
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now, record_failure
from enforcer.services import Services
from enforcer.storage.queues import (
    OFFBOARDINGS,
    SWEEPS,
    VERIFY_AFTER_SECONDS,
    OffboardMessage,
    SweepMessage,
    read_offboard_message,
    read_sweep_message,
)
from enforcer.sweep.post_run import after_sweep
from enforcer.sweep.sweep import SweepRequest, sweep

CONNECTION = "EnforcerStorage"
_CONTINUE_AFTER_SECONDS = 10
# Graph may be away for hours. A message waits up to a quarter of an hour between tries, for about a day.
_OFFBOARD_TRIES = 100
_LONGEST_DELAY = 15 * 60

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.queue_trigger(arg_name="message", queue_name=SWEEPS, connection=CONNECTION)
@blueprint.function_name("sweep")
async def sweep_group(message: func.QueueMessage) -> None:
    """Sweep one managed group. Whatever it raises, the platform delivers the message again."""
    async with invocation() as opened:
        wanted = read_sweep_message(message.get_body())
        if problem := why_not(opened.settings, wanted):
            raise InputError(problem)
        await _sweep(_in_mode(opened, wanted.mode), wanted)


@blueprint.queue_trigger(arg_name="message", queue_name=OFFBOARDINGS, connection=CONNECTION)
async def offboard_queued(message: func.QueueMessage) -> None:
    """Offboard a person whom the HTTP function could not, because Graph or storage did not answer."""
    async with invocation() as opened:
        await _offboard(opened, read_offboard_message(message.get_body()))


def why_not(settings: Settings, wanted: SweepMessage) -> str:
    """Return why such a sweep cannot be made; empty where it can."""
    if wanted.group_id not in settings.group_ids:
        return f"{wanted.group_id!r} is not a managed group"
    return "" if wanted.mode in ("", *Mode) else f"{wanted.mode!r} is not a mode"


async def _sweep(opened: Services, wanted: SweepMessage) -> None:
    order = SweepRequest(
        group_id=wanted.group_id,
        actor=wanted.actor,
        reason=wanted.reason,
        run_id="" if await _is_complete(opened, wanted.run_id, [wanted.group_id]) else wanted.run_id,
        only_look=wanted.mode == Mode.REPORT and settings().mode is Mode.ENFORCE,
        until=asyncio.get_running_loop().time() + SWEEP_SECONDS,
    )
    try:
        report = await sweep(opened, order)
    except LeaseHeldError:
        # Somebody is at work on the group: what this message wants is looked at again when he has ended.
        await opened.queues.ask_for_sweep(wanted, after_seconds=int(opened.settings.lease_seconds))
        return
    await follow_up(opened, report)
    if wanted.reason.startswith(Occasion.NIGHTLY) or report.run.acted:
        await after_sweep(opened, report)


async def _offboard(opened: Services, wanted: OffboardMessage) -> None:
    order = OffboardRequest(user=wanted.user, reason=wanted.reason, actor=wanted.actor, run_id=wanted.run_id)
    try:
        # The queue may have delivered it twice.
        if not await _is_complete(opened, wanted.run_id, opened.settings.group_ids):
            _require_done(await offboard_now(opened, order))
    except UnavailableError:
        if wanted.attempt >= _OFFBOARD_TRIES:
            raise
        again = msgspec.structs.replace(wanted, attempt=wanted.attempt + 1)
        await opened.queues.ask_for_offboarding(again, after_seconds=_delay(wanted.attempt))
    except EnforcerError as error:
        await record_failure(opened, order, error)
        raise


def _require_done(told: Offboarded) -> None:
    """Have the platform deliver the message again, and after some times raise the alarm.

    Raises:
        RunError: Some step failed for good, or for now.
    """
    if not told.done:
        raise RunError("an offboarding that was queued is not finished; its run says why")


async def _is_complete(opened: Services, run_id: str, group_ids: Sequence[str]) -> bool:
    """Whether this run is done and recorded there: to run it again would write over what it did."""
    runs = await opened.runs.of_id(run_id, group_ids) if run_id else []
    return bool(runs) and all(run.state is RunState.COMPLETE for run in runs)


async def follow_up(opened: Services, report: Report) -> None:
    """Ask for a sweep that goes on where time was up, or that verifies what this one did."""
    run = report.run
    again = SweepMessage(group_id=run.group_id, reason=Occasion.VERIFICATION, actor=run.actor)
    if report.out_of_time:
        again = msgspec.structs.replace(again, reason=Occasion.CONTINUATION)
        await opened.queues.ask_for_sweep(again, after_seconds=_CONTINUE_AFTER_SECONDS)
    elif run.acted:
        await opened.queues.ask_for_sweep(again, after_seconds=VERIFY_AFTER_SECONDS)


def _in_mode(opened: Services, mode: str) -> Services:
    """Narrow the mode to `report` for one sweep; it is never widened."""
    if mode != Mode.REPORT:
        return opened
    return replace(opened, settings=replace(opened.settings, mode=Mode.REPORT))


def _delay(attempt: int) -> int:
    return min(30 << min(attempt, 10), _LONGEST_DELAY)
