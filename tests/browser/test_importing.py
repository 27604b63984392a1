"""Import a file in the browser: choose it, see what follows, confirm; on a phone, with the keyboard alone."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.support.browser_window import Windows
from tests.support.page_stage import Stage, last_day

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def _chosen(stage: Stage, windows: Windows, end: str) -> Page:
    page = await windows.open()
    await page.get_by_role("link", name="Import").click()
    content = f"Email;Contract End\n{stage.people['Femi Adeyemi'].user_principal_name};{end}\n"
    await page.get_by_label("File", exact=True).set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    return page


async def _end(stage: Stage) -> object:
    row = await stage.world.services.register.row(stage.world.group.id, stage.people["Femi Adeyemi"].id)
    return None if row is None else row.end_date


async def test_nothing_is_written_before_it_is_confirmed(stage: Stage, windows: Windows) -> None:
    before, end = await _end(stage), last_day(stage.world, 200).isoformat()
    page = await _chosen(stage, windows, end)
    await page.get_by_role("button", name="Show what would follow").click()
    await expect(page.get_by_role("status")).to_contain_text("1 extended")
    await expect(page.locator("ins")).to_have_text(end)
    assert await _end(stage) == before
    await page.get_by_role("button", name="Write 1 line").click()
    await expect(page.get_by_role("status")).to_contain_text("Written to the register: 1.")
    assert await _end(stage) == end


async def test_keyboard_alone_on_a_phone_imports(stage: Stage, windows: Windows) -> None:
    end = last_day(stage.world, 210).isoformat()
    page = await _chosen(stage, windows, end)
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.get_by_role("button", name="Show what would follow").press("Enter")
    await expect(page.locator("ins")).to_have_text(end)
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    await page.get_by_role("button", name="Write 1 line").press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Written to the register: 1.")
    assert await _end(stage) == end
