from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import datetime

import pytest

from sandbox.directory.faults import Fault
from sandbox.directory.tokens import Flaw, TokenRequest
from tests.support.api_caller import APPROVE, AUDIENCE, CHANGE, EXTEND, READ
from tests.support.page_visitor import Visitor
from tests.support.world import World

pytestmark = pytest.mark.anyio

PATHS = ("/api/", "/api/?q=a", "/api/people/olga.operator@contoso.onmicrosoft.com", "/api/people/no@body")


@pytest.mark.parametrize("path", PATHS)
async def test_only_the_style_sheet_in_the_page_is_allowed_and_no_script(visitor: Visitor, path: str) -> None:
    page = await visitor.get(path)
    [sheet] = page.all("style")
    digest = base64.b64encode(hashlib.sha256(sheet.text.encode()).digest()).decode()
    assert page.headers["Content-Security-Policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; frame-ancestors 'none';"
        " base-uri 'none'"
    )
    assert not page.all("script")


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_of_a_page_is_kept_guessed_or_told_to_other_sites(visitor: Visitor, path: str) -> None:
    headers = (await visitor.get(path)).headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    # Not `no-referrer`: App Service authentication would refuse the page's own forms.
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Request-Id"] == "request-1"


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_loads_nothing_and_links_only_to_itself(visitor: Visitor, path: str) -> None:
    page = await visitor.get(path)
    assert not any(
        {"src", "srcset", "style", "background"} & element.attributes.keys() for element in page.elements
    )
    targets = [
        item.attributes.get("href", item.attributes.get("action", ""))
        for item in page.all("a") + page.all("form")
    ]
    assert all(re.match(r"/api/|/\.auth/|#", target) for target in targets)
    assert "url(" not in page.all("style")[0].text


@pytest.mark.parametrize("flaw", sorted(set(Flaw) - {Flaw.NONE, Flaw.NO_ROLES}))
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_token_that_is_not_good_shows_nothing_but_the_sign_in(
    visitor: Visitor, method: str, flaw: Flaw
) -> None:
    order = TokenRequest(audience=AUDIENCE, user=visitor.person.id, roles=[CHANGE], flaw=flaw)
    headers = visitor.headers() | {"x-ms-token-aad-id-token": visitor.world.directory.token(order)}
    page = await (visitor.get("/api/", headers) if method == "GET" else visitor.post("/api/", {}, headers))
    assert page.status == 401
    assert page.links()["Sign in"] == "/.auth/login/aad?post_login_redirect_uri=%2Fapi%2F"
    assert page.text.startswith("Your sign-in is not accepted Sign in with an account of this tenant.")


async def test_without_a_token_the_page_says_so(visitor: Visitor) -> None:
    page = await visitor.get("/api/", {})
    assert (page.status, page.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert page.text.startswith("You are not signed in")


async def test_without_a_role_nobody_sees_anything(visitor: Visitor) -> None:
    visitor.roles = ["Other.Role"]
    page = await visitor.get("/api/")
    assert page.status == 403
    assert f"{READ} or {EXTEND} or {CHANGE} or {APPROVE}" in page.text


async def test_where_the_api_is_not_configured_nobody_comes_in(visitor: Visitor) -> None:
    visitor.configure(api_audience="")
    page = await visitor.get("/api/")
    assert (page.status, page.text[:30]) == (403, "The page is not configured yet")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
async def test_a_form_from_elsewhere_is_refused(visitor: Visitor, site: str) -> None:
    page = await visitor.post("/api/", {"digest": "0" * 64}, visitor.headers() | {"sec-fetch-site": site})
    assert (page.status, page.text[:32]) == (403, "This did not come from this page")


async def test_a_problem_tells_the_request_and_leads_back_to_where_the_form_was(visitor: Visitor) -> None:
    page = await visitor.post("/api/people/no@body", {"action": "dance"})
    assert page.status == 400
    assert page.links()["Back"] == "/api/people/no@body"
    assert page.text.endswith("Request request-1")


async def test_a_mistake_of_ours_tells_nothing_of_itself(visitor: Visitor, world: World) -> None:
    def broken() -> datetime:
        raise ZeroDivisionError

    world.services = replace(world.services, now=broken)
    visitor.configure()
    page = await visitor.get("/api/?q=a")
    assert page.status == 500
    assert "ZeroDivision" not in page.response.body.decode()
    assert page.text.startswith("Something went wrong here")


async def test_page_while_tokens_cannot_be_checked_says_to_try_again(visitor: Visitor) -> None:
    visitor.world.directory.sandbox.faults.add(Fault(path="keys", times=None))
    page = await visitor.get("/api/")
    assert (page.status, page.headers["Retry-After"]) == (503, "30")
    assert page.text.startswith("No answer")
