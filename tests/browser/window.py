"""Browser windows in which somebody is signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from playwright.async_api import Browser, BrowserContext, Page

from tests.api.caller import CHANGE
from tests.browser.stage import PROJECT, Stage

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
    """Opens windows on a stage. Each request carries the ID token that App Service authentication adds."""

    stage: Stage
    browser: Browser
    _contexts: list[BrowserContext] = field(default_factory=list)

    async def open(self, path: str = "/api/", *, role: str | None = CHANGE, **window: Any) -> Page:
        """Open a page, as somebody with this app role; None: nobody is signed in."""
        identity = {} if role is None else {"X-MS-TOKEN-AAD-ID-TOKEN": self.stage.token(role)}
        page = await self.empty(extra_http_headers=identity, **window)
        await page.goto(f"{self.stage.url}{path}")
        return page

    async def empty(self, **window: Any) -> Page:
        """Open a window with nothing in it."""
        context = await self.browser.new_context(**window)
        context.set_default_timeout(5_000)
        self._contexts.append(context)
        return await context.new_page()

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()


@asynccontextmanager
async def other_site(html: str) -> AsyncIterator[str]:
    """Serve a page from another site, as a browser sees it; gives the URL."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    application = web.Application()
    application.router.add_get("/", page)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://localhost:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
