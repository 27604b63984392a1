from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from enforcer.api.routes import ROUTES
from enforcer.web.routes import Route
from sandbox.azurite import StorageEndpoints, running_azurite
from sandbox.directory.faults import Fault
from sandbox.directory.tokens import Flaw, TokenKind
from tests.conftest import NewAccount
from tests.support.http_app import HttpApp, running_http_app

_CHANGE, _READ = "Contractors.Offboard", "Contractors.Read"
_EXTEND, _APPROVE = "Contractors.Extend", "Contractors.Approve"
_DIGEST, _RUN = "0" * 64, "20261123T003000-abcdef"


@pytest.fixture(scope="module")
def azurite(new_account: NewAccount) -> StorageEndpoints:
    return new_account()


@pytest.fixture(scope="module")
def app(azurite: StorageEndpoints) -> Iterator[HttpApp]:
    """The app behind App Service, whose own headers come through."""
    with running_http_app(azurite, ["--no-queues", "--callers", "behind-app-service"]) as running:
        yield running


@pytest.fixture(scope="module")
def robot(app: HttpApp) -> str:
    """An application of the tenant."""
    return app.directory.tenant.add_application("HR feed").app_id


# Who may ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attempt:
    """A call of a route that succeeds for whoever may make it; `status` is what they get."""

    path: str
    body: dict[str, Any] | None = None
    status: int = 200


_PERSON = "liam.walsh@contoso.onmicrosoft.com"
_NOBODY = "nobody@contoso.onmicrosoft.com"
_EVERYBODY = frozenset({_READ, _EXTEND, _CHANGE, _APPROVE})
# Whom the contract lets in, route by route, and what they call.
_MATRIX: dict[str, tuple[frozenset[str], Attempt]] = {
    "offboard_now": (frozenset({_CHANGE}), Attempt(f"contractors/{_PERSON}/offboard", {"reason": "left"})),
    "offboard_many": (frozenset({_CHANGE}), Attempt("offboardings", {"users": [_NOBODY], "reason": "left"})),
    "list_contractors": (_EVERYBODY, Attempt("contractors")),
    "get_contractor": (_EVERYBODY, Attempt(f"contractors/{_NOBODY}", status=404)),
    "put_contractor": (
        frozenset({_EXTEND, _CHANGE}),
        Attempt(f"contractors/{_NOBODY}", {"end_date": "2099-01-31"}, 404),
    ),
    "delete_contractor": (frozenset({_CHANGE}), Attempt(f"contractors/{_NOBODY}", status=404)),
    "import_contractors": (
        frozenset({_EXTEND, _CHANGE}),
        Attempt(
            "contractors/import?dry_run=true", {"contractors": [{"user": _NOBODY, "end_date": "2099-01-31"}]}
        ),
    ),
    "start_sweeps": (frozenset({_CHANGE}), Attempt("sweeps", {}, 202)),
    "get_run": (_EVERYBODY, Attempt(f"runs/{_RUN}", status=404)),
    "undo_run": (frozenset({_CHANGE}), Attempt(f"runs/{_RUN}/undo", status=404)),
    "approve_plan": (frozenset({_APPROVE}), Attempt(f"plans/{_DIGEST}/approval", status=404)),
    "get_status": (_EVERYBODY, Attempt("status")),
    "get_openapi": (_EVERYBODY, Attempt("openapi.json")),
    "get_health": (frozenset({"", *_EVERYBODY}), Attempt("health")),
}


def _attempt(app: HttpApp, route: Route, headers: dict[str, str]) -> httpx.Response:
    attempt = _MATRIX[route.name][1]
    return app.http.request(route.method, attempt.path, json=attempt.body, headers=headers)


