from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import OffboardingRecord, State
from tests.support.api_caller import CHANGE, EXTEND, JSON, Caller, Reply
from tests.support.spoiled_rows import SHOWN, spoil_register
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


async def _all_pages(caller: Caller, limit: int) -> list[Reply]:
    pages = [await caller.call("list_contractors", query={"limit": str(limit)})]
    while after := pages[-1].json["continuation"]:
        pages.append(
            await caller.call("list_contractors", query={"limit": str(limit), "continuation": after})
        )
    return pages


# To look ---------------------------------------------------------------------------------------------------


async def test_an_empty_register_is_an_empty_list(caller: Caller) -> None:
    reply = await caller.call("list_contractors")
    assert (reply.status, reply.json) == (200, {"contractors": [], "continuation": None})


async def test_pages_give_every_row_once_and_none_is_longer_than_asked(caller: Caller, world: World) -> None:
    keys = [f"person{number}@contoso.example" for number in range(7)]
    for key in keys:
        await world.register(key, RUNNING)

    pages = await _all_pages(caller, limit=3)

    rows = [[row["row_key"] for row in page.json["contractors"]] for page in pages]
    assert [len(page) for page in rows] == [3, 3, 1]
    assert sorted(key for page in rows for key in page) == keys


@pytest.mark.parametrize("limit", [1, 5])
async def test_rows_that_cannot_be_read_are_listed_with_the_others_each_once(
    caller: Caller, world: World, limit: int
) -> None:
    await world.register("zoe@x.example", RUNNING)
    await spoil_register(world.services.tables, world.group.id)

    rows = [row for page in await _all_pages(caller, limit) for row in page.json["contractors"]]

    assert sorted(row["row_key"] for row in rows) == sorted([*SHOWN, "zoe@x.example"])
    assert [row["row_key"] for row in rows if not row["problem"]] == ["zoe@x.example"]


async def test_a_register_of_exactly_one_page_has_no_second(caller: Caller, world: World) -> None:
    for number in range(3):
        await world.register(f"person{number}@contoso.example", RUNNING)
    assert len(await _all_pages(caller, limit=3)) == 1


async def test_pages_go_on_from_group_to_group(caller: Caller, world: World) -> None:
    other = world.tenant.add_group("Others")
    caller.configure(group_ids=(world.group.id, other.id))
    await world.register("one@contoso.example", RUNNING)
    world.group = other
    await world.register("two@contoso.example", RUNNING)

    pages = await _all_pages(caller, limit=1)

    rows = [row["row_key"] for page in pages for row in page.json["contractors"]]
    assert rows == ["one@contoso.example", "two@contoso.example"]
    only = await caller.call("list_contractors", query={"group_id": other.id.upper()})
    assert [row["row_key"] for row in only.json["contractors"]] == ["two@contoso.example"]


async def test_a_row_is_shown_as_it_is_with_the_instant_at_which_it_ends(
    caller: Caller, world: World
) -> None:
    caller.configure(zone=ZoneInfo("Europe/Berlin"))
    await world.register("anna@contoso.example", "2099-01-31", company="Partner GmbH", sponsor="s@x.example")

    [row] = (await caller.call("list_contractors")).json["contractors"]

    assert row == {
        "group_id": world.group.id,
        "row_key": "anna@contoso.example",
        "end_date": "2099-01-31",
        "start_date": None,
        "display_name": "",
        "company": "Partner GmbH",
        "sponsor": "s@x.example",
        "note": "",
        "due_at": "2099-01-31T23:00:00Z",
        "problem": "",
        "enforcement": None,
    }


@pytest.mark.parametrize("end", ["31.02.2027", 20270131, None])
async def test_a_row_that_cannot_be_read_is_shown_with_what_is_wrong(
    caller: Caller, world: World, end: object
) -> None:
    await world.register("anna@contoso.example", end)
    [row] = (await caller.call("list_contractors")).json["contractors"]
    assert row["due_at"] is None
    assert row["problem"].startswith("EndDate")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "501"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", "\u0663"),
        ("limit", ""),
        ("limit", "9" * 5000),
        ("continuation", "nonsense"),
        ("continuation", "e30="),
        ("continuation", "ÿ"),
        ("continuation", "WyJhIiwiYiJd"),
        ("group_id", "0d5e6f1a-0000-4000-8000-000000000000"),
    ],
)
async def test_what_is_wrong_with_the_query_is_named(caller: Caller, name: str, value: str) -> None:
    reply = await caller.call("list_contractors", query={name: value})
    assert (reply.status, reply.fields) == (400, [name])


