"""Reading without JavaScript, without a mouse, and with a screen reader."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import pytest
from playwright.async_api import Page, expect

from tests.support.browser_window import PHONE, Windows
from tests.support.page_stage import Stage, last_day

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def test_everything_works_with_javascript_switched_off(stage: Stage, windows: Windows) -> None:
    page = await windows.open(java_script_enabled=False)
    await page.get_by_role("searchbox").fill("northwind kaya")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_role("status")).to_have_text("1 found.")
    await page.get_by_role("link", name="Elif Kaya").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Elif Kaya")
    await page.get_by_label("New last day of access").fill(last_day(stage.world, 2).isoformat())
    await page.get_by_role("button", name="Extend").click()
    await expect(page.get_by_role("status")).to_contain_text("in 2 days")
    await page.get_by_text("Offboard now…").click()
    await expect(page.get_by_role("button", name="Yes, offboard now")).to_be_visible()


async def test_a_whole_week_can_be_listed(windows: Windows) -> None:
    page = await windows.open()
    await page.get_by_role("link", name="and 3 more").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Ending ")
    await expect(page.get_by_role("link", name="Ida Bruun")).to_be_visible()


async def test_whoever_has_no_mouse_skips_searches_and_gets_to_the_reason(
    stage: Stage, windows: Windows
) -> None:
    page = await windows.open()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the contents")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main")).to_be_focused()

    await page.goto(f"{stage.url}/api/")
    await _tab_to(page, "Search people, companies, sponsors, notes")
    await page.keyboard.type("quinn harper")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Search: quinn harper")
    await _tab_to(page, "Quinn Harper")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Quinn Harper")
    await _tab_to(page, "Offboard now…")
    await page.keyboard.press("Enter")
    await _tab_to(page, "Reason (written to the ledger)")
    await page.keyboard.type("left")
    await _tab_to(page, "Yes, offboard now")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_be_focused()
    assert not stage.is_member("Quinn Harper")


async def _tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called so; whatever has it on the way can be seen to have it."""
    for _ in range(40):
        await page.keyboard.press("Tab")
        focused, outline = await page.evaluate(_FOCUSED)
        # Inside a field for dates the browser marks its parts by itself.
        assert outline in {"solid", None}
        if focused == name:
            return
    pytest.fail(f"the Tab key does not lead to {name!r}")


_FOCUSED = """
() => {
    const element = document.activeElement;
    const text = element.labels?.[0]?.textContent ?? element.textContent;
    return [text.trim(), element.matches(':focus') ? getComputedStyle(element).outlineStyle : null];
}
"""


@pytest.mark.parametrize("where", ["overview", "search", "person", "no row"])
async def test_a_screen_reader_finds_its_way(stage: Stage, windows: Windows, where: str) -> None:
    paths = {
        "overview": "/api/",
        "search": "/api/?q=a",
        "person": stage.page_of("Ada Novak"),
        "no row": stage.page_of("Forgotten Admin"),
    }
    page = await windows.open(paths[where])
    for landmark in _LANDMARKS:
        await expect(page.get_by_role(landmark)).to_have_count(1)
    assert await page.evaluate("document.documentElement.lang") == "en"
    assert await page.title() != ""
    levels = await page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(heading => +heading.tagName[1])"
    )
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = await page.evaluate("[...document.querySelectorAll('[id]')].map(element => element.id)")
    assert len(ids) == len(set(ids))
    assert await page.evaluate(_NAMELESS) == []


_LANDMARKS: tuple[Literal["banner", "main", "contentinfo", "search", "navigation"], ...] = (
    "banner",
    "main",
    "contentinfo",
    "search",
    "navigation",
)

# Whatever takes the focus, or is a region, has a name.
_NAMELESS = """
[...document.querySelectorAll('input:not([type=hidden]), [aria-labelledby]')].filter(element => {
    const referred = element.getAttribute('aria-labelledby');
    const names = referred ? referred.split(' ').map(id => document.getElementById(id)) : [...element.labels];
    return !names.length || names.some(name => !name?.textContent.trim());
}).map(element => element.outerHTML)
"""


@pytest.mark.parametrize("where", ["/api/", "/api/?q=", "person", "no row"])
async def test_page_on_a_phone_fits_the_screen_and_its_targets_can_be_hit(
    stage: Stage, windows: Windows, where: str
) -> None:
    paths = {"person": stage.page_of("Ada Novak"), "no row": stage.page_of("Forgotten Admin")}
    page = await windows.open(paths.get(where, where), **PHONE)
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    for control in await page.locator("button:visible, input:visible, summary.button").all():
        box = await control.bounding_box()
        assert box is not None
        assert box["height"] >= 44
