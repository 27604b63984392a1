"""`POST /contractors/{user}/offboard`: one person, now; and when that cannot be, as soon as it can.

Everything has ended after 30 seconds: the caller is a person or a ticket system, and Azure itself cuts
answers off at 230.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from enforcer.api.bodies import OffboardBody, read_body
from enforcer.api.documents import QueuedOffboarding
from enforcer.core.exceptions import EnforcerError, ReadError, UnavailableError
from enforcer.core.offboard_answer import Offboarded
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import Report, Run, RunKind, RunState
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from enforcer.storage.queues import OffboardMessage
from enforcer.web.calls import Call
from enforcer.web.messages import Response, respond
from enforcer.web.problems import RETRY_AFTER_SECONDS, UnfinishedError, unavailable

_log = logging.getLogger(__name__)


async def offboard(call: Call) -> Response:
    answer = await offboard_or_queue(call, read_body(call.request, OffboardBody).reason.strip())
    if isinstance(answer, QueuedOffboarding):
        headers = {"Location": f"/api/runs/{answer.run_id}", "Retry-After": str(RETRY_AFTER_SECONDS)}
        return respond(answer, status=202, headers=headers)
    if not answer.done:
        raise UnfinishedError(answer)
    return respond(answer)


async def offboard_or_queue(call: Call, reason: str) -> Offboarded | QueuedOffboarding:
    """Offboard the person whom the path names, or put it into the queue where Graph or storage is away.

    Raises:
        ProblemError: Neither can be done.
        InputError, RunError: As `offboard_now`.
    """
    order = OffboardRequest(
        user=call.user,
        reason=reason,
        actor=call.caller.actor,
        run_id=new_run_id(call.services.now()),
        seconds=call.budget.now,
    )
    try:
        return replace(await offboard_now(call.services, order), warnings=call.warnings)
    except (UnavailableError, ReadError) as error:
        return await _offboard_later(call, order, str(error))
    except TimeoutError:
        return await _offboard_later(call, order, f"no end after {call.budget.now:g} seconds")


async def _offboard_later(call: Call, order: OffboardRequest, reason: str) -> QueuedOffboarding:
    """Put the offboarding into the queue, whatever else does not answer."""
    await _note(call, order, RunState.RUNNING, f"queued: {reason}")
    message = OffboardMessage(user=order.user, reason=order.reason, actor=order.actor, run_id=order.run_id)
    try:
        async with asyncio.timeout(call.budget.queue):
            await call.services.queues.ask_for_offboarding(message)
    except (EnforcerError, TimeoutError) as error:
        await _note(call, order, RunState.FAILED, "could not be queued")
        raise unavailable(
            f"It could not be done at once ({reason}), and the queue does not answer either, so nothing was"
            " queued. Call again: repeating does no harm."
        ) from error
    return QueuedOffboarding(
        run_id=order.run_id,
        state=RunState.RUNNING,
        detail=f"It could not be done at once ({reason}), so it is queued and tried until it is done.",
        warnings=call.warnings,
    )


async def _note(call: Call, order: OffboardRequest, state: RunState, what: str) -> None:
    """Note the run, so that whoever looks for it finds it; when the tables do not answer, do without."""
    services = call.services
    runs = [
        Run(
            run_id=order.run_id,
            group_id=group_id,
            kind=RunKind.OFFBOARD,
            started_at=services.now(),
            finished_at=None if state is RunState.RUNNING else services.now(),
            state=state,
            mode=services.settings.mode.value,
            reason=order.reason,
            actor=order.actor,
            error=what[:1000],
        )
        for group_id in services.settings.group_ids
    ]
    try:
        async with asyncio.timeout(call.budget.note):
            for run in runs:
                await services.runs.save(Report(run=run))
    except (EnforcerError, TimeoutError) as error:
        _log.warning("run %s could not be noted: %s", order.run_id, type(error).__name__)
