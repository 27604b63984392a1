"""Offboard one person now or, while Graph or storage does not answer, as soon as the queue can.

Whoever calls waits: all of this ends within 30 seconds, and Azure itself cuts answers off at 230.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

from enforcer.core.exceptions import EnforcerError, ReadError, UnavailableError
from enforcer.core.offboard_answer import Offboarded
from enforcer.core.runs import Report, Run, RunKind, RunState
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from enforcer.services import Services
from enforcer.storage.queues import OffboardMessage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Seconds allowed for offboarding somebody, for queueing that instead, and for recording it as queued.

    Together, and with the fetching of signing keys before, they are less than 30. So is the first with the
    seconds that Entra has to evaluate the next sign-in.
    """

    now: float = 11.0
    queue: float = 6.0
    note: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedOffboarding:
    """The offboarding waits in the queue; `GET /runs/{run_id}` shows what became of it.

    `warnings` say what was read differently from what was sent.
    """

    run_id: str
    state: RunState
    detail: str
    warnings: tuple[str, ...] = ()


async def offboard_or_queue(
    services: Services, request: OffboardRequest, budget: Budget
) -> Offboarded | QueuedOffboarding:
    """Offboard a person within `request.seconds`, or queue that where Graph or storage does not answer.

    Raises:
        UnavailableError: Neither is possible.
        InputError, RunError: As `offboard_now`.
    """
    try:
        return await offboard_now(services, request)
    except (UnavailableError, ReadError) as error:
        return await _offboard_later(services, request, budget, str(error))
    except TimeoutError:
        return await _offboard_later(services, request, budget, f"it took over {request.seconds:g} s")


async def _offboard_later(
    services: Services, request: OffboardRequest, budget: Budget, reason: str
) -> QueuedOffboarding:
    """Queue the offboarding, even if nothing but the queue answers."""
    await _note(services, request, budget, RunState.RUNNING, f"queued: {reason}")
    message = OffboardMessage(
        user=request.user,
        reason=request.reason,
        actor=request.actor,
        actor_name=request.actor_name,
        run_id=request.run_id,
    )
    try:
        async with asyncio.timeout(budget.queue):
            await services.queues.ask_for_offboarding(message)
    except (EnforcerError, TimeoutError) as error:
        await _note(services, request, budget, RunState.FAILED, "could not be queued")
        raise UnavailableError(
            f"it could not be done at once ({reason}), and the queue does not answer either, so nothing was"
            " queued. Try again: repeating does no harm"
        ) from error
    return QueuedOffboarding(
        run_id=request.run_id,
        state=RunState.RUNNING,
        detail=f"It could not be done at once ({reason}), so it is queued and tried until it is done.",
    )


async def _note(
    services: Services, request: OffboardRequest, budget: Budget, state: RunState, error: str
) -> None:
    """Record the run, so that it can be looked up; if the tables do not answer, go on without."""
    now = services.now()
    run = Run(
        run_id=request.run_id,
        group_id="",
        kind=RunKind.OFFBOARD,
        started_at=now,
        finished_at=None if state is RunState.RUNNING else now,
        state=state,
        mode=services.settings.mode.value,
        reason=request.reason,
        actor=request.actor,
        actor_name=request.actor_name,
        error=error[:1000],
    )
    try:
        async with asyncio.timeout(budget.note):
            for group_id in services.settings.group_ids:
                await services.runs.save(Report(run=replace(run, group_id=group_id)))
    except (EnforcerError, TimeoutError) as failure:
        _log.warning("run %s could not be recorded: %s", request.run_id, type(failure).__name__)
