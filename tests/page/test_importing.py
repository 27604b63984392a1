"""The page that imports a file: it shows what follows, and writes only what was confirmed."""

from __future__ import annotations

import pytest

from sandbox.directory.objects import User
from tests.support.api_caller import EXTEND, READ
from tests.support.hr_files import workbook
from tests.support.page_visitor import Page, Visitor
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

_PATH = "/api/import"


@pytest.fixture
async def anna(world: World) -> User:
    """A member with a row."""
    person = world.member("Anna Adler")
    await world.register(person.id, RUNNING, display_name="Anna Adler")
    return person


def _hidden(page: Page) -> dict[str, str]:
    return {item.attributes["name"]: item.attributes["value"] for item in page.all("input", type="hidden")}


async def _end(world: World, row_key: str) -> object:
    row = await world.services.register.row(world.group.id, row_key)
    return None if row is None else row.end_date


async def test_upload_is_shown_and_written_once_confirmed(visitor: Visitor, world: World, anna: User) -> None:
    file = f"Email,End\n{anna.user_principal_name},2099-12-31\n".encode()
    page = await visitor.upload(_PATH, file)
    assert page.status == 200
    assert "0 new, 1 extended, 0 shortened, 0 unchanged (not written)" in page.text
    assert ([item.text for item in page.all("del")], [item.text for item in page.all("ins")]) == (
        [RUNNING],
        ["2099-12-31"],
    )
    assert (await _end(world, anna.id), await world.ledger()) == (RUNNING, [])
    done = await visitor.follow(await visitor.post(_PATH, _hidden(page)))
    assert "Written to the register: 1." in done.text
    assert await _end(world, anna.id) == "2099-12-31"


async def test_options_come_back_with_the_confirmation(visitor: Visitor, world: World, anna: User) -> None:
    file = workbook(("Who", "Last"), (anna.user_principal_name, "31/12/2099"))
    page = await visitor.upload(_PATH, file, dates="dmy", map_user="Who", map_end="Last")
    assert (await visitor.post(_PATH, _hidden(page))).status == 303
    assert await _end(world, anna.id) == "2099-12-31"


async def test_register_that_changed_since_is_shown_again(visitor: Visitor, world: World, anna: User) -> None:
    page = await visitor.upload(_PATH, f"Email,End\n{anna.user_principal_name},2099-12-31\n".encode())
    await world.register(anna.id, "2100-12-31")
    again = await visitor.post(_PATH, _hidden(page))
    assert "The register has changed since" in again.text
    assert await _end(world, anna.id) == "2100-12-31"


@pytest.mark.parametrize(("line", "tick"), [(f"{{}},{ENDED}", "past"), (f"n@x.example,{RUNNING}", "unknown")])
async def test_what_may_not_be_meant_takes_a_tick(
    visitor: Visitor, world: World, anna: User, line: str, tick: str
) -> None:
    page = await visitor.upload(_PATH, f"Email,End\n{line.format(anna.id)}\n".encode())
    refused = await visitor.post(_PATH, _hidden(page))
    assert "tick what you want to allow" in refused.text
    assert await world.ledger() == []
    assert (await visitor.post(_PATH, {**_hidden(refused), tick: "on"})).status == 303
    assert len(await world.ledger()) == 1


@pytest.mark.parametrize(
    "content", [b"", b"Email,End\nanna@x.example,03/04/2027\n", b"<html>", b"Email\nx\n"]
)
async def test_file_that_cannot_be_used_is_explained(visitor: Visitor, content: bytes) -> None:
    page = await visitor.upload(_PATH, content)
    assert "Nothing was imported." in page.text
    assert page.buttons() == ["Show what would follow"]


async def test_whoever_only_extends_cannot_shorten_by_a_file(
    visitor: Visitor, world: World, anna: User
) -> None:
    visitor.roles = [EXTEND]
    page = await visitor.upload(_PATH, f"Email,End\n{anna.id},2098-12-31\n".encode())
    assert page.status == 403
    visitor.roles = [READ]
    assert (await visitor.get(_PATH)).status == 403
    assert await _end(world, anna.id) == RUNNING


async def test_form_that_is_broken_is_refused(visitor: Visitor) -> None:
    headers = {**visitor.headers(), "content-type": "multipart/form-data"}
    assert (await visitor.post(_PATH, {}, headers=headers)).status == 400
