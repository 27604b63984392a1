from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from enforcer.api.routes import ROUTES
from enforcer.web.gate import Access
from enforcer.web.routes import Route
from sandbox.azurite import StorageEndpoints, running_azurite
from sandbox.directory.faults import Fault
from sandbox.directory.tokens import Flaw
from tests.conftest import NewAccount
from tests.support.http_app import HttpApp, running_http_app

_CHANGE, _READ = "Contractors.Offboard", "Contractors.Read"
_DIGEST, _RUN = "0" * 64, "20261123T003000-abcdef"


@pytest.fixture(scope="module")
def azurite(new_account: NewAccount) -> StorageEndpoints:
    return new_account()


@pytest.fixture(scope="module")
def app(azurite: StorageEndpoints) -> Iterator[HttpApp]:
    """The app behind App Service, whose own headers come through."""
    with running_http_app(azurite, ["--no-queues", "--callers", "behind-app-service"]) as running:
        yield running


# Who may ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Token:
    """What a caller brings, and the status they get for reading and for changing."""

    name: str
    order: dict[str, Any] | None
    looks: int
    changes: int

    def __str__(self) -> str:
        return self.name


def _flawed(flaw: Flaw) -> Token:
    return Token(flaw.value, {"flaw": flaw, "roles": [_CHANGE, _READ]}, 401, 401)


_LET_IN = 0
_TOKENS = (
    Token("no token", None, 401, 401),
    _flawed(Flaw.EXPIRED),
    _flawed(Flaw.NOT_YET_VALID),
    _flawed(Flaw.FORGED_SIGNATURE),
    _flawed(Flaw.UNKNOWN_KEY),
    _flawed(Flaw.ALG_NONE),
    _flawed(Flaw.SHARED_SECRET),
    _flawed(Flaw.OTHER_TENANT),
    _flawed(Flaw.OTHER_ISSUER),
    _flawed(Flaw.OTHER_AUDIENCE),
    Token("for Graph", {"audience": "https://graph.microsoft.com", "roles": [_CHANGE]}, 401, 401),
    Token("no roles", {"flaw": Flaw.NO_ROLES}, 403, 403),
    Token("another role", {"roles": ["Contractors.Offboarding", "contractors.offboard"]}, 403, 403),
    Token("role to read", {"roles": [_READ]}, _LET_IN, 403),
    Token("role to change", {"roles": [_CHANGE]}, _LET_IN, _LET_IN),
    Token("bare audience", {"roles": [_CHANGE], "audience": "bare"}, _LET_IN, _LET_IN),
)


@dataclass(frozen=True)
class Attempt:
    """A call of a route that succeeds for whoever may make it; `status` is what they get."""

    path: str
    body: dict[str, Any] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


_PERSON = "liam.walsh@contoso.onmicrosoft.com"
_ATTEMPTS = {
    "offboard_now": Attempt(f"contractors/{_PERSON}/offboard", {"reason": "left"}),
    "list_contractors": Attempt("contractors"),
    "get_contractor": Attempt("contractors/nobody@contoso.onmicrosoft.com", status=404),
    "put_contractor": Attempt("contractors/nobody@contoso.onmicrosoft.com", {"end_date": "2099-01-31"}, 404),
    "start_sweeps": Attempt("sweeps", {}, 202),
    "get_run": Attempt(f"runs/{_RUN}", status=404),
    "approve_plan": Attempt(f"plans/{_DIGEST}/approval", status=404),
    "get_status": Attempt("status"),
    "get_openapi": Attempt("openapi.json"),
    "get_health": Attempt("health"),
}


def _wanted(route: Route, token: Token) -> int:
    attempt = _ATTEMPTS[route.name]
    if route.access is Access.ANYBODY:
        return attempt.status
    return (token.looks if route.access is Access.LOOK else token.changes) or attempt.status


def _headers(app: HttpApp, token: Token) -> dict[str, str]:
    if token.order is None:
        return {}
    order = dict(token.order)
    if order.get("audience") == "bare":
        order["audience"] = app.company.api.app_id
    return {"Authorization": f"Bearer {app.token(**order)}"}


@pytest.mark.parametrize("token", _TOKENS, ids=str)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_lets_in_whom_it_should_and_nobody_else(app: HttpApp, route: Route, token: Token) -> None:
    attempt = _ATTEMPTS[route.name]

    reply = app.http.request(route.method, attempt.path, json=attempt.body, headers=_headers(app, token))

    assert reply.status_code == _wanted(route, token), reply.text
    if reply.status_code >= 400:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert reply.headers.get("www-authenticate", "").startswith("Bearer") is (reply.status_code in {401, 403})


