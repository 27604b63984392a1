"""The sandbox behaves as Microsoft's published description of Graph says, and no differently."""

from __future__ import annotations

from itertools import chain

import pytest
from msgspec.structs import fields

from sandbox.directory import batch, paging, quotas
from sandbox.directory.description import GRAPH_V1, Operation
from sandbox.directory.objects import Application, Group, ServicePrincipal, User
from sandbox.directory.odata import SCHEMAS, columns
from sandbox.directory.permissions import PERMISSION_IDS, allowed
from sandbox.directory.router import Endpoint
from sandbox.directory.routes import applications, conditional_access, groups, owners, registrations, users
from sandbox.directory.settings import Quota, Settings

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    chain(
        *(
            module.ROUTES
            for module in (applications, conditional_access, groups, owners, registrations, users)
        )
    )
)
DESCRIBED = [one for one in GRAPH_V1.operations if not one.batch]


def endpoint_of(operation: Operation) -> Endpoint:
    (found,) = [
        endpoint
        for endpoint in ENDPOINTS
        if endpoint.method == operation.method
        and operation in GRAPH_V1.operations_at(endpoint.pattern)
        and ("{cast}" in endpoint.pattern) == ("{cast}" in operation.path)
    ]
    return found


def name_of(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


@pytest.mark.parametrize("operation", DESCRIBED, ids=name_of)
def test_a_call_costs_what_is_published(operation: Operation) -> None:
    endpoint = endpoint_of(operation)
    if operation.units is None:
        assert endpoint.service.value in operation.service
    elif operation.units:
        assert (endpoint.resource_units, endpoint.writes) == (operation.units, operation.writes)


@pytest.mark.parametrize("operation", DESCRIBED, ids=name_of)
def test_no_permission_allows_a_call_that_is_not_published_for_it(operation: Operation) -> None:
    """No permission table says what a property or a member's type needs in addition."""
    endpoint = endpoint_of(operation)
    lenient = [
        permission
        for permission in PERMISSION_IDS
        if operation.permissions
        and not operation.together
        and allowed(frozenset({permission}), endpoint.permissions)
        and not operation.allowed(frozenset({permission}))
    ]
    assert lenient == []
    if operation.all_of:
        assert endpoint.permissions == (operation.all_of,)


@pytest.mark.parametrize("kind", [User, Group, Application, ServicePrincipal])
def test_every_property_that_is_shown_is_one_of_microsofts(
    kind: type[User | Group | Application | ServicePrincipal],
) -> None:
    assert columns(kind).keys() - GRAPH_V1.properties[SCHEMAS[kind].name] == set()


def test_the_limits_are_those_that_are_published() -> None:
    limits, settings = GRAPH_V1.limits, Settings()
    assert settings.write_quota == Quota(limit=limits.writes, seconds=limits.writes_seconds)
    assert settings.tenant_write_quota == Quota(
        limit=limits.tenant_writes, seconds=limits.tenant_writes_seconds
    )
    assert settings.conditional_access_quota == Quota(limit=limits.conditional_access_per_second, seconds=1)
    (_, small), (_, medium) = quotas.READ_QUOTAS
    assert {"S": small, "M": medium, "L": quotas.LARGE_TENANT_READ_QUOTA} == limits.resource_units_per_10_s
    assert limits.batch == batch.MOST_REQUESTS
    assert {operation.page for operation in DESCRIBED} - {0} == {paging.LARGEST_PAGE}


def test_every_type_that_is_named_is_described_or_plain() -> None:
    """An undescribed type fits anything, so there are few, and none that this product sends."""
    named = {
        kind.removeprefix("Collection(").removesuffix(")")
        for properties in chain(
            (one.properties for one in GRAPH_V1.types.values()), GRAPH_V1.actions.values()
        )
        for kind in properties.values()
    }
    undescribed = {kind for kind in named if not kind.startswith("Edm.")} - (
        GRAPH_V1.types.keys() | GRAPH_V1.enums.keys()
    )
    assert undescribed == {"importance", "internetMessageHeader"}


def test_every_field_of_an_operation_is_used_by_some() -> None:
    for field in fields(Operation):
        values = [getattr(operation, field.name) for operation in GRAPH_V1.operations]
        assert any(values), field.name
