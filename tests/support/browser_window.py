"""Browser windows with somebody signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page

from sandbox.loopback import LOOPBACK, listening
from tests.support.api_caller import CHANGE
from tests.support.page_stage import PROJECT, Stage

BUILD: Final = PROJECT / "build" / "browser"
CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "has_touch": True,
}
DESK: Final[dict[str, Any]] = {"viewport": {"width": 1200, "height": 900}}


@dataclass(slots=True)
class Windows:
    """Opens pages of a stage. Each request carries the ID token that App Service authentication adds.

    Later tests reuse windows and pages, because opening them is slow: no state is kept in them.
    """

    stage: Stage
    browser: Browser
    _contexts: dict[str, BrowserContext] = field(default_factory=dict)
    _used: list[Page] = field(default_factory=list)

    async def open(self, path: str = "/api/", *, role: str | None = CHANGE, **window: Any) -> Page:
        """Open a page as somebody with this app role (None: nobody is signed in)."""
        context = await self._window(role, window)
        free = [page for page in context.pages if page not in self._used]
        page = free[0] if free else await context.new_page()
        self._used.append(page)
        await page.goto(f"{self.stage.url}{path}")
        return page

    async def _window(self, role: str | None, window: dict[str, Any]) -> BrowserContext:
        kind = f"{role} {window}"
        if kind not in self._contexts:
            identity = {} if role is None else {"X-MS-TOKEN-AAD-ID-TOKEN": self.stage.token(role)}
            context = await self.browser.new_context(extra_http_headers=identity, **window)
            context.set_default_timeout(10_000)
            self._contexts[kind] = context
        return self._contexts[kind]

    def release(self) -> None:
        """Return all pages for reuse by later tests."""
        self._used.clear()

    async def close(self) -> None:
        for context in self._contexts.values():
            await context.close()


@asynccontextmanager
async def other_site(html: str) -> AsyncIterator[str]:
    """Serve a page from what a browser considers another site; yield the URL."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    application = web.Application()
    application.router.add_get("/", page)
    async with listening(web.AppRunner(application, access_log=None, shutdown_timeout=0)) as url:
        yield f"{url.replace(LOOPBACK, 'localhost')}/"