async def test_get_contractor_by_any_name_shows_the_row_and_what_was_done(
    caller: Caller, world: World
) -> None:
    anna = world.member("Anna Novak", mail="anna@partner.example")
    await world.register("Anna@Partner.example", RUNNING)
    done = OffboardingRecord(row_key="Anna@Partner.example", user_id=anna.id, state=State.VERIFIED)
    await world.services.records.save(world.group.id, [done])

    for name in (anna.id, anna.user_principal_name, "ANNA@partner.example"):
        reply = await caller.call("get_contractor", user=name)
        assert (reply.status, reply.json["row_key"]) == (200, "Anna@Partner.example")
        assert reply.json["enforcement"]["state"] == "verified"


async def test_a_person_without_a_row_is_not_found(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    reply = await caller.call("get_contractor", user=anna.id)
    assert (reply.status, reply.fields) == (404, ["user"])


async def test_a_contractor_of_two_groups_has_to_be_asked_for_by_group(caller: Caller, world: World) -> None:
    anna, first, other = world.member("Anna Novak"), world.group, world.tenant.add_group("Others")
    caller.configure(group_ids=(first.id, other.id))
    await world.register(anna.id, "2098-01-31")
    world.group = other
    await world.register(anna.id, "2099-01-31")

    assert (await caller.call("get_contractor", user=anna.id)).status == 409
    reply = await caller.call("get_contractor", user=anna.id, query={"group_id": other.id})
    assert (reply.status, reply.json["end_date"]) == (200, "2099-01-31")


# To change -------------------------------------------------------------------------------------------------


async def test_a_new_contractor_is_registered_under_his_object_id(caller: Caller, world: World) -> None:
    anna = world.tenant.add_user("Anna Novak")
    body = {"end_date": "2099-01-31", "company": "Partner GmbH", "sponsor": "sam@contoso.example"}

    reply = await caller.call("put_contractor", body, user=anna.user_principal_name)

    assert (reply.status, reply.json["row_key"], reply.json["display_name"]) == (201, anna.id, "Anna Novak")
    assert reply.headers["Location"] == f"/api/contractors/{anna.id}"
    assert (reply.json["due_at"], reply.json["problem"]) == ("2099-02-01T00:00:00Z", "")
    [entry] = await world.ledger()
    assert (entry.action, entry.actor, entry.user) == (Action.REGISTER_ADD, caller.actor, anna.id)
    assert entry.end_date == "2099-01-31"


async def test_a_known_contractor_gets_another_end_and_keeps_the_rest(caller: Caller, world: World) -> None:
    anna = world.tenant.add_user("Anna Novak")
    await world.register(anna.user_principal_name, RUNNING, company="Partner GmbH")

    reply = await caller.call("put_contractor", {"end_date": "2099-06-30"}, user=anna.id)

    assert reply.status == 200
    assert (reply.json["row_key"], reply.json["end_date"]) == (anna.user_principal_name, "2099-06-30")
    assert reply.json["company"] == "Partner GmbH"
    [row] = await world.services.register.whole_rows(world.group.id)
    assert row.end_date == "2099-06-30"
    assert [entry.action for entry in await world.ledger()] == [Action.REGISTER_EXTEND]


async def test_an_instant_ends_access_at_that_instant(caller: Caller, world: World) -> None:
    anna = world.tenant.add_user("Anna Novak")
    reply = await caller.call("put_contractor", {"end_date": "2099-01-31T17:00:00+01:00"}, user=anna.id)
    assert reply.json["due_at"] == "2099-01-31T16:00:00Z"


async def test_nobody_whom_entra_does_not_know_is_registered(caller: Caller, world: World) -> None:
    reply = await caller.call("put_contractor", {"end_date": RUNNING}, user="typo@contoso.example")
    assert (reply.status, reply.fields) == (404, ["user"])
    assert await world.services.register.whole_rows(world.group.id) == []


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("end_date", {"end_date": "31.01.2099"}),
        ("end_date", {"end_date": "2099-02-30"}),
        ("end_date", {"end_date": "9999-12-31"}),
        ("end_date", {"end_date": ""}),
        ("end_date", {"end_date": 20990131}),
        ("end_date", {"end_date": None}),
        ("start_date", {"start_date": "tomorrow"}),
        ("start_date", {"start_date": "2099-02-01"}),
        ("sponsor", {"sponsor": "Sam"}),
        ("company", {"company": "x" * 257}),
        ("note", {"note": "two\nlines"}),
        ("display_name", {"display_name": "ends with a line break\n"}),
        ("group_id", {"group_id": "0d5e6f1a-0000-4000-8000-000000000000"}),
        ("enddate", {"enddate": "2099-01-31"}),
    ],
)
async def test_what_is_wrong_with_a_row_is_named_and_nothing_is_written(
    caller: Caller, world: World, field: str, change: dict[str, object]
) -> None:
    anna = world.tenant.add_user("Anna Novak")

    reply = await caller.call("put_contractor", {"end_date": "2099-01-31"} | change, user=anna.id)

    assert (reply.status, reply.json["code"], reply.fields) == (400, "invalid_input", [field])
    assert await world.services.register.whole_rows(world.group.id) == []


