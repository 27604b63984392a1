"""The HTTP functions: one for each route of the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import azure.functions as func

from enforcer.api.routes import ROUTES
from enforcer.functions.runtime import PerLoop, pacer, settings
from enforcer.services import open_services
from enforcer.web.app import RETRY_BUDGET, Api
from enforcer.web.messages import Request, Response
from enforcer.web.routes import Route

type Answer = Callable[[Api, Route, Request], Awaitable[Response]]
type HttpFunction = Callable[[func.HttpRequest, func.Context], Awaitable[func.HttpResponse]]

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


api = PerLoop(lambda: open_services(settings(), retry_budget=RETRY_BUDGET, pacer=pacer), Api)


def register_routes(on: func.Blueprint, routes: Iterable[Route], answer: Answer) -> None:
    """Make a function of each route.

    The token decides who may call it, so the platform's keys would only be one more secret to look after.
    """
    for route in routes:
        decorated = on.route(
            route=route.path,
            methods=[route.method],
            auth_level=func.AuthLevel.ANONYMOUS,
            trigger_arg_name="request",
        )
        on.function_name(route.name)(decorated(_function(route, answer)))


def _function(route: Route, answer: Answer) -> HttpFunction:
    async def call(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        asked = Request(
            id=context.invocation_id,
            method=request.method,
            headers={name.lower(): value for name, value in request.headers.items()},
            query=dict(request.params),
            parameters=dict(request.route_params),
            body=request.get_body(),
        )
        answered = await answer(await api.get(), route, asked)
        return func.HttpResponse(answered.body, status_code=answered.status, headers=dict(answered.headers))

    return call


register_routes(blueprint, ROUTES, Api.answer)
