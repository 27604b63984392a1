"""Extend, register, offboard, approve: in the browser, and then in Entra and the tables."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from enforcer.core.ledger import Action
from tests.support.browser_window import Windows
from tests.support.page_stage import HELD, Stage, last_day

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def test_extend_gives_the_row_another_last_day(stage: Stage, windows: Windows) -> None:
    end = last_day(stage.world, 100).isoformat()
    page = await windows.open(stage.page_of("Femi Adeyemi"))
    await page.get_by_label("New last day of access").fill(end)
    await page.get_by_role("button", name="Extend").click()

    await expect(page.get_by_role("status")).to_contain_text("in 100 days")
    await expect(page.locator(".history")).to_contain_text(f"Change the end date: written (end date {end})")
    row = await stage.world.services.register.row(stage.world.group.id, stage.people["Femi Adeyemi"].id)
    assert row is not None
    assert row.end_date == end


async def test_to_load_the_page_again_changes_nothing_again(stage: Stage, windows: Windows) -> None:
    page = await windows.open(stage.page_of("Nils Holm"))
    await page.get_by_label("New last day of access").fill(last_day(stage.world, 34).isoformat())
    await page.get_by_role("button", name="Extend").click()
    await expect(page.get_by_role("status")).to_be_focused()
    await page.reload()
    await expect(page.get_by_role("status")).to_contain_text("in 34 days")
    await expect(page.locator(".history > li")).to_have_count(1)


async def test_a_member_without_a_row_is_registered(stage: Stage, windows: Windows) -> None:
    page = await windows.open()
    await page.get_by_role("link", name="Ghost Account").click()
    await page.get_by_label("Last day of access").fill(last_day(stage.world, 30).isoformat())
    await page.get_by_label("e-mail address (optional)").fill("sam.sponsor@contoso.example")
    await page.get_by_role("button", name="Register").click()
    await expect(page.get_by_role("status")).to_contain_text("in 30 days")
    await expect(page.get_by_role("heading", name="In the register")).to_be_visible()


async def test_offboard_asks_once_wants_a_reason_and_removes(stage: Stage, windows: Windows) -> None:
    page = await windows.open(stage.page_of("Grace Osei"))
    sure = page.get_by_role("button", name="Yes, offboard now")
    await expect(sure).to_be_hidden()
    await page.get_by_text("Offboard now…").click()
    await sure.click()
    # The browser itself asks for the reason; nothing has been sent.
    assert stage.is_member("Grace Osei")
    await expect(page.get_by_label("Reason")).to_be_focused()
    await page.get_by_label("Reason").fill("left at 14:10 “for good” & early")
    await sure.click()

    await expect(page.get_by_role("status")).to_have_text("Offboarded. Each step is in the history below.")
    await expect(page.get_by_role("status")).to_be_focused()
    await expect(page.locator(".history")).to_contain_text("left at 14:10 “for good” & early")
    assert not stage.is_member("Grace Osei")
    assert stage.world.is_revoked(stage.people["Grace Osei"], stage.world.clock.moment)
    removed = [entry for entry in await stage.world.ledger() if entry.action is Action.REMOVE]
    assert removed[-1].actor == f"user:{stage.operator.id}"


async def test_a_mistake_that_the_browser_lets_through_is_shown_at_its_field(
    stage: Stage, windows: Windows
) -> None:
    page = await windows.open(stage.page_of("Hugo Meyer"))
    await _no_checks_by_the_browser(page)
    await page.get_by_label("New last day of access").fill("2020-01-31")
    await page.get_by_role("button", name="Extend").click()

    field = page.get_by_label("New last day of access")
    await expect(field).to_be_focused()
    await expect(field).to_have_value("2020-01-31")
    await expect(field).to_have_accessible_description(
        "Not saved. That day is over. To end access now, use “Offboard now”."
    )
    assert stage.is_member("Hugo Meyer")


async def test_approve_shows_who_would_go_asks_once_and_lets_the_plan_through(
    stage: Stage, windows: Windows
) -> None:
    page = await windows.open()
    plan = page.get_by_role("article", name="The brake holds a plan")
    await plan.get_by_text("Who is in it").click()
    for name in HELD:
        await expect(plan.get_by_role("link", name=name)).to_be_visible()
    await plan.get_by_text("Approve…").click()
    await plan.get_by_role("button", name="Yes, approve the plan").click()

    await expect(page.get_by_role("status")).to_contain_text("the next sweep may act on these 4 people")
    await expect(page.get_by_role("article", name="The brake holds a plan")).to_have_count(0)
    await stage.world.sweep()
    assert not any(stage.is_member(name) for name in HELD)


async def _no_checks_by_the_browser(page: Page) -> None:
    await page.evaluate("document.querySelectorAll('form').forEach(form => form.noValidate = true)")
