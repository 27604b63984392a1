"""The queue functions: sweeps, offboardings that had to wait, and messages that nobody could work off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import azure.functions as func
import msgspec

from enforcer.aftermath import after_sweep, raise_alarm
from enforcer.announcements import announce_poisoned
from enforcer.core.contractors import is_object_id
from enforcer.core.offboarded import Offboarded
from enforcer.core.run_ids import is_run_id, new_run_id
from enforcer.core.runs import Occasion, Report, Run, RunKind, RunState
from enforcer.exceptions import EnforcerError, InputError, LeaseHeldError, RunError, UnavailableError
from enforcer.functions.runtime import SWEEP_SECONDS, invocation, settings
from enforcer.notify.queueing import Alarm
from enforcer.offboarding import OffboardOrder, offboard_now, record_failure
from enforcer.queues import (
    OFFBOARDINGS,
    POISON,
    SWEEPS,
    VERIFY_AFTER_SECONDS,
    OffboardMessage,
    SweepMessage,
    read_offboard_message,
    read_sweep_message,
)
from enforcer.services import Services
from enforcer.settings import Mode
from enforcer.sweep import Order, sweep

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
    wanted = read_sweep_message(message.get_body())
    async with invocation() as opened:
        await _sweep(_in_mode(opened, wanted.mode), wanted)


@blueprint.queue_trigger(arg_name="message", queue_name=OFFBOARDINGS, connection=CONNECTION)
async def offboard_queued(message: func.QueueMessage) -> None:
    """Offboard a person whom the HTTP function could not, because Graph or storage did not answer."""
    wanted = read_offboard_message(message.get_body())
    async with invocation() as opened:
        await _offboard(opened, wanted)


@blueprint.queue_trigger(arg_name="message", queue_name=f"{SWEEPS}{POISON}", connection=CONNECTION)
async def sweeps_poisoned(message: func.QueueMessage) -> None:
    """Record a sweep that failed every time, and raise the alarm."""
    wanted = _readable(message)
    async with invocation() as opened:
        announce_poisoned(SWEEPS, message.id or "", wanted.group_id)
        await raise_alarm(opened, _alarm(SWEEPS, message, f"managed group {wanted.group_id}"))
        await _record_poisoned(opened, wanted, wanted.group_id, RunKind.SWEEP)


@blueprint.queue_trigger(arg_name="message", queue_name=f"{OFFBOARDINGS}{POISON}", connection=CONNECTION)
async def offboardings_poisoned(message: func.QueueMessage) -> None:
    """Record an offboarding that failed every time, and raise the alarm."""
    try:
        wanted = read_offboard_message(message.get_body())
    except InputError:
        wanted = OffboardMessage(user="", reason="unreadable message", actor="queue", run_id="")
    async with invocation() as opened:
        announce_poisoned(OFFBOARDINGS, message.id or "", "")
        await raise_alarm(opened, _alarm(OFFBOARDINGS, message, f"run {wanted.run_id[:40]}"))
        for group_id in opened.settings.group_ids:
            await _record_poisoned(opened, wanted, group_id, RunKind.OFFBOARD)


def _readable(message: func.QueueMessage) -> SweepMessage:
    """Read a message that may be anything: what is no object ID can be no key of a table either."""
    unreadable = SweepMessage(group_id="unreadable", reason="unreadable message")
    try:
        wanted = read_sweep_message(message.get_body())
    except InputError:
        return unreadable
    return wanted if is_object_id(wanted.group_id) else unreadable


async def _sweep(opened: Services, wanted: SweepMessage) -> None:
    if wanted.group_id not in opened.settings.group_ids:
        raise InputError(f"{wanted.group_id} is no managed group", field="group_id")
    order = Order(
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
    order = OffboardOrder(user=wanted.user, reason=wanted.reason, actor=wanted.actor, run_id=wanted.run_id)
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
    """Tell whether this run is done and recorded there: to run it again would write over what it did."""
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
    if mode not in ("", *Mode):
        raise InputError(f"{mode!r} is no mode", field="mode")
    if mode != Mode.REPORT:
        return opened
    return replace(opened, settings=replace(opened.settings, mode=Mode.REPORT))


def _delay(attempt: int) -> int:
    return min(30 << min(attempt, 10), _LONGEST_DELAY)


def _alarm(queue: str, message: func.QueueMessage, about: str) -> Alarm:
    text = f"A message of queue {queue} failed every time and was given up: {about}. See docs/runbook.md."
    return Alarm(key=f"poison-{queue}-{message.id}", title=f"{queue}: work was given up", text=text)


async def _record_poisoned(
    opened: Services, wanted: SweepMessage | OffboardMessage, group_id: str, kind: RunKind
) -> None:
    now, given_up = opened.now(), "the queue message failed every time and was given up"
    run = Run(
        run_id=wanted.run_id if is_run_id(wanted.run_id) else new_run_id(now),
        group_id=group_id,
        kind=kind,
        started_at=now,
        mode=opened.settings.mode.value,
        reason=wanted.reason,
        actor=wanted.actor,
    )
    # The last try may have left a report of its own, which says more.
    for known in await opened.runs.of_id(run.run_id, [group_id]):
        if known.state is RunState.COMPLETE:
            return
        run, given_up = known, f"{given_up}; {known.error}" if known.error else given_up
    await opened.runs.amend(replace(run, state=RunState.FAILED, finished_at=now, error=given_up))
