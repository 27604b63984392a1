"""A timer that has stopped is made harmless: every night leaves a message for the next one.

On Flex Consumption timers have been seen to stop for good while everything else went on (azure-functions-host
issue 11828). The message appears half an hour after the timer should have come, and sweeps if it has not.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from enforcer.core.actors import Actor
from enforcer.core.calendar.schedule import as_azure_reads
from enforcer.core.exceptions import AccessDeniedError, UnavailableError
from enforcer.core.run_ids import run_id_prefix
from enforcer.core.runs import Occasion, Run, RunKind
from enforcer.services import Services
from enforcer.storage.queues import SweepMessage
from enforcer.sweep.requesting import requested
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import PostRunFailed

_TIMER = "timer"
_GRACE = timedelta(minutes=30)
# A timer's clock may be a little ahead of, or behind, the one that this process has.
_ABOUT = timedelta(minutes=1)
# The longest that Azure keeps a message out of sight.
_LONGEST = timedelta(days=7)

_log = logging.getLogger(__name__)


def is_night(run: Run) -> bool:
    """Whether a run is the nightly one, however it came about."""
    return run.kind is RunKind.SWEEP and run.reason.startswith(Occasion.NIGHTLY)


async def leave_for_next_night(services: Services, night: Run) -> None:
    """Queue the message that stands in for the next night's timer. Never raises: this night goes first."""
    message = SweepMessage(group_id=night.group_id, reason=Occasion.WITHOUT_TIMER, after=night.run_id)
    try:
        await _put(services, message, _due(services, night))
    except (AccessDeniedError, UnavailableError) as error:
        kind = type(error).__name__
        _log.warning("no message stands in for the next night's timer: %s", kind)
        emit(PostRunFailed(part="next night", error=kind))


async def in_place_of_timer(services: Services, message: SweepMessage) -> SweepMessage | None:
    """Return the message that asks for the sweep which the timer has not asked for; None if none is due.

    What decides is the record of the night that left the message, not what the message says: whoever may
    write to the queue can only bring about a night that is due.
    """
    groups = services.settings.group_ids
    night = await services.runs.asked(message.after, groups, RunKind.SWEEP)
    if night is None or not is_night(night) or night.group_id != message.group_id:
        return None  # among others, a group that was taken off the list since
    due = _due(services, night)
    if services.now() < due + _GRACE - _ABOUT:
        await _put(services, message, due)
        return None
    run_id = f"{run_id_prefix(due)}-{night.run_id[-6:]}"  # the same, however often this is delivered
    runs = await services.runs.of_group(night.group_id, services.now())
    own = next((run for run in runs if run.run_id == run_id), None)
    if own is None:
        if any(is_night(run) and run.started_at >= due - _ABOUT for run in runs):
            return None
        reason = Occasion.WITHOUT_TIMER
        asked = requested(services, night.group_id, actor=Actor(id=_TIMER), reason=reason)
        await services.runs.ask(replace(asked, run_id=run_id))
    elif own.is_over:
        return None
    return msgspec.structs.replace(message, run_id=run_id)


def _due(services: Services, night: Run) -> datetime:
    """Return when the timer should come after a night."""
    return as_azure_reads(services.settings.schedule).next_after(night.started_at + _ABOUT)


async def _put(services: Services, message: SweepMessage, due: datetime) -> None:
    wait = min(due + _GRACE - services.now(), _LONGEST)
    await services.queues.ask_for_sweep(message, after_seconds=max(0, int(wait.total_seconds())))
