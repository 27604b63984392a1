from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from enforcer.api.routes import ROUTES, openapi_document
from enforcer.web.roles import Access


@pytest.fixture
def document() -> Any:
    return openapi_document()


def _refs(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(_refs(item) for item in value.values()))
    return set().union(*(_refs(item) for item in value)) if isinstance(value, (list, tuple)) else set()


def test_every_route_is_described_under_its_functions_name(document: Any) -> None:
    described = {
        (method.upper(), path, operation["operationId"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert described == {(route.method, f"/{route.path}", route.name) for route in ROUTES}


def test_only_health_is_said_to_need_no_token(document: Any) -> None:
    free = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if operation.get("security") == []
    }
    assert free == {"get_health"}
    assert free == {route.name for route in ROUTES if route.access is Access.ANYBODY}
    assert document["security"] == [{"entra": []}]


def test_everything_that_is_referred_to_is_there(document: Any) -> None:
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert _refs(document) <= names


def test_every_schema_is_one(document: Any) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid(schema), name


def test_every_refusal_is_a_problem_document(document: Any) -> None:
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
