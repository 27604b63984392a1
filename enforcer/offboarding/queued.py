"""Work off a queued offboarding: until it is done, or has failed often enough to raise the alarm."""

from __future__ import annotations

import msgspec

from enforcer.core.exceptions import EnforcerError, RunError, UnavailableError
from enforcer.core.offboard_answer import Offboarded
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now, record_failure
from enforcer.services import Services
from enforcer.storage.queues import OffboardMessage

# Graph may be away for hours. A message waits up to a quarter of an hour between tries, for about a day.
_MOST_TRIES = 100
_FIRST_DELAY, _LONGEST_DELAY = 30, 15 * 60


async def work_off(services: Services, message: OffboardMessage) -> None:
    """Offboard whom a message names; while Graph or storage does not answer, queue it again.

    Raises:
        UnavailableError: The last of many tries failed.
        EnforcerError: It failed otherwise; the run says why, and the platform delivers the message again.
    """
    request = OffboardRequest(
        user=message.user,
        reason=message.reason,
        actor=message.actor,
        actor_name=message.actor_name,
        run_id=message.run_id,
    )
    try:
        # The queue may have delivered it twice.
        if not await services.runs.is_complete(message.run_id, services.settings.group_ids):
            _require_done(await offboard_now(services, request))
    except UnavailableError:
        if message.attempt >= _MOST_TRIES:
            raise
        again = msgspec.structs.replace(message, attempt=message.attempt + 1)
        await services.queues.ask_for_offboarding(again, after_seconds=_delay(message.attempt))
    except EnforcerError as error:
        await record_failure(services, request, error)
        raise


def _require_done(answer: Offboarded) -> None:
    if not answer.done:
        raise RunError("a queued offboarding is not finished; its run says why")


def _delay(attempt: int) -> int:
    return min(_FIRST_DELAY << min(attempt, 10), _LONGEST_DELAY)
