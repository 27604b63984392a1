from __future__ import annotations

import base64
import json

import pytest

from enforcer.web.gate import SESSION_TOKEN
from tests.support.api_caller import CHANGE, JSON, READ, Caller
from tests.support.world import World

pytestmark = pytest.mark.anyio

_HOST = {"host": "enforcer.example"}


async def _offboard_with_session(caller: Caller, world: World, **headers: str) -> int:
    anna = world.member("Anna Novak")
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    session = {SESSION_TOKEN: caller.token()} | _HOST | JSON | given
    reply = await caller.call("offboard_now", {"reason": "left"}, user=anna.id, headers=session)
    assert (anna.id in world.member_ids()) is (reply.status != 200)
    return reply.status


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "same-origin", "origin": "https://enforcer.example"},
        {"origin": "https://enforcer.example"},
        {"origin": "https://ENFORCER.example", "host": "enforcer.Example"},
        {"origin": "https://public.example", "x_forwarded_host": "public.example"},
    ],
)
async def test_our_own_page_may_change_things(caller: Caller, world: World, headers: dict[str, str]) -> None:
    assert await _offboard_with_session(caller, world, **headers) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"sec_fetch_site": "cross-site", "origin": "https://enforcer.example"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"},
        {"origin": "https://evil.example"},
        {"origin": "https://enforcer.example.evil.example"},
        {"origin": "https://enforcer.example:8443"},
        {"origin": "null"},
        {"origin": ""},
        {"referer": "https://enforcer.example/"},
    ],
)
async def test_a_session_used_by_another_site_changes_nothing(
    caller: Caller, world: World, headers: dict[str, str]
) -> None:
    assert await _offboard_with_session(caller, world, **headers) == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, 200),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
    ],
)
async def test_another_site_may_link_here_but_not_read(
    caller: Caller, headers: dict[str, str], status: int
) -> None:
    session = {SESSION_TOKEN: caller.token()} | _HOST | headers
    assert (await caller.call("list_contractors", headers=session)).status == status


async def test_a_token_of_ones_own_needs_no_page(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    headers = {"authorization": f"bearer {caller.token()}", "sec-fetch-site": "cross-site"} | JSON
    reply = await caller.call("offboard_now", {"reason": "left"}, user=anna.id, headers=headers)
    assert reply.status == 200


async def test_a_bad_token_of_ones_own_is_not_helped_by_a_session(caller: Caller) -> None:
    headers = {"authorization": "Bearer x", SESSION_TOKEN: caller.token(), "sec-fetch-site": "same-origin"}
    assert (await caller.call("list_contractors", headers=headers)).status == 401


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic dTpw", "token"])
async def test_without_a_token_one_is_asked_for(caller: Caller, authorization: str) -> None:
    reply = await caller.call("list_contractors", headers={"authorization": authorization})
    assert (reply.status, reply.json["code"]) == (401, "no_token")
    assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_the_unsigned_principal_of_app_service_is_worth_nothing(caller: Caller) -> None:
    claims = [{"typ": "roles", "val": CHANGE}, {"typ": "oid", "val": caller.person.id}]
    principal = base64.b64encode(json.dumps({"auth_typ": "aad", "claims": claims}).encode()).decode()
    headers = {"x-ms-client-principal": principal, "x-ms-client-principal-id": caller.person.id}
    assert (await caller.call("list_contractors", headers=headers)).status == 401


async def test_to_look_the_role_to_read_suffices_and_to_change_it_does_not(
    caller: Caller, world: World
) -> None:
    anna = world.member("Anna Novak")
    headers = {"authorization": f"Bearer {caller.token(roles=[READ])}"} | JSON

    assert (await caller.call("list_contractors", headers=headers)).status == 200
    reply = await caller.call("offboard_now", {"reason": "left"}, user=anna.id, headers=headers)

    assert (reply.status, reply.json["code"]) == (403, "missing_role")
    assert CHANGE in reply.json["detail"]
    assert anna.id in world.member_ids()


async def test_the_role_to_change_things_can_be_another(caller: Caller) -> None:
    caller.configure(api_role="Contractors.Manage")
    for roles, status in ((["Contractors.Manage"], 202), ([CHANGE], 403)):
        headers = {"authorization": f"Bearer {caller.token(roles=roles)}"}
        assert (await caller.call("start_sweeps", headers=headers)).status == status


@pytest.mark.parametrize("missing", ["tenant_id", "api_audience"])
async def test_while_a_setting_is_missing_nobody_comes_in(caller: Caller, missing: str) -> None:
    token = caller.token()
    caller.configure(**{missing: ""})
    for headers in ({}, {"authorization": f"Bearer {token}"}):
        reply = await caller.call("list_contractors", headers=headers)
        assert (reply.status, reply.json["code"]) == (403, "not_configured")


async def test_when_the_keys_cannot_be_fetched_nobody_comes_in_and_may_try_again(
    caller: Caller, world: World
) -> None:
    headers = {"authorization": f"Bearer {caller.token()}"}
    caller.configure(authority_url="http://127.0.0.1:9")
    reply = await caller.call("list_contractors", headers=headers)
    assert (reply.status, reply.json["code"]) == (503, "unavailable")
    assert reply.headers["Retry-After"]