def _bearer(app: HttpApp, /, **order: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {app.token(**order)}"}


@pytest.mark.parametrize("role", ["", "contractors.offboard", "Contractors.Offboarding", *sorted(_EVERYBODY)])
@pytest.mark.parametrize("caller", ["person", "application"])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_route_lets_in_the_roles_of_the_contract_and_no_other(
    app: HttpApp, robot: str, route: Route, caller: str, role: str
) -> None:
    allowed, attempt = _MATRIX[route.name]
    whose = {"user": None, "app": robot} if caller == "application" else {}

    reply = _attempt(app, route, _bearer(app, roles=[role] if role else [], **whose))

    # No application approves that ENFORCER_APPROVER_APP_IDS does not name.
    unnamed = caller == "application" and route.name == "approve_plan"
    let_in = "" in allowed or (role in allowed and not unnamed)
    assert reply.status_code == (attempt.status if let_in else 403), reply.text
    if not let_in:
        assert reply.json()["code"] == "missing_role"
    if reply.status_code >= 400:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert reply.headers.get("www-authenticate", "").startswith("Bearer") is (reply.status_code == 403)
    assert reply.headers["strict-transport-security"]


_EVERY_ROLE = {"roles": sorted(_EVERYBODY)}
_NOT_ACCEPTED: dict[str, dict[str, Any] | None] = {
    "no token": None,
    "ID token": _EVERY_ROLE | {"kind": TokenKind.ID},
    "for Graph": _EVERY_ROLE | {"audience": "https://graph.microsoft.com"},
    **{flaw.value: _EVERY_ROLE | {"flaw": flaw} for flaw in Flaw if flaw not in {Flaw.NONE, Flaw.NO_ROLES}},
}


@pytest.mark.parametrize("token", _NOT_ACCEPTED)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_route_but_health_takes_no_token_that_is_not_good(app: HttpApp, route: Route, token: str) -> None:
    order = _NOT_ACCEPTED[token]
    reply = _attempt(app, route, {} if order is None else _bearer(app, **order))
    assert reply.status_code == (200 if route.name == "get_health" else 401)


def test_token_for_the_bare_audience_is_as_good(app: HttpApp) -> None:
    reply = app.http.get("status", headers=_bearer(app, audience=app.company.api.app_id, roles=[_READ]))
    assert reply.status_code == 200


def test_extender_cannot_end_or_shorten_access_by_any_route(app: HttpApp) -> None:
    """The attack: whoever may only extend tries to remove somebody, by every way that there is."""
    eve = app.contractor("Eve Extended")
    path, extender = f"contractors/{eve.id}", _bearer(app, roles=[_EXTEND])
    assert app.http.put(path, json={"end_date": "2098-12-31"}, headers=extender).status_code == 201

    for body in (
        {"end_date": "2098-12-30"},
        {"end_date": "2020-01-31"},
        {"end_date": "2098-12-31", "start_date": "2098-01-01"},
    ):
        assert app.http.put(path, json=body, headers=extender).json()["code"] == "missing_role"
    rows = {"contractors": [{"user": eve.id, "end_date": "2020-01-31"}]}
    assert app.http.post("contractors/import", json=rows, headers=extender).status_code == 403
    assert app.http.delete(path, headers=extender).status_code == 403
    assert app.http.post(f"{path}/offboard", json={"reason": "x"}, headers=extender).status_code == 403
    session = {"X-MS-TOKEN-AAD-ID-TOKEN": app.token(roles=[_EXTEND], kind=TokenKind.ID)}
    page = session | {"Sec-Fetch-Site": "same-origin"}
    for form in (
        {"action": "extend", "group": app.company.contractors.id, "end": "2097-12-31"},
        {"action": "offboard", "reason": "x"},
    ):
        assert app.http.post(f"people/{eve.id}", data=form, headers=page).status_code == 403

    assert app.http.get(path, headers=extender).json()["end_date"] == "2098-12-31"
    assert app.is_member(eve)


def test_reader_learns_nothing_about_accounts_that_are_not_contractors(app: HttpApp) -> None:
    boss = app.directory.tenant.add_user("Bea Boss")
    reader = _bearer(app, roles=[_READ])
    for name in (boss.id, boss.user_principal_name):
        for path in (f"contractors/{name}", f"people/{name}"):
            found = app.http.get(path, headers=reader)
            unknown = app.http.get(path.replace("bea.boss", "no.boss").replace(boss.id, _RUN), headers=reader)
            assert (found.status_code, unknown.status_code) == (404, 404)
            assert "Bea" not in found.text


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
    session = {"X-MS-TOKEN-AAD-ID-TOKEN": app.token(audience=app.company.api.app_id, kind=TokenKind.ID)}
    path = f"contractors/{eve.id}/offboard"

    reply = app.http.post(path, json={"reason": "left"}, headers=session | headers)

    assert reply.status_code == status
    assert app.is_member(eve) is (status != 200)


def test_our_own_page_is_known_by_its_origin_too(app: HttpApp) -> None:
    session = {"X-MS-TOKEN-AAD-ID-TOKEN": app.token(kind=TokenKind.ID), "Origin": app.url}
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
        assert app.ended(run)["state"] == "complete"
        assert not app.is_member(ada)
