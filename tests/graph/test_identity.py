"""Who we are to Graph, as our own token says."""

from __future__ import annotations

import base64

import pytest

from enforcer.core.exceptions import AccessDeniedError
from enforcer.graph.identity import own_identity
from tests.graph.conftest import Tenancy
from tests.support.world import PERMISSIONS

pytestmark = pytest.mark.anyio


async def test_a_managed_identity_is_known_with_all_that_was_granted(tenancy: Tenancy) -> None:
    granted = tenancy.tenant.identity
    assert granted is not None
    found = await own_identity(tenancy.client)
    assert (found.object_id, found.app_id, found.roles) == (
        granted.id,
        granted.app_id,
        frozenset(PERMISSIONS),
    )


@pytest.mark.parametrize("oid", ["a", "ab", "abc", "abcd"])
async def test_a_token_is_read_whatever_its_length(tenancy: Tenancy, oid: str) -> None:
    claims = base64.urlsafe_b64encode(f'{{"oid":"{oid}","azp":"app"}}'.encode()).decode().rstrip("=")
    body = {"access_token": f"a.{claims}.c", "expires_on": "4102444800", "resource": "x"}
    tenancy.strike(path="/msi/token", status=200, body={**body, "token_type": "Bearer"})
    found = await own_identity(tenancy.client)
    assert (found.object_id, found.app_id) == (oid, "app")


@pytest.mark.parametrize("token", ["opaque", "a.%%%.c", "a.bm8gSlNPTg.c", "a.eyJyb2xlcyI6IDV9.c"])
async def test_nothing_is_concluded_from_a_token_that_does_not_tell(tenancy: Tenancy, token: str) -> None:
    body = {"access_token": token, "expires_on": "4102444800", "resource": "x", "token_type": "Bearer"}
    tenancy.strike(path="/msi/token", status=200, body=body)
    found = await own_identity(tenancy.client)
    assert (found.object_id, found.app_id, found.roles) == ("", "", frozenset())


async def test_without_a_token_it_is_said_that_there_is_none(tenancy: Tenancy) -> None:
    tenancy.strike(path="/msi/token", status=400, times=None)
    with pytest.raises(AccessDeniedError, match="cannot get a token"):
        await own_identity(tenancy.client)
