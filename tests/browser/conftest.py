from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, async_playwright

from sandbox.azurite import StorageEndpoints
from tests.conftest import NewAccount
from tests.support.browser_window import BUILD, CHROMIUM, FLAGS, Windows
from tests.support.page_stage import Stage, busy_week, running_stage


@pytest.fixture(scope="session")
def azurite(new_account: NewAccount) -> StorageEndpoints:
    return new_account()


@pytest.fixture(scope="session")
async def stage(azurite: StorageEndpoints, anyio_backend: str) -> AsyncIterator[Stage]:
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "host.log").open("wb") as log:
        async with running_stage(azurite.connection_string, log, busy_week) as running:
            yield running


@pytest.fixture(scope="session")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS])
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def all_windows(stage: Stage, browser: Browser) -> AsyncIterator[Windows]:
    opened = Windows(stage, browser)
    yield opened
    await opened.close()


@pytest.fixture
def windows(all_windows: Windows) -> Iterator[Windows]:
    yield all_windows
    all_windows.release()
