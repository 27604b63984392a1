"""Graph over HTTP: turns aiohttp's requests into calls, and answers into responses."""

from asyncio import sleep
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from sandbox.directory.faults import Effect, Fault
from sandbox.directory.graph import Graph
from sandbox.directory.ids import new_id
from sandbox.directory.messages import Answer, Call, Delivery
from sandbox.directory.state import Sandbox

VERSION = "v1.0"


class Transport:
    """Serves everything under /v1.0; doubled slashes count as one, since Microsoft's own SDK sends them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._graph = Graph(sandbox)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        answer = await self._graph.answer(await _call(request))
        match answer.delivery:
            case Delivery.WHOLE:
                return _response(answer)
            case Delivery.TRUNCATED:
                return await _truncated(request, answer)
            case Delivery.DROPPED:
                return drop(request)


def drop(request: web.Request) -> web.StreamResponse:
    """Cut the connection: the client never learns the outcome of its request."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def unreliable(sandbox: Sandbox, handler: Handler) -> Handler:
    """Wrap a handler outside Graph so that faults apply to it and the log records it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        fault = sandbox.faults.strike(request.method, request.path_qs, batched=False)
        if fault and fault.seconds:
            await sleep(fault.seconds)
        response: web.StreamResponse
        if fault and fault.effect in (Effect.ANSWER, Effect.DROP):
            response = _fault_response(fault)
        else:
            response = await handler(request)
        sandbox.log.record(
            sandbox.clock.now(),
            request.method,
            request.path_qs,
            response.status,
            fault.effect if fault else None,
        )
        if fault and fault.effect in (Effect.DROP, Effect.DROP_AFTER_EFFECT):
            return drop(request)
        return _fault_response(fault) if fault and fault.effect is Effect.ANSWER_AFTER_EFFECT else response

    return handle


def _fault_response(fault: Fault) -> web.Response:
    body = fault.body if fault.body is not None else {"error": fault.code, "message": fault.message}
    if isinstance(body, str):
        return web.Response(status=fault.status, text=body, content_type="text/html", headers=fault.headers)
    return web.json_response(body, status=fault.status, headers=fault.headers)


async def _call(request: web.Request) -> Call:
    path, _, query = request.raw_path.partition("?")
    request_id = new_id()
    return Call(
        method=request.method,
        segments=tuple(unquote(one) for one in path.split("/") if one)[1:],
        query=dict(parse_qsl(query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=await request.read(),
        root=f"{request.scheme}://{request.host}/{VERSION}",
        request_id=request_id,
        client_request_id=request.headers.get("client-request-id", request_id),
    )


def _response(answer: Answer) -> web.Response:
    response = web.Response(status=answer.status, body=answer.payload(), headers=_headers(answer))
    response.headers["Content-Type"] = answer.content_type
    if answer.body is None:
        del response.headers["Content-Type"]
    return response


async def _truncated(request: web.Request, answer: Answer) -> web.StreamResponse:
    payload = answer.payload()
    response = web.StreamResponse(status=answer.status, headers=_headers(answer))
    response.content_type = "application/json"
    response.content_length = len(payload)
    await response.prepare(request)
    await response.write(payload[: len(payload) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _headers(answer: Answer) -> dict[str, str]:
    return {"Cache-Control": "no-cache", "OData-Version": "4.0", **answer.headers}
