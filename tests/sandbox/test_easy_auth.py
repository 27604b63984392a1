from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from sandbox.easy_auth import SESSION_COOKIE, running_easy_auth
from sandbox.loopback import listening

pytestmark = pytest.mark.anyio

SEEN = ("x-ms-token-aad-id-token", "x-ms-client-principal", "authorization", "host", "cookie")


@pytest.fixture
async def door() -> AsyncIterator[httpx.AsyncClient]:
    """A browser in front of an app that returns what reached it."""

    async def tell(request: web.Request) -> web.Response:
        seen = {name: request.headers[name] for name in SEEN if name in request.headers}
        body = await request.text()
        return web.json_response({"path": request.raw_path, "seen": seen, "body": body}, status=418)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", tell)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    async with (
        listening(runner) as app_url,
        running_easy_auth(app_url, lambda role: f"token of {role}") as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as browser,
    ):
        yield browser


async def sign_in(door: httpx.AsyncClient, person: str = "operator") -> None:
    reply = await door.get("/.auth/login/aad", params={"as": person})
    assert (reply.status_code, reply.headers["Location"]) == (302, "/api/")


async def test_a_browser_without_a_session_is_sent_to_the_sign_in_and_back(door: httpx.AsyncClient) -> None:
    reply = await door.get("/api/people/a@b?x=1")
    assert reply.status_code == 302
    choice = await door.get(reply.headers["Location"])
    assert "operator" in choice.text
    reply = await door.get(f"{reply.headers['Location']}&as=operator")
    assert reply.headers["Location"] == "/api/people/a@b?x=1"


async def test_the_sessions_id_token_reaches_the_app(door: httpx.AsyncClient) -> None:
    for person, role in (("operator", "Contractors.Offboard"), ("reader", "Contractors.Read")):
        await sign_in(door, person)
        told = (await door.get("/api/")).json()
        assert told["seen"]["x-ms-token-aad-id-token"] == f"token of {role}"


async def test_identity_headers_from_outside_never_reach_the_app(door: httpx.AsyncClient) -> None:
    forged = {"X-MS-TOKEN-AAD-ID-TOKEN": "forged", "X-MS-CLIENT-PRINCIPAL": "forged"}
    told = (await door.get("/api/health", headers=forged)).json()
    assert not {"x-ms-token-aad-id-token", "x-ms-client-principal"} & told["seen"].keys()
    await sign_in(door)
    told = (await door.get("/api/", headers=forged)).json()
    assert told["seen"]["x-ms-token-aad-id-token"] == "token of Contractors.Offboard"


async def test_a_bearer_token_passes_as_it_is_and_gets_no_session(door: httpx.AsyncClient) -> None:
    await sign_in(door)
    reply = await door.post("/api/sweeps", headers={"Authorization": "Bearer x"}, content="{}")
    assert reply.json()["seen"]["authorization"] == "Bearer x"
    assert "x-ms-token-aad-id-token" not in reply.json()["seen"]


async def test_path_body_status_and_host_pass_unchanged(door: httpx.AsyncClient) -> None:
    await sign_in(door)
    own = str(door.base_url).rstrip("/")
    path = "/api/people/a%2523b%2F%22?q=%20x"
    reply = await door.post(path, headers={"Origin": own, "Referer": f"{own}/api/"}, content="reason=x")
    told = reply.json()
    assert (reply.status_code, told["path"], told["body"]) == (418, path, "reason=x")
    assert told["seen"]["host"] == door.base_url.netloc.decode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://other.example", "Referer": "https://other.example/"},
        {"Origin": "OWN", "Referer": ""},
        {"Origin": "OWN", "Referer": "https://other.example/OWN"},
    ],
)
async def test_a_form_that_does_not_say_that_it_is_ours_is_refused(
    door: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await sign_in(door)
    own = str(door.base_url).rstrip("/")
    sent = {name: value.replace("OWN", own) for name, value in headers.items()}
    assert (await door.post("/api/", headers=sent)).status_code == 403


async def test_whoever_signs_out_has_no_session(door: httpx.AsyncClient) -> None:
    await sign_in(door)
    assert SESSION_COOKIE in door.cookies
    await door.get("/.auth/logout")
    assert SESSION_COOKIE not in door.cookies
    assert (await door.get("/api/")).status_code == 302


@pytest.mark.parametrize("target", ["https://other.example/", "//other.example", "/\\other.example", ""])
async def test_the_sign_in_leads_nowhere_else(door: httpx.AsyncClient, target: str) -> None:
    reply = await door.get("/.auth/login/aad", params={"as": "operator", "post_login_redirect_uri": target})
    assert reply.headers["Location"] == "/api/"
