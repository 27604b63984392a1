from __future__ import annotations

from urllib.parse import unquote

import pytest

from enforcer.page.people import People, names_in_entra, person_path
from sandbox.directory.faults import Fault
from tests.support.page_visitor import Visitor
from tests.support.register_rows import row
from tests.support.world import World

ID = "5d0c4e0a-6b0f-4a1c-9d53-0d0b6a7f1e21"


@pytest.mark.parametrize(
    "name",
    ["anna@example.com", ID, "guest_example.com%23EXT%23@contoso.com", '"<b>@x', "a b+c'd@x", "ä@x", "50%"],
)
def test_a_path_leads_back_to_the_very_name(name: str) -> None:
    path = person_path(name)
    assert unquote(path.removeprefix("/api/people/")) == name
    assert not set(path) & set("<>\"' #?")


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_what_a_browser_takes_for_another_path_has_no_page(name: str) -> None:
    assert person_path(name) == ""


def test_link_uses_the_registers_name_whatever_the_case_of_the_key() -> None:
    people = People.of([row("Anna@Example.com", "2027-01-31", display_name="Anna Adler")])
    assert people.link("anna@example.COM").name == "Anna Adler"
    assert "ANNA@example.com" in people


def test_whoever_has_no_row_is_called_as_entra_calls_him() -> None:
    people = People.of([], {ID: "Gus Ghost"})
    link = people.link(None, ID)
    assert (link.name, link.key, link.href) == ("Gus Ghost", ID, f"/api/people/{ID}")


def test_whom_nobody_names_goes_by_his_key() -> None:
    assert People.of([row(ID, "2027-01-31", display_name="  ")]).link(ID).name == ID


@pytest.mark.anyio
async def test_entra_is_asked_for_names_and_whom_it_does_not_know_is_left_out(world: World) -> None:
    ghost = world.member("Gus Ghost")
    assert await names_in_entra(world.services, [ghost.id, ID]) == {ghost.id: "Gus Ghost"}


@pytest.mark.anyio
async def test_when_entra_does_not_answer_there_are_no_names_and_no_error(visitor: Visitor) -> None:
    ghost = visitor.world.member("Gus Ghost")
    visitor.world.directory.sandbox.faults.add(Fault(path="/users/", times=None))
    assert await names_in_entra(visitor.world.services, [ghost.id]) == {}