def test_the_principal_that_app_service_does_not_sign_opens_no_door(app: HttpApp) -> None:
    claims = [{"typ": "roles", "val": _CHANGE}, {"typ": "tid", "val": app.directory.tenant.tenant_id}]
    principal = base64.b64encode(json.dumps({"auth_typ": "aad", "claims": claims}).encode()).decode()
    reply = app.http.get("status", headers={"X-MS-CLIENT-PRINCIPAL": principal})
    assert reply.status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({}, 403),
    ],
)
def test_a_browsers_session_serves_our_own_page_only(
    app: HttpApp, headers: dict[str, str], status: int
) -> None:
    eve = app.contractor("Eve Visitor")
    session = {"X-MS-TOKEN-AAD-ID-TOKEN": app.token(audience=app.company.api.app_id)}
    path = f"contractors/{eve.id}/offboard"

    reply = app.http.post(path, json={"reason": "left"}, headers=session | headers)

    assert reply.status_code == status
    assert app.is_member(eve) is (status != 200)


def test_our_own_page_is_known_by_its_origin_too(app: HttpApp) -> None:
    session = {"X-MS-TOKEN-AAD-ID-TOKEN": app.token(), "Origin": app.url}
    assert app.http.post("sweeps", headers=session).status_code == 202


def test_after_the_tenant_rolls_its_keys_over_new_tokens_are_good(app: HttpApp) -> None:
    app.directory.sandbox.keys.rotate()
    assert app.call("GET", "status").status_code == 200


# What is done ----------------------------------------------------------------------------------------------


def test_somebody_who_leaves_has_lost_access_within_seconds(app: HttpApp) -> None:
    ada = app.contractor("Ada Leaver")

    began = time.monotonic()
    reply = app.call("POST", f"contractors/{ada.user_principal_name}/offboard", json={"reason": "left"})

    assert (reply.status_code, reply.json()["done"]) == (200, True)
    assert time.monotonic() - began < 10
    assert not app.is_member(ada)


def test_a_guests_name_may_be_encoded_once_or_twice(app: HttpApp) -> None:
    for name, encode in (("Gil Once", quote), ("Gil Twice", lambda text: quote(quote(text)))):
        guest = app.directory.tenant.add_guest(name, f"{name[4:].lower()}@partner.example")
        app.directory.tenant.add_member(app.company.contractors, guest)

        reply = app.call(
            "POST", f"contractors/{encode(guest.user_principal_name)}/offboard", json={"reason": "left"}
        )

        assert (reply.status_code, reply.json().get("user_id")) == (200, guest.id)
        assert not app.is_member(guest)


@pytest.mark.parametrize("name", ["a%2Fb@contoso.onmicrosoft.com", "%20", "a%00b@contoso.example", "%0A"])
def test_odd_names_mean_nobody(app: HttpApp, name: str) -> None:
    reply = app.call("POST", f"contractors/{name}/offboard", json={"reason": "left"})
    assert reply.status_code in {400, 404}
    assert reply.headers["content-type"] == "application/problem+json"


def test_a_large_body_is_refused_and_the_host_lives_on(app: HttpApp) -> None:
    reply = app.call("POST", f"contractors/{_PERSON}/offboard", content=b"x" * 5_000_000)
    assert reply.status_code == 413
    assert app.call("GET", "health").status_code == 200


def test_nothing_is_kept_or_run_by_a_browser(app: HttpApp) -> None:
    for reply in (app.call("GET", "contractors"), app.http.get("status")):
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_what_graph_could_not_do_at_once_is_done_from_the_queue() -> None:
    with running_azurite() as storage, running_http_app(storage, []) as app:
        ada = app.contractor("Ada Leaver")
        app.directory.sandbox.faults.add(Fault(path="^/v1.0", times=None))

        began = time.monotonic()
        reply = app.call("POST", f"contractors/{ada.id}/offboard", json={"reason": "left"})
        assert reply.status_code == 202
        assert time.monotonic() - began < 30
        run = reply.headers["location"].removeprefix("/api/")
        assert app.call("GET", run).json()["state"] == "running"

        app.directory.sandbox.faults.clear()
        assert _ended(app, run)["state"] == "complete"
        assert not app.is_member(ada)


def _ended(app: HttpApp, run: str) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        reply: httpx.Response = app.call("GET", run)
        if reply.json()["state"] != "running":
            return reply.json()
        time.sleep(0.2)
    raise AssertionError(f"{run} has not ended")
