"""Light and dark."""

from __future__ import annotations

from typing import Literal

import pytest

from tests.support.browser_window import Windows
from tests.support.page_stage import Stage

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

type Scheme = Literal["light", "dark"]

# Gives the texts whose contrast with what is behind them is less than WCAG 2.2 asks for (AA, 1.4.3).
_TOO_FAINT = """
() => {
    const channels = color => color.match(/[\\d.]+/g).map(Number);
    const luminance = color => {
        const [r, g, b] = channels(color).map(value => value / 255)
            .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = element => {
        for (; element; element = element.parentElement) {
            const color = getComputedStyle(element).backgroundColor;
            if (channels(color)[3] !== 0) return color;
        }
        return 'rgb(255, 255, 255)';
    };
    const contrast = (one, other) => {
        const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
        return (high + 0.05) / (low + 0.05);
    };
    document.querySelectorAll('details').forEach(details => details.open = true);
    return [...document.querySelectorAll('body *')]
        .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
        .filter(element => element.checkVisibility())
        .filter(element => contrast(getComputedStyle(element).color, behind(element)) < 4.5)
        .map(element => element.textContent.trim());
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_text_stands_out_from_its_ground(stage: Stage, windows: Windows, scheme: Scheme) -> None:
    grounds = {"light": "rgb(245, 246, 248)", "dark": "rgb(16, 21, 27)"}
    page = await windows.open(color_scheme=scheme)
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == grounds[scheme]
    for path in (
        "/api/",
        "/api/?q=",
        stage.page_of("Ada Novak"),
        stage.page_of("Max Weber"),
        "/api/people/no@body",
    ):
        await page.goto(f"{stage.url}{path}")
        assert await page.evaluate(_TOO_FAINT) == []


async def test_what_must_not_be_seen_well_is_found_by_that_measure(windows: Windows) -> None:
    page = await windows.open()
    await page.evaluate("document.querySelector('h1').style.color = 'rgb(150, 150, 150)'")
    assert await page.evaluate(_TOO_FAINT) == ["Overview"]
