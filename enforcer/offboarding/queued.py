"""Work off a queued offboarding: until it is done, or has failed often enough to raise the alarm."""

from __future__ import annotations

import msgspec

from enforcer.core.exceptions import EnforcerError, HeldError, InputError, RunError, UnavailableError
from enforcer.core.offboard_answer import Offboarded
from enforcer.core.runs import Run, RunKind
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now, record_failure
from enforcer.services import Services
from enforcer.storage.queues import OffboardMessage

# Graph may be away for hours. A message waits up to a quarter of an hour between tries, for about a day.
_MOST_TRIES = 100
_FIRST_DELAY, _LONGEST_DELAY = 30, 15 * 60
NOT_ASKED_FOR = (
    "no run in table runs asks for this offboarding, so nobody is offboarded: somebody has put the message on"
    " the queue by hand. Use POST /api/contractors/{user}/offboard"
)


async def work_off(services: Services, message: OffboardMessage) -> None:
    """Offboard whom a message names, if its run says so; while Entra or storage is away, queue it again.

    What the brake holds is tried again, too: it goes on once somebody has approved it.

    Raises:
        InputError: No run asks for it: whoever may write to the queue may not offboard for that reason.
        UnavailableError, HeldError: The last of many tries failed.
        EnforcerError: It failed otherwise; the run says why, and the platform delivers the message again.
    """
    try:
        asked = await asked_for(services, message)
    except UnavailableError:
        if not await _is_tried_later(services, message):
            raise
        return
    if asked is None:
        raise InputError(NOT_ASKED_FOR)
    if not asked.may_be_done(services.now()):  # the queue may have delivered it twice
        return
    request = OffboardRequest(
        user=message.user,
        reason=asked.reason,
        actor=asked.actor,
        actor_name=asked.actor_name,
        run_id=message.run_id,
    )
    try:
        _require_done(await offboard_now(services, request))
    except (UnavailableError, HeldError):
        if not await _is_tried_later(services, message):
            raise
    except EnforcerError as error:
        await record_failure(services, request, error)
        raise


async def asked_for(services: Services, message: OffboardMessage) -> Run | None:
    """Return the run by which somebody asked for this offboarding; None if there is none.

    Raises:
        UnavailableError: Storage does not answer.
    """
    run = await services.runs.asked(message.run_id, services.settings.group_ids, RunKind.OFFBOARD)
    return run if run is not None and message.user in run.asked_for else None


async def _is_tried_later(services: Services, message: OffboardMessage) -> bool:
    """Queue it again, later each time; return False after the last try."""
    if message.attempt >= _MOST_TRIES:
        return False
    again = msgspec.structs.replace(message, attempt=message.attempt + 1)
    await services.queues.ask_for_offboarding(again, after_seconds=_delay(message.attempt))
    return True


def _require_done(answer: Offboarded) -> None:
    if not answer.done:
        raise RunError("a queued offboarding is not finished; its run says why")


def _delay(attempt: int) -> int:
    return min(_FIRST_DELAY << min(attempt, 10), _LONGEST_DELAY)
