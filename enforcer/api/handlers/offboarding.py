"""`POST /contractors/{user}/offboard` and `POST /offboardings`: now, or as soon as possible."""

from __future__ import annotations

from dataclasses import replace

from enforcer.api.bodies import OffboardBody, OffboardingsBody, read_body
from enforcer.core import keys
from enforcer.core.batch_answer import PersonStatus
from enforcer.core.run_ids import new_run_id
from enforcer.offboarding.many import BatchRequest
from enforcer.offboarding.or_queue import QueuedOffboarding, many_or_queue, offboard_or_queue
from enforcer.web.calls import Call
from enforcer.web.messages import Response, respond
from enforcer.web.problems import RETRY_AFTER_SECONDS, HeldBatchError, UnfinishedError


async def offboard(call: Call) -> Response:
    request = call.offboarding(read_body(call.request, OffboardBody).reason.strip())
    answer = replace(await offboard_or_queue(call.services, request, call.budget), warnings=call.warnings)
    if isinstance(answer, QueuedOffboarding):
        headers = {"Location": f"/api/runs/{answer.run_id}", "Retry-After": str(RETRY_AFTER_SECONDS)}
        return respond(answer, status=202, headers=headers)
    if not answer.done:
        raise UnfinishedError(answer)
    return respond(answer)


async def offboard_several(call: Call) -> Response:
    body = read_body(call.request, OffboardingsBody)
    request = BatchRequest(
        users=tuple(keys.trimmed(user) for user in body.users),
        reason=body.reason.strip(),
        actor=call.caller.actor.id,
        actor_name=call.caller.actor.name,
        run_id=new_run_id(call.services.now()),
        seconds=call.budget.now,
    )
    answer = await many_or_queue(call.services, request, call.budget)
    if answer.digest:
        raise HeldBatchError(answer)
    if answer.has(PersonStatus.QUEUED):
        return respond(answer, status=202, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    return respond(answer)
