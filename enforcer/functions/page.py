"""The functions of the operators' page."""

from __future__ import annotations

import azure.functions as func

from enforcer.api.messages import Request
from enforcer.api.routes import Route
from enforcer.functions.http import HttpFunction, api
from enforcer.page.answers import answer
from enforcer.page.routes import PAGES

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


def _function(route: Route) -> HttpFunction:
    async def show(request: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        asked = Request(
            id=context.invocation_id,
            method=request.method,
            headers={name.lower(): value for name, value in request.headers.items()},
            query=dict(request.params),
            parameters=dict(request.route_params),
            body=request.get_body(),
        )
        answered = await answer(await api(), route, asked)
        return func.HttpResponse(answered.body, status_code=answered.status, headers=dict(answered.headers))

    return show


for _route in PAGES:
    _decorated = blueprint.route(
        route=_route.path,
        methods=[_route.method],
        auth_level=func.AuthLevel.ANONYMOUS,
        trigger_arg_name="request",
    )
    blueprint.function_name(_route.name)(_decorated(_function(_route)))
