"""The OpenAPI document, made from the routes and their types."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from enforcer.core import run_ids
from enforcer.core.settings import APPROVE_ROLE, EXTEND_ROLE, READ_ROLE
from enforcer.web.messages import JSON
from enforcer.web.problems import PROBLEM_JSON, Problem
from enforcer.web.roles import Access
from enforcer.web.routes import Parameter, Route

type Json = dict[str, Any]

VERSION = "1.0.0"
_REF = "#/components/schemas/{name}"
_PATH_PARAMETERS: dict[str, tuple[str, Json]] = {
    "user": (
        "An object ID, a user principal name or an e-mail address; write the # of a guest's name as %23",
        {"type": "string", "minLength": 1, "maxLength": 320, "pattern": r"^[^\x00-\x1f\x7f]+$"},
    ),
    "id": ("A run's ID", {"type": "string", "pattern": run_ids.PATTERN}),
    "digest": ("A plan's digest", {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}),
}
_OFFBOARD = "the app role that ENFORCER_API_ROLE names"
_ROLES = {
    Access.READ: f"{READ_ROLE}, {EXTEND_ROLE}, {APPROVE_ROLE}, or {_OFFBOARD}",
    Access.EXTEND: f"{EXTEND_ROLE}, or {_OFFBOARD}",
    Access.OFFBOARD: _OFFBOARD,
    Access.APPROVE: APPROVE_ROLE,
}
_HEADERS_OF: dict[int, tuple[str, ...]] = {
    201: ("Location",),
    202: ("Location",),
    401: ("WWW-Authenticate",),
    503: ("Retry-After",),
}


def describe(routes: Iterable[Route]) -> Json:
    """Describe the routes in OpenAPI 3.1."""
    routes = tuple(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(f"/{route.path}", {})[route.method.lower()] = _operation(route)
    _, schemas = msgspec.json.schema_components(_types(routes), ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Contractor access enforcer",
            "version": VERSION,
            "description": "Removes contractors' access in Microsoft Entra ID when it ends, or now.",
        },
        "servers": [{"url": "/api"}],
        "security": [{"entra": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "entra": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token of the tenant for this API",
                }
            },
        },
    }


def _types(routes: Iterable[Route]) -> list[type]:
    used = [kind for route in routes for kind in (route.body, *route.answers.values()) if kind is not None]
    return list(dict.fromkeys([Problem, *used]))


def _operation(route: Route) -> Json:
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "responses": {str(status): _answer(status, kind) for status, kind in route.answers.items()}
        | {str(status): _problem(status) for status in _problem_statuses(route)},
    }
    if parameters := [*_path_parameters(route), *map(_query_parameter, route.query)]:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = _body(route.body, route.media_types)
    if route.access is Access.ANYBODY:
        operation["security"] = []
    else:
        operation["description"] = f"Requires {_ROLES[route.access]}."
    return operation


def _problem_statuses(route: Route) -> list[int]:
    if route.access is Access.ANYBODY:
        return [500]
    return sorted({*route.refusals, 401, 403, 500, 502, 503})


def _path_parameters(route: Route) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARAMETERS[name][0],
            "schema": _PATH_PARAMETERS[name][1],
        }
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]


def _query_parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _body(kind: type, others: Iterable[str]) -> Json:
    required = any(item.required for item in msgspec.structs.fields(kind))
    texts = {media_type: {"schema": {"type": "string"}} for media_type in others}
    return {"required": required, "content": {JSON: {"schema": _schema(kind)}} | texts}


def _answer(status: int, kind: type | None) -> Json:
    schema = {"type": "object"} if kind is None else _schema(kind)
    return _response(status, JSON, schema)


def _problem(status: int) -> Json:
    return _response(status, PROBLEM_JSON, _schema(Problem))


def _response(status: int, media_type: str, schema: Json) -> Json:
    response: Json = {
        "description": HTTPStatus(status).phrase,
        "content": {media_type: {"schema": schema}},
    }
    if names := _HEADERS_OF.get(status):
        response["headers"] = {name: {"schema": {"type": "string"}} for name in names}
    return response


def _schema(kind: type) -> Json:
    return {"$ref": _REF.format(name=kind.__name__)}
