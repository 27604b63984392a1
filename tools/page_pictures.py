"""Takes the pictures of `docs/page.md` in headless Chromium: `make pictures`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

from sandbox.azurite import running_azurite
from tests.support.browser_window import CHROMIUM, DESK, FLAGS, PHONE, Windows
from tests.support.page_stage import busy_week, running_stage

IMAGES = Path(__file__).parents[1] / "docs" / "images"


async def take_pictures() -> None:
    """Set up a tenant in which everything is going on, and take every picture again."""
    with running_azurite() as storage, tempfile.TemporaryFile() as log:
        async with (
            running_stage(storage.connection_string, log, busy_week) as stage,
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
            await _take(Windows(stage, browser))
            await browser.close()


async def _take(windows: Windows) -> None:
    pages = {
        "page-light": await windows.open(**DESK),
        "page-dark": await windows.open(**DESK, color_scheme="dark"),
        "page-phone": await windows.open(**PHONE),
        "page-person": await windows.open(windows.stage.page_of("Ada Novak"), **DESK),
    }
    for name, page in pages.items():
        for details in await page.locator("details:has(summary.button)").all():
            await details.evaluate("details => details.open = true")
        await page.screenshot(path=IMAGES / f"{name}.png", full_page=name != "page-phone")


if __name__ == "__main__":
    asyncio.run(take_pictures())
