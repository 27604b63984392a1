from __future__ import annotations

import pytest

from enforcer.core.ledger import Action
from enforcer.core.runs import LONGEST_REASON
from sandbox.directory.faults import Fault
from sandbox.directory.objects import User
from tests.support.api_caller import EXTEND, READ
from tests.support.page_visitor import Page, Visitor
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


@pytest.fixture
async def anna(world: World) -> User:
    """A member with a row."""
    person = world.member("Anna Adler")
    await world.register(person.id, RUNNING, display_name="Anna Adler", note="paints")
    return person


def said(page: Page) -> list[str]:
    """Return what the page says of the change."""
    return [" ".join(item.text.split()) for item in page.all("p") if item.attributes.get("role")]


async def extended(visitor: Visitor, person: User, end: str) -> Page:
    form = {"action": "extend", "group": visitor.world.group.id, "end": end}
    return await visitor.post(f"/api/people/{person.id}", form)


async def offboarded(visitor: Visitor, person: User, reason: str = "left") -> Page:
    return await visitor.post(f"/api/people/{person.id}", {"action": "offboard", "reason": reason})


async def end_date(world: World, row_key: str) -> object:
    row = await world.services.register.row(world.group.id, row_key)
    return None if row is None else row.end_date


# Extend --------------------------------------------------------------------------------------------------


async def test_extend_changes_the_end_date_and_nothing_else(
    visitor: Visitor, world: World, anna: User
) -> None:
    page = await visitor.follow(await extended(visitor, anna, "2098-12-31"))

    assert said(page)[0].startswith("The register now says: access lasts until 31 Dec 2098")
    row = await world.services.register.whole_row(world.group.id, anna.id)
    assert row is not None
    assert (row.end_date, row.note, row.display_name) == ("2098-12-31", "paints", "Anna Adler")
    entry = (await world.ledger())[-1]
    assert (entry.action, entry.actor) == (Action.REGISTER_EXTEND, visitor.actor)


async def test_extend_fixes_an_unreadable_date_even_while_entra_is_away(
    visitor: Visitor, world: World
) -> None:
    await world.register("max@example.com", "31.02.2027")
    world.directory.sandbox.faults.add(Fault(path="^/v1.0", times=None))
    form = {"action": "extend", "group": world.group.id, "row": "max@example.com", "end": "2098-02-28"}
    assert (await visitor.post("/api/people/max@example.com", form)).status == 303
    assert await end_date(world, "max@example.com") == "2098-02-28"


async def test_extend_for_a_former_member_says_that_access_is_not_restored(
    visitor: Visitor, world: World, anna: User
) -> None:
    await world.register(anna.id, ENDED)
    await world.sweep()
    page = await visitor.follow(await extended(visitor, anna, "2098-12-31"))
    assert "is not a member of the group, so this alone does not restore access" in said(page)[0]


@pytest.mark.parametrize("end", ["", "soon", "2026-02-31", "31.12.2098", "0001-01-01", "9999-12-31", "<b>"])
async def test_a_date_that_is_none_is_shown_where_it_was_typed(
    visitor: Visitor, anna: User, end: str
) -> None:
    page = await extended(visitor, anna, end)
    assert page.status == 400
    [field] = page.all("input", name="end")
    assert (field.attributes["value"], field.attributes["aria-invalid"]) == (end, "true")
    assert "Enter a day, such as 2027-01-31." in page.text


async def test_a_day_that_is_over_is_no_extension(visitor: Visitor, world: World, anna: User) -> None:
    page = await extended(visitor, anna, "2020-01-31")
    assert page.status == 400
    assert "That day is over." in page.text
    assert await end_date(world, anna.id) == RUNNING


@pytest.mark.parametrize("group", ["", "x", "5d0c4e0a-6b0f-4a1c-9d53-0d0b6a7f1e21"])
async def test_change_in_another_group_is_refused_unless_none_is_named(
    visitor: Visitor, anna: User, group: str
) -> None:
    page = await visitor.post(
        f"/api/people/{anna.id}", {"action": "extend", "group": group, "end": "2098-12-31"}
    )
    assert page.status == (400 if group else 303)


# Register ------------------------------------------------------------------------------------------------


async def test_a_member_without_a_row_gets_one_under_his_object_id(visitor: Visitor, world: World) -> None:
    ghost = world.member("Gus Ghost")
    form = {
        "action": "register",
        "group": world.group.id,
        "end": "2098-12-31",
        "sponsor": "sam@contoso.example",
    }
    page = await visitor.follow(await visitor.post(f"/api/people/{ghost.user_principal_name}", form))

    row = await world.services.register.whole_row(world.group.id, ghost.id)
    assert row is not None
    assert (row.end_date, row.sponsor, row.display_name) == ("2098-12-31", "sam@contoso.example", "Gus Ghost")
    assert "In the register" in page.text


