from __future__ import annotations

from urllib.parse import quote

import pytest

from enforcer.core.calendar.midnight import Midnight
from enforcer.core.contractors import RegisterRow
from enforcer.core.settings import Mode
from sandbox.directory.faults import Fault
from sandbox.directory.objects import User
from sandbox.storage_proxy import Calls, Reply, Service, StorageProxy
from sandbox.storage_proxy import Fault as StorageFault
from tests.support.api_caller import APPROVE, READ
from tests.support.page_visitor import Visitor
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


async def test_a_person_is_shown_with_row_enforcement_and_history(visitor: Visitor, world: World) -> None:
    anna = world.member("Anna Ended")
    await world.register(
        anna.id, ENDED, display_name="Anna", company="Northwind", sponsor="sam@contoso.example"
    )
    report = await world.sweep()

    text = (await visitor.get(f"/api/people/{anna.id}")).text

    for told in ("Anna Ended In Entra", "not a member", "31 Jan 2020", "Northwind", "sam@contoso.example"):
        assert told in text
    assert "Enforcement: offboarded" in text
    assert "Remove from the group: removed (end date 2020-01-31)" in text
    assert f"by test · run {report.run.run_id} · Graph request " in text


async def test_of_the_history_the_newest_comes_first(visitor: Visitor, world: World) -> None:
    anna = world.member("Anna Ended")
    await world.register(anna.id, ENDED)
    await world.sweep()
    world.clock.advance(hours=1)
    await world.sweep()
    text = (await visitor.get(f"/api/people/{anna.id}")).text
    history = text[text.index("History") :]
    steps = ("Verify the absence", "Revoke sessions", "Remove from the group")
    assert sorted(steps, key=history.index) == list(steps)


@pytest.mark.parametrize("name", ["id", "ID", "upn", "mail", "key"])
async def test_a_person_is_found_by_any_name_and_whatever_key_his_row_has(
    visitor: Visitor, world: World, name: str
) -> None:
    guest = world.guest("Gina Guest")
    key = guest.user_principal_name.replace("#", "%23")
    await world.register(key, RUNNING, company="Fabrikam")
    names = {
        "id": guest.id,
        "ID": guest.id.upper(),
        "upn": guest.user_principal_name,
        "mail": guest.mail or "",
        "key": key,
    }
    text = (await visitor.get(f"/api/people/{quote(names[name], safe='@')}")).text
    assert "Fabrikam" in text
    assert "guest: signs in with another tenant's account" in text
    assert "member" in text


async def test_a_guest_with_an_account_of_this_tenant_is_told_apart(visitor: Visitor, world: World) -> None:
    text = (await visitor.get(f"/api/people/{world.member('Ida Internal', user_type='Guest').id}")).text
    assert "guest: signs in with an account of this tenant" in text
    assert "as far as they are this tenant" not in text


async def test_a_row_whose_person_entra_does_not_know_is_shown(visitor: Visitor, world: World) -> None:
    await world.register("left@example.com", ENDED, display_name="Lea Left")
    page = await visitor.get("/api/people/left@example.com")
    assert page.text.startswith("Lea Left In Entra Entra knows nobody of that name.")
    assert "Offboard now…" not in page.text
    assert page.buttons() == ["Extend"]


async def test_a_row_that_is_no_name_of_anybody_is_shown_with_what_is_wrong(
    visitor: Visitor, world: World
) -> None:
    await world.register("Max Weber {x}", RUNNING)
    page = await visitor.get("/api/people/Max%20Weber%20%7Bx%7D")
    assert page.status == 200
    assert "This row is not acted upon. RowKey is 'Max Weber {x}'" in page.text


async def test_a_row_under_a_group_in_capitals_is_shown_with_what_is_wrong(
    visitor: Visitor, world: World
) -> None:
    stray = RegisterRow(group_id=world.group.id.upper(), row_key="anna@example.com", end_date=RUNNING)
    await world.services.register.save(stray)
    page = await visitor.get("/api/people/anna@example.com")
    assert "it must be the group's object ID in lower case" in page.text
    # Nothing here would fix it.
    assert page.buttons() == []


@pytest.mark.parametrize(
    "name", ["nobody@example.com", "x", "5d0c4e0a-6b0f-4a1c-9d53-0d0b6a7f1e21", "a" * 2000]
)
async def test_whom_nobody_knows_is_not_found(visitor: Visitor, name: str) -> None:
    assert (await visitor.get(f"/api/people/{name}")).status == 404


async def test_person_while_entra_is_away_is_shown_and_can_be_offboarded(
    visitor: Visitor, world: World
) -> None:
    anna = world.member("Anna Adler")
    await world.register(anna.id, RUNNING, display_name="Anna")
    world.directory.sandbox.faults.add(Fault(path="^/v1.0", times=None))
    page = await visitor.get(f"/api/people/{anna.id}")
    assert page.text.startswith("Anna In Entra Entra does not answer.")
    assert page.buttons() == ["Extend", "Yes, offboard now"]


