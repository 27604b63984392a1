"""`POST /contractors/{user}/offboard`: offboard one person, now or as soon as possible."""

from __future__ import annotations

from dataclasses import replace

from enforcer.api.bodies import OffboardBody, read_body
from enforcer.offboarding.or_queue import QueuedOffboarding, offboard_or_queue
from enforcer.web.calls import Call
from enforcer.web.messages import Response, respond
from enforcer.web.problems import RETRY_AFTER_SECONDS, UnfinishedError


async def offboard(call: Call) -> Response:
    request = call.offboarding(read_body(call.request, OffboardBody).reason.strip())
    answer = replace(await offboard_or_queue(call.services, request, call.budget), warnings=call.warnings)
    if isinstance(answer, QueuedOffboarding):
        headers = {"Location": f"/api/runs/{answer.run_id}", "Retry-After": str(RETRY_AFTER_SECONDS)}
        return respond(answer, status=202, headers=headers)
    if not answer.done:
        raise UnfinishedError(answer)
    return respond(answer)