async def test_a_register_row_with_an_exact_instant_is_shown_as_one(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    await world.register(anna.id, datetime(2099, 1, 31, 17, tzinfo=UTC))
    reply = await caller.call("get_contractor", user=anna.id)
    assert reply.json["end_date"] == reply.json["due_at"] == "2099-01-31T17:00:00Z"


# Names ---------------------------------------------------------------------------------------------------


async def test_what_is_invisible_around_a_name_is_taken_off_and_said(caller: Caller, world: World) -> None:
    anna = world.member("Anna")
    body = {"end_date": RUNNING}
    written = await caller.call("put_contractor", body, user=f"%E2%80%8B{anna.mail}%C2%A0")
    assert (written.status, written.json["row_key"]) == (201, anna.id)
    assert written.json["warnings"] == [
        f"'\\u200b{anna.mail}\\xa0' was taken as '{anna.mail}': blanks or invisible characters around"
    ]
    assert "warnings" not in (await caller.call("get_contractor", user=anna.id)).json


@pytest.mark.parametrize("name", ["an\u200bna@x.example", "\u212aim@x.example"])
async def test_a_name_with_something_hidden_in_it_is_nobodys(caller: Caller, world: World, name: str) -> None:
    await world.register(name, RUNNING)
    reply = await caller.call("get_contractor", user=name)
    assert reply.status == 404
    assert reply.json["detail"].isascii()


# Whose role, and whose row ---------------------------------------------------------------------------------


def _as(caller: Caller, *roles: str) -> dict[str, str]:
    return JSON | {"authorization": f"Bearer {caller.token(roles=list(roles))}"}


async def test_put_that_shortens_takes_the_role_to_offboard(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")

    async def put(end: str, role: str) -> Reply:
        headers = _as(caller, role)
        return await caller.call("put_contractor", {"end_date": end}, user=anna.id, headers=headers)

    assert (await put("2099-12-31", EXTEND)).status == 201
    refused = await put("2099-12-30", EXTEND)
    assert (refused.status, refused.json["code"]) == (403, "missing_role")
    assert "Contractors.Offboard" in refused.json["detail"]
    assert (await put("2099-12-30", CHANGE)).status == 200


async def test_put_of_oneself_is_refused(caller: Caller, world: World) -> None:
    for name in (caller.person.id, caller.person.user_principal_name):
        reply = await caller.call("put_contractor", {"end_date": RUNNING}, user=name)
        assert (reply.status, reply.json["code"]) == (403, "four_eyes")
    assert await world.ledger() == []


async def test_delete_removes_the_row_and_names_it(caller: Caller, world: World) -> None:
    anna = world.member("Anna Novak")
    await world.register(anna.id, RUNNING, company="Northwind")
    reply = await caller.call("delete_contractor", user=anna.user_principal_name)
    assert (reply.status, reply.json["row_key"], reply.json["company"]) == (200, anna.id, "Northwind")
    assert await world.services.register.row(world.group.id, anna.id) is None
    [entry] = await world.ledger()
    assert (entry.action, entry.actor) == (Action.REGISTER_REMOVE, caller.actor)
    assert anna.id in world.member_ids()
    assert (await caller.call("delete_contractor", user=anna.id)).status == 404


async def test_account_that_is_not_a_contractor_is_as_unknown_as_nobody(caller: Caller, world: World) -> None:
    boss = world.tenant.add_user("Bea Boss")
    world.tenant.add_user("Twin One", proxy_addresses=["smtp:twin@x.example"])
    world.tenant.add_user("Twin Two", proxy_addresses=["smtp:twin@x.example"])
    for name in (boss.id, boss.user_principal_name, "twin@x.example", "nobody@x.example"):
        reply = await caller.call("get_contractor", user=name)
        assert (reply.status, reply.json["detail"]) == (404, f"{name} has no row in the register")


@pytest.mark.parametrize(
    ("said", "query"), [({"past": True}, {}), ({}, {"past": "true"})], ids=["in the body", "in the query"]
)
async def test_an_end_that_is_over_is_written_only_where_it_is_said(
    caller: Caller, world: World, said: dict[str, bool], query: dict[str, str]
) -> None:
    anna = world.member("Anna")
    refused = await caller.call("put_contractor", {"end_date": ENDED}, user=anna.id)
    assert (refused.status, refused.json["errors"][0]["field"]) == (400, "end_date")
    written = await caller.call("put_contractor", {"end_date": ENDED, **said}, query=query, user=anna.id)
    assert written.status == 201


async def test_somebody_unknown_to_entra_is_registered_where_it_is_said(caller: Caller) -> None:
    body = {"end_date": RUNNING}
    assert (await caller.call("put_contractor", body, user="new@x.example")).status == 404
    written = await caller.call("put_contractor", body, query={"unknown": "true"}, user="new@x.example")
    assert (written.status, written.json["row_key"]) == (201, "new@x.example")