async def test_when_the_ledger_does_not_answer_the_rest_is_shown(
    visitor: Visitor, world: World, storage: StorageProxy
) -> None:
    anna = world.member("Anna Adler")
    await world.register(anna.id, RUNNING)
    entries_about_her = Calls(service=Service.TABLE, path="ledger.*ContractorKey")
    storage.set_fault(StorageFault(calls=entries_about_her, times=1_000, reply=Reply.DROPPED))
    page = await visitor.get(f"/api/people/{anna.id}")
    assert "The ledger did not answer in time." in page.text
    assert page.buttons() == ["Extend", "Yes, offboard now"]


async def test_an_address_of_several_people_is_told_as_that(visitor: Visitor, world: World) -> None:
    for name in ("Ann One", "Ann Two"):
        world.member(name, mail="ann@example.com")
    page = await visitor.get("/api/people/ann@example.com")
    assert "is the name or address of several people" in page.text


async def test_whoever_was_offboarded_without_a_row_is_on_record(visitor: Visitor, world: World) -> None:
    ghost = world.member("Gus Ghost")
    await visitor.post(f"/api/people/{ghost.id}", {"action": "offboard", "reason": "left"})
    text = (await visitor.get(f"/api/people/{ghost.id}")).text
    assert "Without a row in the register Enforcement: offboarded" in text


async def test_a_reader_gets_no_forms(visitor: Visitor, world: World) -> None:
    anna, ghost = world.member("Anna Adler"), world.member("Gus Ghost")
    await world.register(anna.id, RUNNING)
    visitor.roles = [READ]
    for person in (anna, ghost):
        page = await visitor.get(f"/api/people/{person.id}")
        assert page.status == 200
        assert page.buttons() == []
        assert len(page.all("form")) == 1  # the search


async def test_person_protected_or_in_report_mode_cannot_be_offboarded(
    visitor: Visitor, world: World
) -> None:
    anna = world.member("Anna Adler")
    for more in ({"protected_ids": frozenset({anna.id})}, {"mode": Mode.REPORT}):
        visitor.configure(**more)
        page = await visitor.get(f"/api/people/{anna.id}")
        assert "Yes, offboard now" not in page.buttons()


@pytest.mark.parametrize("query", ["run=20990101T000000-ffffff", "run=<b>", "saved=<b>", "saved="])
async def test_a_link_cannot_make_the_page_say_that_something_was_done(
    visitor: Visitor, world: World, query: str
) -> None:
    anna = world.member("Anna Adler")
    await world.register(anna.id, RUNNING)
    page = await visitor.get(f"/api/people/{anna.id}?{query}")
    assert page.status == 200
    assert not page.all("p", role="status")


async def test_an_end_at_midnight_is_explained_until_it_means_a_day(visitor: Visitor, world: World) -> None:
    anna = world.member("Anna Berg")
    await world.register(anna.id, "2098-12-31T00:00:00Z")

    assert "does not last through 2098-12-31; write 2098-12-31" in (await _text(visitor, anna))
    visitor.configure(midnight=Midnight.DAY)
    assert "midnight" not in (await _text(visitor, anna))


async def _text(visitor: Visitor, user: User) -> str:
    return (await visitor.get(f"/api/people/{user.id}")).text


async def test_reader_sees_contractors_and_no_other_account(visitor: Visitor, world: World) -> None:
    boss, ghost, gone = (
        world.tenant.add_user("Bea Boss"),
        world.member("Gus Ghost"),
        world.member("Gone Gil"),
    )
    await world.register(gone.id, ENDED)
    await world.sweep()
    assert "Bea Boss" in (await visitor.get(f"/api/people/{boss.id}")).text
    for roles in ([READ], [APPROVE]):
        visitor.roles = roles
        for name in (boss.id, boss.user_principal_name):
            page = await visitor.get(f"/api/people/{name}")
            assert (page.status, "Bea" in page.text) == (404, False)
        assert (await visitor.get(f"/api/people/{ghost.id}")).status == 200
        assert (await visitor.get(f"/api/people/{gone.id}")).status == 200


async def test_names_that_turn_the_writing_direction_are_isolated(visitor: Visitor, world: World) -> None:
    evil = "\u202egro.live\u2069 Anna"
    anna = world.member(evil)
    await world.register(anna.id, RUNNING, display_name=evil, company=evil, note=evil)
    kept = "\u202egro.live Anna\u202c"
    for path in (f"/api/people/{anna.id}", "/api/?q=anna", "/api/"):
        page = await visitor.get(path)
        isolated = {item.text for item in page.all("bdi")}
        assert evil not in page.response.body.decode()
        if kept in page.text:
            assert any(kept in text for text in isolated)
            outside = page.response.body.decode().split("<main")[1]
            assert outside.count(kept) == outside.count(f"<bdi>{kept}</bdi>")
