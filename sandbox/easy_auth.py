"""App Service authentication ("Easy Auth") as a browser meets it, which is in front of the app on Azure.

It removes identity headers that come from outside, redirects a browser without a session to the sign-in,
passes the session's ID token to the app, and rejects forms sent by another site. A request with a bearer
token passes: the app itself validates it. Not imitated: the validation of that token, and of the session,
which is a plain cookie here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from sandbox.loopback import listening

SESSION_COOKIE: Final = "AppServiceAuthSession"
PEOPLE: Final = {
    "operator": "Contractors.Offboard",
    "reader": "Contractors.Read",
    "extender": "Contractors.Extend",
    "approver": "Contractors.Approve",
}
"""Who may sign in, and the app role that each of them holds."""

type Issue = Callable[[str], str]
"""Returns an ID token with an app role."""

_OPEN: Final = frozenset({"/api/health"})
_IDENTITY_HEADERS: Final = ("x-ms-client-principal", "x-ms-token-")
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_ID_TOKEN: Final = "X-MS-TOKEN-AAD-ID-TOKEN"
_LARGEST_BODY: Final = 10 * 1024 * 1024
_CHOICE: Final = """<!doctype html><html lang="en"><title>Sign in</title>
<h1>Sign in to the sandbox</h1>
<p>In place of Entra's own sign-in: whom do you want to be?</p><ul>{people}</ul>"""


class EasyAuth:
    """A proxy to an app that trusts identity headers (`--callers behind-app-service`)."""

    def __init__(self, app_url: str, issue: Issue, session: aiohttp.ClientSession) -> None:
        self._app_url = app_url
        self._issue = issue
        self._session = session

    def application(self) -> web.Application:
        application = web.Application(client_max_size=_LARGEST_BODY)
        application.router.add_get("/.auth/login/aad", _sign_in)
        application.router.add_get("/.auth/logout", _sign_out)
        application.router.add_route("*", "/{path:.*}", self._pass)
        return application

    async def _pass(self, request: web.Request) -> web.Response:
        if request.path in _OPEN or "Authorization" in request.headers:
            return await self._forward(request, {})
        person = request.cookies.get(SESSION_COOKIE, "")
        if person not in PEOPLE:
            query = urlencode({"post_login_redirect_uri": request.path_qs})
            raise web.HTTPFound(f"/.auth/login/aad?{query}")
        if request.method == "POST" and not _is_sent_from_here(request):
            # Azure logs 403.60 and tells the browser nothing.
            return web.Response(status=403)
        return await self._forward(request, {_ID_TOKEN: self._issue(PEOPLE[person])})

    async def _forward(self, request: web.Request, identity: dict[str, str]) -> web.Response:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _HOP_BY_HOP and not name.lower().startswith(_IDENTITY_HEADERS)
        }
        answered = await self._session.request(
            request.method,
            URL(f"{self._app_url}{request.raw_path}", encoded=True),
            headers=headers | identity,
            data=await request.read(),
            allow_redirects=False,
        )
        async with answered:
            response = web.Response(status=answered.status, body=await answered.read())
            response.headers.popall("Content-Type", None)
            for name, value in answered.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    response.headers.add(name, value)
            return response


@asynccontextmanager
async def running_easy_auth(app_url: str, issue: Issue) -> AsyncIterator[str]:
    """Serve the app behind Easy Auth on a free loopback port; yield the URL."""
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(cookie_jar=jar, auto_decompress=False) as session:
        application = EasyAuth(app_url, issue, session).application()
        async with listening(web.AppRunner(application, access_log=None, shutdown_timeout=0)) as url:
            yield url


def _is_sent_from_here(request: web.Request) -> bool:
    """Whether, according to the browser, the form was sent from this site.

    The real one wants `Origin` and `Referer` to name the app or an allowed site (Authentication in Azure App
    Service, cross-site request forgery). A page with `Referrer-Policy: no-referrer` sends neither.
    """
    sources = (request.headers.get("Origin", ""), request.headers.get("Referer", ""))
    return all(urlsplit(source).netloc == request.host for source in sources)


async def _sign_in(request: web.Request) -> web.Response:
    target = _own_path(request.query.get("post_login_redirect_uri", ""))
    person = request.query.get("as", "")
    if person not in PEOPLE:
        query = urlencode({"post_login_redirect_uri": target})
        links = [f'<li><a href="?{query}&amp;as={name}">{name}</a> ({role})' for name, role in PEOPLE.items()]
        return web.Response(text=_CHOICE.format(people="".join(links)), content_type="text/html")
    found = web.HTTPFound(target)
    found.set_cookie(SESSION_COOKIE, person, path="/", httponly=True, samesite="Lax")
    raise found


async def _sign_out(request: web.Request) -> web.Response:
    found = web.HTTPFound(_own_path(request.query.get("post_logout_redirect_uri", "")))
    found.del_cookie(SESSION_COOKIE, path="/")
    raise found


def _own_path(target: str) -> str:
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/api/"
