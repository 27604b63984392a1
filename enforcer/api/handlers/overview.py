"""`GET /status` and `GET /health`: the state of every group, and whether the app is up."""

from __future__ import annotations

from enforcer.api.documents import Health
from enforcer.status.group_status import read_status
from enforcer.web.calls import Call
from enforcer.web.messages import Response, respond


async def get_health(_: Call) -> Response:
    return respond(Health())


async def get_status(call: Call) -> Response:
    return respond(await read_status(call.services))