async def test_a_sponsor_that_is_no_address_is_shown_where_it_was_typed(
    visitor: Visitor, world: World
) -> None:
    ghost = world.member("Gus Ghost")
    form = {"action": "register", "group": world.group.id, "end": "2098-12-31", "sponsor": "Sam"}
    page = await visitor.post(f"/api/people/{ghost.id}", form)
    assert page.status == 400
    assert page.all("input", name="sponsor")[0].attributes["aria-invalid"] == "true"
    assert page.all("input", name="end")[0].attributes["value"] == "2098-12-31"
    assert await world.services.register.row(world.group.id, ghost.id) is None


# Offboard ------------------------------------------------------------------------------------------------


async def test_offboard_removes_revokes_ends_the_row_and_tells_each_step(
    visitor: Visitor, world: World, anna: User
) -> None:
    page = await visitor.follow(await offboarded(visitor, anna, " left\r\nat 14:10 "))

    assert said(page) == ["Offboarded. Each step is in the history below."]
    assert anna.id not in world.member_ids()
    assert world.is_revoked(anna, world.clock.moment)
    notes = {entry.note for entry in await world.ledger() if entry.action is not Action.BEGIN}
    assert notes == {"left at 14:10"}
    assert {entry.actor for entry in await world.ledger()} == {visitor.actor}


async def test_the_page_says_which_rows_end_where_entra_has_no_account(
    visitor: Visitor, world: World
) -> None:
    await world.register("nora@x.example", RUNNING)

    page = await visitor.post("/api/people/nora@x.example", {"action": "offboard", "reason": "never came"})

    assert page.status == 404
    assert f"ended now: {world.group.id}/nora@x.example" in page.text


async def test_a_reason_is_wanted(visitor: Visitor, world: World, anna: User) -> None:
    for reason in ("", " \n ", "x" * (LONGEST_REASON + 1)):
        page = await offboarded(visitor, anna, reason)
        assert page.status == 400
        assert "open" in page.all("details")[0].attributes
        assert page.all("input", name="reason")[0].attributes["aria-invalid"] == "true"
    assert anna.id in world.member_ids()


async def test_when_graph_is_away_it_is_queued_and_the_page_says_so(
    visitor: Visitor, world: World, anna: User
) -> None:
    world.directory.sandbox.faults.add(Fault(path="^/v1.0", times=None))
    page = await visitor.follow(await offboarded(visitor, anna))
    assert said(page)[0].startswith(
        "It could not be done at once, so it is queued and tried until it is done."
    )


async def test_when_a_step_fails_for_good_the_page_says_so_and_what_graph_said(
    visitor: Visitor, world: World, anna: User
) -> None:
    world.directory.sandbox.faults.add(
        Fault(
            path="revokeSignInSessions",
            times=None,
            status=403,
            code="Authorization_RequestDenied",
            message="No.",
        )
    )
    page = await visitor.follow(await offboarded(visitor, anna))
    assert page.all("p", role="alert")
    assert said(page)[0].startswith("Not every step was done. Every sweep tries again.")


async def test_whoever_is_protected_is_not_offboarded_whatever_is_sent(
    visitor: Visitor, world: World, anna: User
) -> None:
    visitor.configure(protected_ids=frozenset({anna.id}))
    page = await offboarded(visitor, anna)
    assert (page.status, page.text[:8]) == (409, "Not done")
    assert anna.id in world.member_ids()


# Who may -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        {"action": "extend", "end": "2098-12-31"},
        {"action": "register", "end": "2098-12-31"},
        {"action": "offboard", "reason": "left"},
    ],
)
async def test_a_reader_changes_nothing_whatever_he_sends(
    visitor: Visitor, world: World, anna: User, form: dict[str, str]
) -> None:
    visitor.roles = [READ]
    page = await visitor.post(f"/api/people/{anna.id}", form)
    assert (page.status, page.text[:19]) == (403, "You may not do this")
    assert anna.id in world.member_ids()
    assert await world.ledger() == []


@pytest.mark.parametrize("action", ["", "undo", "__class__"])
async def test_an_action_that_there_is_not_is_refused(visitor: Visitor, anna: User, action: str) -> None:
    assert (await visitor.post(f"/api/people/{anna.id}", {"action": action})).status == 400


async def test_extender_extends_and_cannot_shorten_or_offboard(
    visitor: Visitor, world: World, anna: User
) -> None:
    visitor.roles = [EXTEND]
    path, group = f"/api/people/{anna.id}", world.group.id
    assert visitor.person.id != anna.id
    page = await visitor.post(path, {"action": "extend", "group": group, "end": "2099-12-31"})
    assert page.status == 303
    assert "Yes, offboard now" not in (await visitor.follow(page)).buttons()
    for form in (
        {"action": "extend", "group": group, "end": "2099-12-30"},
        {"action": "offboard", "reason": "x"},
    ):
        refused = await visitor.post(path, form)
        assert (refused.status, refused.text[:19]) == (403, "You may not do this")
    assert anna.id in world.member_ids()


async def test_nobody_registers_themselves_from_the_page(visitor: Visitor, world: World) -> None:
    form = {"action": "register", "group": world.group.id, "end": "2099-12-31"}
    page = await visitor.post(f"/api/people/{visitor.person.id}", form)
    assert (page.status, page.text[:24]) == (403, "This takes somebody else")
    assert await world.ledger() == []
