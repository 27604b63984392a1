"""Offboard one person now or, while Graph or storage does not answer, as soon as the queue can.

Whoever calls waits: all of this ends within 30 seconds, and Azure itself cuts answers off at 230.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from enforcer.core.batch_answer import BatchAnswer, PersonAnswer, PersonStatus
from enforcer.core.exceptions import EnforcerError, ReadError, UnavailableError
from enforcer.core.offboard_answer import Offboarded
from enforcer.core.runs import Report, Run, RunState
from enforcer.offboarding.many import BatchRequest, offboard_many
from enforcer.offboarding.on_demand import OffboardRequest, begun_run, offboard_now
from enforcer.services import Services
from enforcer.storage.queues import OffboardMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Seconds allowed for offboarding somebody, for queueing that instead, and for recording it as queued.

    Together, and with the fetching of signing keys before, they are less than 30. So is the first with the
    seconds that Entra has to evaluate the next sign-in.
    """

    now: float = 11.0
    queue: float = 6.0
    note: float = 4.0


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
        return await offboard_later(services, request, budget, str(error))
    except TimeoutError:
        return await offboard_later(services, request, budget, f"it took over {request.seconds:g} s")


async def offboard_later(
    services: Services, request: OffboardRequest, budget: Budget, reason: str
) -> QueuedOffboarding:
    """Record who asks for the offboarding, and why, and queue the message that names this run.

    The message alone would be worth nothing: what no run asks for is never carried out.

    Raises:
        UnavailableError: Tables or queue do not answer, so it is not queued.
    """
    run = replace(begun_run(services, request), error=f"queued: {reason}"[:1000])
    message = OffboardMessage(user=request.user, run_id=request.run_id)
    try:
        async with asyncio.timeout(budget.note):
            await _record(services, run)
    except (EnforcerError, TimeoutError) as error:
        raise _not_queued(reason, "tables do") from error
    try:
        async with asyncio.timeout(budget.queue):
            await services.queues.ask_for_offboarding(message)
    except (EnforcerError, TimeoutError) as error:
        failed = replace(run, state=RunState.FAILED, finished_at=services.now(), error="could not be queued")
        with suppress(EnforcerError, TimeoutError):  # the answer says so, too
            async with asyncio.timeout(budget.note):
                await _record(services, failed)
        raise _not_queued(reason, "queue does") from error
    return QueuedOffboarding(
        run_id=request.run_id,
        state=RunState.RUNNING,
        detail=f"It could not be done at once ({reason}), so it is queued and tried until it is done.",
    )


async def many_or_queue(services: Services, request: BatchRequest, budget: Budget) -> BatchAnswer:
    """Offboard several people within `request.seconds`, or queue those for whom Entra does not answer.

    Raises:
        UnavailableError: Nobody could be offboarded or queued.
        RunError: As `offboard_many`.
    """

    async def queue(order: OffboardRequest, why: str) -> PersonAnswer:
        try:
            queued = await offboard_later(services, order, budget, why)
        except UnavailableError as error:
            return PersonAnswer(user=order.user, status=PersonStatus.UNAVAILABLE, detail=str(error))
        status = PersonStatus.QUEUED
        return PersonAnswer(user=order.user, status=status, run_id=queued.run_id, detail=queued.detail)

    answer = await offboard_many(services, request, queue)
    if answer.are_all(PersonStatus.UNAVAILABLE):
        raise UnavailableError(answer.people[0].detail)
    return answer


async def _record(services: Services, run: Run) -> None:
    for group_id in services.settings.group_ids:
        of_group = replace(run, group_id=group_id)
        if run.state is RunState.RUNNING:
            await services.runs.ask(of_group)
        else:
            await services.runs.save(Report(run=of_group))


def _not_queued(reason: str, who: str) -> UnavailableError:
    return UnavailableError(
        f"it could not be done at once ({reason}), and the {who} not answer either, so nothing was queued."
        " Try again: repeating does no harm"
    )
