"""HTML answers: their headers, and problems in words instead of JSON."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import urlencode

import msgspec

from enforcer.core.settings import FourEyes, Mode
from enforcer.page.people import HOME, person_path
from enforcer.page.times import Calendar, Moment
from enforcer.rendering import render
from enforcer.web.app import Api
from enforcer.web.calls import Call
from enforcer.web.messages import SECURITY_HEADERS, Request, Response
from enforcer.web.problems import PROBLEM_JSON, Code, Problem
from enforcer.web.roles import Access
from enforcer.web.routes import Route

_PACKAGE = "enforcer.page"
# App Service's own endpoints (Authentication in Azure App Service: customize sign-ins and sign-outs).
SIGN_IN = f"/.auth/login/aad?{urlencode({'post_login_redirect_uri': HOME})}"
SIGN_OUT = f"/.auth/logout?{urlencode({'post_logout_redirect_uri': HOME})}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What surrounds the contents of every page.

    Attributes:
        may_extend, may_offboard, may_approve: What the viewer's roles allow.
        four_eyes: Whoever caused a plan cannot approve it.
        changes_nothing: The mode is `report`.
    """

    title: str
    as_of: Moment
    time_zone: str
    may_extend: bool
    may_offboard: bool
    may_approve: bool
    offboard_role: str
    four_eyes: bool
    changes_nothing: bool

    @property
    def rights(self) -> str:
        """What the viewer may do besides reading, in words; empty if nothing."""
        rights = {"extend": self.may_extend, "offboard": self.may_offboard, "approve": self.may_approve}
        return ", ".join(name for name, holds in rights.items() if holds)


def calendar(call: Call) -> Calendar:
    return Calendar(now=call.services.now(), zone=call.services.settings.zone)


def frame(call: Call, title: str) -> Frame:
    settings = call.services.settings
    return Frame(
        title=title,
        as_of=calendar(call).moment(call.services.now()),
        time_zone=settings.zone.key,
        may_extend=call.may(Access.EXTEND),
        may_offboard=call.may(Access.OFFBOARD),
        may_approve=call.may(Access.APPROVE),
        offboard_role=settings.api_role,
        four_eyes=settings.four_eyes is FourEyes.ON,
        changes_nothing=settings.mode is Mode.REPORT,
    )


def html(template: str, *, status: int = 200, **values: object) -> Response:
    """Fill in a template; only the page's own style sheet applies to it, and no script runs."""
    text = render(_PACKAGE, template, home=HOME, sign_in=SIGN_IN, sign_out=SIGN_OUT, **values)
    return Response(status=status, headers=_headers(), body=text.encode())


def see_other(path: str, **query: str) -> Response:
    """Redirect after a change, so that reloading the page does not repeat it."""
    location = f"{path}?{urlencode(query)}" if query else path
    return Response(status=303, headers={**_headers(), "Location": location}, body=b"")


async def answer(api: Api, route: Route, request: Request) -> Response:
    """Answer as the API does, but with problems in HTML. Never raises."""
    response = await api.answer(route, request)
    if response.headers.get("Content-Type") != PROBLEM_JSON:
        return response
    problem = msgspec.json.decode(response.body, type=Problem)
    kept = {name: value for name, value in response.headers.items() if name not in _headers()}
    page = html("problem.html", status=problem.status, frame=None, problem=_in_words(problem, request))
    return replace(page, headers={**page.headers, **kept})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemInWords:
    """A problem; `back` is the page to return to, empty if it would not open either."""

    title: str
    detail: str
    request_id: str
    signed_out: bool
    back: str


_TITLES = {
    Code.NO_TOKEN: "You are not signed in",
    Code.INVALID_TOKEN: "Your sign-in is not accepted",
    Code.MISSING_ROLE: "You may not do this",
    Code.NOT_CONFIGURED: "The page is not configured yet",
    Code.FOUR_EYES: "This takes somebody else",
    Code.OTHER_SITE: "This did not come from this page",
    Code.NOT_FOUND: "Not found",
    Code.AMBIGUOUS: "More than one person of that name",
    Code.REFUSED: "Not done",
    Code.UNAVAILABLE: "No answer",
    Code.INTERNAL: "Something went wrong here",
}


def _in_words(problem: Problem, request: Request) -> ProblemInWords:
    signed_out = problem.status == 401  # noqa: PLR2004
    user = request.parameters.get("user", "")
    outside = signed_out or request.method == "GET"
    return ProblemInWords(
        title=_TITLES.get(problem.code, problem.title),
        detail="Sign in with an account of this tenant." if signed_out else problem.detail,
        request_id=problem.request_id,
        signed_out=signed_out,
        back="" if outside else person_path(user) or HOME,
    )


@cache
def _headers() -> Mapping[str, str]:
    """Return the headers of every page.

    The policy allows the one style sheet by its hash; without `script-src` no script runs, even an injected
    one. The referrer policy must not be `no-referrer`: browsers would then send `Origin: null` with a form,
    which App Service authentication takes for another site's and refuses.
    """
    digest = hashlib.sha256(render(_PACKAGE, "style.css").encode()).digest()
    policy = (
        "default-src 'none'",
        f"style-src 'sha256-{base64.b64encode(digest).decode()}'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
    return {
        **SECURITY_HEADERS,
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "; ".join(policy),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
    }
