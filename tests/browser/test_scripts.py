"""Names are whatever somebody typed into the register or into Entra; none of them is ever more than text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, expect

from sandbox.directory.objects import User
from tests.conftest import NewAccount
from tests.support.browser_window import BUILD, Windows
from tests.support.page_stage import Stage, register, running_stage
from tests.support.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

NAME = '"><script>window.ran = 1; alert(1)</script>'
COMPANY = "<img src=x onerror='window.ran = 1; alert(2)'>"
SPONSOR = "javascript:alert(3)//{{7*7}}"
NOTE = '</dd></main></style><svg onload="window.ran = 1; alert(4)">'
ROW_KEY = '"onfocus="alert(5)"autofocus="<b>@evil.example'
IN_ENTRA = "<iframe srcdoc='<script>top.ran = 1</script>'>"
END = "<script>alert(7)</script>"
REASON = "<a href='javascript:alert(6)'>why</a>"
UPN = "o'neil\"&lt;evil@contoso.onmicrosoft.com"


@pytest.fixture(scope="module")
async def hostile_stage(new_account: NewAccount, anyio_backend: str) -> AsyncIterator[Stage]:
    with (BUILD / "hostile-host.log").open("wb") as log:
        async with running_stage(new_account().connection_string, log, _fill) as running:
            yield running


async def _fill(world: World) -> dict[str, User]:
    evil = world.member("Eve", user_principal_name=UPN)
    ghost = world.member(IN_ENTRA, user_principal_name="ghost@contoso.onmicrosoft.com")
    await register(world, evil, 3, display_name=NAME, company=COMPANY, sponsor=SPONSOR, note=NOTE)
    await world.register(ROW_KEY, "2027-01-31", display_name=NAME)
    await world.register("mallory@evil.example", END)
    await world.sweep()
    return {"evil": evil, "ghost": ghost}


@dataclass(slots=True)
class Watch:
    """What a page does that it must not do."""

    page: Page
    dialogs: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @classmethod
    def over(cls, page: Page, origin: str) -> Watch:
        watch = cls(page)
        page.on("dialog", lambda dialog: watch.dialogs.append(dialog.message))
        page.on(
            "request",
            lambda request: None if request.url.startswith(origin) else watch.elsewhere.append(request.url),
        )
        return watch

    async def is_quiet(self) -> bool:
        """Whether no script ran, nothing was loaded, and no element is there that we did not write."""
        ran = await self.page.evaluate("window.ran === undefined")
        foreign = await self.page.locator(
            "script, img, iframe, object, embed, svg:not([aria-hidden]), [onload], [onerror], [onfocus], b b"
        ).count()
        links = await self.page.locator("a[href^='javascript' i]").count()
        return bool(ran) and (foreign, links, self.dialogs, self.elsewhere) == (0, 0, [], [])


@pytest.fixture(scope="module")
async def all_hostile(hostile_stage: Stage, browser: Browser) -> AsyncIterator[Windows]:
    opened = Windows(hostile_stage, browser)
    yield opened
    await opened.close()


@pytest.fixture
def hostile(all_hostile: Windows) -> Iterator[Windows]:
    yield all_hostile
    all_hostile.release()


async def test_the_overview_shows_such_names_as_they_are(hostile: Windows) -> None:
    page = await hostile.open()
    watch = Watch.over(page, hostile.stage.url)
    await page.reload()
    main = page.locator("main")
    for text in (NAME, COMPANY, IN_ENTRA, END):
        await expect(main).to_contain_text(text)
    assert await watch.is_quiet()


async def test_a_persons_page_shows_such_texts_as_they_are(hostile: Windows) -> None:
    page = await hostile.open(hostile.stage.page_of("evil"))
    watch = Watch.over(page, hostile.stage.url)
    await page.reload()
    for text in (UPN, COMPANY, SPONSOR, NOTE):
        await expect(page.locator("main")).to_contain_text(text)
    await page.get_by_text("Offboard now…").click()
    await page.get_by_label("Reason").fill(REASON)
    await page.get_by_role("button", name="Yes, offboard now").click()
    await expect(page.locator(".history")).to_contain_text(REASON)
    assert await watch.is_quiet()


async def test_a_link_to_such_a_row_key_leads_to_its_row(hostile: Windows) -> None:
    page = await hostile.open()
    watch = Watch.over(page, hostile.stage.url)
    await page.get_by_role("article", name="Rows that cannot be read").get_by_role("link").first.click()
    await expect(page.locator("main")).to_contain_text(ROW_KEY)
    await expect(page.locator("main")).to_contain_text("This row is not acted upon.")
    assert await watch.is_quiet()


@pytest.mark.parametrize("path", ["/api/?q={}", "/api/people/{}", "/api/?approved={}", "/api/?week={}"])
async def test_what_stands_in_the_address_is_text_too(hostile: Windows, path: str) -> None:
    page = await hostile.open()
    watch = Watch.over(page, hostile.stage.url)
    await page.goto(f"{hostile.stage.url}{path.format(quote(NAME, safe=''))}")
    assert await watch.is_quiet()


async def test_the_search_finds_such_names_and_keeps_what_was_typed(hostile: Windows) -> None:
    page = await hostile.open()
    watch = Watch.over(page, hostile.stage.url)
    await page.get_by_role("searchbox").fill(NAME)
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("searchbox")).to_have_value(NAME)
    await expect(page.get_by_role("status")).to_have_text("2 found.")
    assert await watch.is_quiet()


async def test_even_a_script_that_has_got_into_the_page_does_not_run(hostile: Windows) -> None:
    page = await hostile.open()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    await page.evaluate(
        """() => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = 1';
            document.body.append(script);
            const text = '<i style="color: red" onclick="window.ran = 1">x</i>';
            document.body.insertAdjacentHTML('beforeend', text);
            document.querySelector('body > i').click();
        }"""
    )
    assert await page.evaluate("window.ran") is None
    assert (
        await page.evaluate("getComputedStyle(document.querySelector('body > i')).color") != "rgb(255, 0, 0)"
    )
    assert any("Content Security Policy" in text for text in refused)
