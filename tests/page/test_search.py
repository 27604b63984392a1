from __future__ import annotations

from urllib.parse import quote

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.page.search import SHOWN
from tests.support.page_visitor import Visitor
from tests.support.spoiled_rows import SHOWN as KEYS
from tests.support.spoiled_rows import spoil_register
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "asked",
    ["adler", "ADLER anna", "northwind", "sam@contoso", "anna@example.com", "fence", "Ädler".casefold()[1:]],
)
async def test_people_are_found_by_any_word_of_their_row(visitor: Visitor, world: World, asked: str) -> None:
    await world.register(
        "anna@example.com",
        RUNNING,
        display_name="Anna Adler",
        company="Northwind",
        sponsor="sam@contoso.example",
        note="paints the fence",
    )
    await world.register("ben@example.org", RUNNING, display_name="Ben Berger")
    page = await visitor.get(f"/api/?q={asked}")
    assert "1 found." in page.text
    assert page.links()["Anna Adler"] == "/api/people/anna@example.com"
    assert page.all("input", id="q")[0].attributes["value"] == asked


async def test_rows_that_cannot_be_read_are_listed_and_have_a_page(visitor: Visitor, world: World) -> None:
    await spoil_register(world.services.tables, world.group.id)
    page = await visitor.get("/api/?q=x.example")
    assert f"{len(KEYS)} found." in page.text
    links = page.links()
    for key in KEYS:
        name = next(name for name in links if name in (key, "Edm.DateTime 'x'") and links[name])
        assert (await visitor.get(links[name])).status == 200
    assert (await visitor.get("/api/")).status == 200


async def test_all_words_must_be_there(visitor: Visitor, world: World) -> None:
    await world.register("anna@example.com", RUNNING, display_name="Anna Adler")
    assert "0 found." in (await visitor.get("/api/?q=anna+berger")).text


async def test_without_words_everybody_is_listed_by_name(visitor: Visitor, world: World) -> None:
    for name in ("Cleo", "ada", "Ben"):
        await world.register(f"{name.lower()}@example.com", RUNNING, display_name=name)
    page = await visitor.get("/api/?q=")
    assert "All contractors" in page.text
    assert [link for link in page.links() if link in {"ada", "Ben", "Cleo"}] == ["ada", "Ben", "Cleo"]


async def test_whoever_is_gone_and_whoever_cannot_be_read_is_told_so(visitor: Visitor, world: World) -> None:
    await world.register("gone@example.com", ENDED)
    await world.register("bad@example.com", "soon")
    page = await visitor.get("/api/?q=example")
    assert "Ended 31 Jan 2020" in page.text
    assert "end date cannot be read" in page.text


async def test_of_very_many_the_first_are_shown_and_all_counted(visitor: Visitor, world: World) -> None:
    keys = [f"{number:04}@example.com" for number in range(SHOWN + 1)]
    await world.services.register.import_all(
        [RegisterRow(group_id=world.group.id, row_key=key, end_date=RUNNING) for key in keys]
    )
    assert f"{SHOWN + 1} found; the first {SHOWN} are shown." in (await visitor.get("/api/?q=")).text


async def test_an_address_without_a_row_can_be_looked_up_in_entra(visitor: Visitor) -> None:
    page = await visitor.get("/api/?q=gus@example.com")
    assert page.links()["Look gus@example.com up in Entra"] == "/api/people/gus@example.com"
    assert "Entra" not in (await visitor.get("/api/?q=gus")).text


@pytest.mark.parametrize("week", ["2026-13-45", "9999-12-31", "0001-01-01", "", "<b>", "soon"])
async def test_a_week_that_there_is_not_is_no_error(visitor: Visitor, week: str) -> None:
    assert (await visitor.get(f"/api/?week={week}")).status == 200


async def test_search_finds_accents_in_either_form_and_trims_the_invisible(
    visitor: Visitor, world: World
) -> None:
    await world.register("zoe\u0308@example.com", RUNNING, display_name="Zoë Adler")
    for asked in ("ZOË@example.com", "zoe\u0308", "\u200bzoë@example.com\u00a0"):
        assert "1 found." in (await visitor.get(f"/api/?q={quote(asked)}")).text


async def test_a_row_that_cannot_be_read_has_a_page_with_whom_it_seems_to_mean(
    visitor: Visitor, world: World
) -> None:
    anna = world.member("Anna Adler", mail="anna@example.com")
    await world.register("anna@example.com\u200b", RUNNING, display_name="Anna with a shadow")
    await world.register(anna.id, RUNNING, display_name="Anna Adler")
    page = await visitor.get(f"/api/people/{quote('anna@example.com\u200b')}")
    assert "\\u200b" in page.text
    assert anna.id in page.text
