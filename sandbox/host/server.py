"""The host on a loopback port: the app's HTTP functions, and routes to run and inspect all functions.

`POST /admin/functions/{name}` runs a function that has no route, as on the real host: `{"input": …}` is the
text of a queue message, or overrides a timer's information. It answers with the outcome of the call: 200, or
500 if the function failed. With `?wait=false` it answers 202 at once.
"""

import asyncio
from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec
from aiohttp import web

from sandbox.host.configuration import Function
from sandbox.host.functions_host import FunctionsHost
from sandbox.host.invocations import Invocation
from sandbox.host.triggers import HttpRequest

_HOST: Final = web.AppKey("host", FunctionsHost)
_BACKGROUND: Final = web.AppKey("background", set[asyncio.Task[Invocation]])
_LARGEST_BODY: Final = 100 * 1024 * 1024  # the real host's limit
_IDENTITY_HEADERS: Final = ("x-ms-client-principal", "x-ms-token-")


class Callers(Enum):
    """Who sends the requests: App Service removes identity headers that come from outside."""

    OUTSIDE = "outside"
    BEHIND_APP_SERVICE = "behind-app-service"


class _Input(msgspec.Struct, frozen=True):
    input: str | dict[str, object] | None = None


def make_server(host: FunctionsHost, callers: Callers) -> web.Application:
    async def call(request: web.Request) -> web.Response:
        return await _call_function(host, callers, request)

    server = web.Application(client_max_size=_LARGEST_BODY)
    server[_HOST] = host
    server[_BACKGROUND] = set()
    server.router.add_get("/admin/host/status", _status)
    server.router.add_get("/admin/functions", _functions)
    server.router.add_post("/admin/functions/{name}", _run)
    server.router.add_get("/admin/invocations", _invocations)
    server.router.add_route("*", r"/{path:[\s\S]*}", call)  # line breaks too
    server.on_shutdown.append(_finish)
    return server


async def _call_function(host: FunctionsHost, callers: Callers, request: web.Request) -> web.Response:
    reply = await host.http_request(
        HttpRequest(
            method=request.method,
            url=f"{request.scheme}://{request.host}{request.raw_path}",
            headers=_headers(callers, request),
            body=await request.read(),
        )
    )
    response = web.Response(status=reply.status, body=reply.body)
    response.headers.popall("Content-Type", None)
    for name, value in reply.headers:
        response.headers.add(name, value)
    return response


def _headers(callers: Callers, request: web.Request) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for raw_name, value in request.headers.items():
        name = raw_name.lower()
        if callers is Callers.BEHIND_APP_SERVICE or not name.startswith(_IDENTITY_HEADERS):
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    forwarded = {
        "x-forwarded-for": request.remote or "",
        "x-forwarded-host": request.host,
        "x-forwarded-proto": request.scheme,
    }
    return headers | forwarded


async def _run(request: web.Request) -> web.Response:
    host = request.app[_HOST]
    function = host.functions.get(request.match_info["name"])
    if function is None:
        return _json(404, {"error": "no such function"})
    if function.trigger.type == "httpTrigger":
        return _json(400, {"error": "an HTTP function is called by its route"})
    body = await request.read()
    try:
        given = msgspec.json.decode(body, type=_Input).input if body else None
    except msgspec.MsgspecError as error:
        return _json(400, {"error": str(error)})
    task = asyncio.create_task(_invoke(host, function, given))
    if request.query.get("wait") == "false":
        request.app[_BACKGROUND].add(task)
        task.add_done_callback(request.app[_BACKGROUND].discard)
        return _json(202, {"function": function.name})
    invocation = await task
    return _json(200 if invocation.succeeded else 500, invocation)


async def _invoke(
    host: FunctionsHost, function: Function, given: str | dict[str, object] | None
) -> Invocation:
    if function.trigger.type == "queueTrigger":
        text = given if isinstance(given, str) else msgspec.json.encode(given).decode()
        return await host.queue(function.name, text)
    return await host.timer(function.name, given if isinstance(given, dict) else None)


async def _status(request: web.Request) -> web.Response:
    return _json(200, {"state": "Running", "functions": len(request.app[_HOST].functions)})


async def _functions(request: web.Request) -> web.Response:
    return _json(200, list(request.app[_HOST].functions.values()))


async def _invocations(request: web.Request) -> web.Response:
    """Return all that are remembered, oldest first; `?function=` selects those of one function."""
    name = request.query.get("function")
    invocations = [each for each in request.app[_HOST].invocations if name in {None, each.function}]
    return _json(200, invocations)


async def _finish(server: web.Application) -> None:
    await asyncio.gather(*server[_BACKGROUND])


def _json(status: int, content: object) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(content), content_type="application/json")
