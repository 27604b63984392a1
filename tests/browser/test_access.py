"""Who may see the page, and who may use its buttons."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from sandbox.directory.tokens import TokenKind, TokenRequest
from sandbox.easy_auth import running_easy_auth
from tests.support.api_caller import AUDIENCE, READ
from tests.support.browser_window import Windows, other_site
from tests.support.page_stage import Stage, last_day

pytestmark = [pytest.mark.anyio, pytest.mark.browser]


async def test_whoever_brings_a_token_sees_the_page(windows: Windows) -> None:
    page = await windows.open()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    await expect(page.get_by_role("heading", name="Next expiries")).to_be_visible()


@pytest.mark.parametrize("path", ["/api", "/api/"])
async def test_the_page_is_there_with_and_without_the_last_slash(windows: Windows, path: str) -> None:
    page = await windows.open(path)
    await page.get_by_role("link", name="Elif Kaya").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Elif Kaya")


async def test_a_link_in_a_mail_or_chat_leads_to_a_person(stage: Stage, windows: Windows) -> None:
    page = await windows.open()
    async with other_site(f'<a href="{stage.url}{stage.page_of("Uma Pillai")}">Look at her</a>') as url:
        await page.goto(url)
        await page.get_by_role("link", name="Look at her").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Uma Pillai")


async def test_whoever_brings_none_is_sent_to_the_sign_in_and_told_nothing(windows: Windows) -> None:
    page = await windows.open(role=None)
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are not signed in")
    sign_in = page.get_by_role("link", name="Sign in")
    await expect(sign_in).to_have_attribute("href", "/.auth/login/aad?post_login_redirect_uri=%2Fapi%2F")
    assert "Elif Kaya" not in await page.content()


async def test_a_reader_sees_everything_and_has_no_buttons(stage: Stage, windows: Windows) -> None:
    page = await windows.open(role=READ)
    await expect(page.get_by_role("heading", name="Members without a row")).to_be_visible()
    await expect(page.get_by_role("contentinfo")).to_contain_text("require the app role Contractors.Offboard")
    for path in ("/api/", stage.page_of("Elif Kaya"), stage.page_of("Ghost Account")):
        await page.goto(f"{stage.url}{path}")
        await expect(page.locator("main").get_by_role("button")).to_have_count(0)
        await expect(page.locator("main form")).to_have_count(0)


async def test_a_form_that_another_site_sends_changes_nothing(stage: Stage, windows: Windows) -> None:
    trap = f"""<form method=post action="{stage.url}{stage.page_of("Uma Pillai")}">
        <input name=action value=offboard><input name=reason value=trap><button>Win a prize</button></form>"""
    page = await windows.open()
    async with other_site(trap) as url:
        await page.goto(url)
        async with page.expect_navigation() as navigation:
            await page.get_by_role("button", name="Win a prize").click()
        response = await navigation.value

    assert response is not None
    assert response.status == 403
    await expect(page.get_by_role("heading", level=1)).to_have_text("This did not come from this page")
    assert stage.is_member("Uma Pillai")


async def test_no_other_site_can_show_the_page_in_a_frame(stage: Stage, windows: Windows) -> None:
    page = await windows.open()
    async with other_site(f'<iframe src="{stage.url}/api/"></iframe>') as url:
        async with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            await page.goto(url)
        await expect(page.frame_locator("iframe").get_by_role("heading", name="Overview")).to_have_count(0)


async def test_behind_app_service_authentication_one_signs_in_acts_and_signs_out(
    stage: Stage, windows: Windows
) -> None:
    def issue(role: str) -> str:
        return stage.world.directory.token(
            TokenRequest(audience=AUDIENCE, user=stage.operator.id, roles=[role], kind=TokenKind.ID)
        )

    async with running_easy_auth(stage.url, issue) as url:
        page = await windows.open(role=None)
        await page.goto(f"{url}{stage.page_of('Jonas Berg')}")
        await page.get_by_role("link", name="operator").click()
        await page.get_by_label("New last day of access").fill(last_day(stage.world, 12).isoformat())
        await page.get_by_role("button", name="Extend").click()
        await expect(page.get_by_role("status")).to_contain_text("The register now says")
        await page.get_by_role("link", name="Sign out").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to the sandbox")
