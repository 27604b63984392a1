from __future__ import annotations

from typing import Any

import pytest

from enforcer.core.ledger import Action
from tests.support.api_caller import CHANGE, EXTEND, Caller, Reply
from tests.support.world import RUNNING, World

pytestmark = pytest.mark.anyio

_CSV = "user;end;company\nanna@x.example;2099-01-31;Northwind\nben@x.example;2099-02-28;\n"


async def _import(
    caller: Caller, body: bytes, media_type: str = "text/csv", roles: str = EXTEND, **query: str
) -> Reply:
    query = {"unknown": "true", **query}
    headers = {"authorization": f"Bearer {caller.token(roles=[roles])}", "content-type": media_type}
    return await caller.call("import_contractors", body, query=query, headers=headers)


async def _import_json(caller: Caller, *contractors: dict[str, Any]) -> Reply:
    query = {"unknown": "true"}
    return await caller.call("import_contractors", {"contractors": contractors}, query=query)


async def _ends(world: World) -> dict[str, object]:
    rows = await world.services.register.whole_rows(world.group.id)
    return {row.row_key: row.end_date for row in rows}


async def test_csv_file_becomes_rows_and_ledger_entries(caller: Caller, world: World) -> None:
    reply = await _import(caller, _CSV.encode(), "text/csv; charset=utf-8")
    assert (reply.status, reply.json["imported"], reply.json["dry_run"]) == (200, 2, False)
    assert [row["company"] for row in reply.json["contractors"]] == ["Northwind", ""]
    assert await _ends(world) == {"anna@x.example": "2099-01-31", "ben@x.example": "2099-02-28"}
    entries = await world.ledger()
    assert {(entry.action, entry.actor, entry.actor_name) for entry in entries} == {
        (Action.REGISTER_IMPORT, caller.actor, "Olga Operator")
    }


async def test_dry_run_answers_the_same_and_writes_nothing(caller: Caller, world: World) -> None:
    reply = await _import(caller, _CSV.encode(), dry_run="true")
    assert (reply.status, reply.json["imported"], reply.json["dry_run"]) == (200, 2, True)
    assert await _ends(world) == {}
    assert await world.ledger() == []


async def test_json_becomes_rows_and_names_what_it_read_otherwise(caller: Caller, world: World) -> None:
    reply = await _import_json(caller, {"user": "\u200banna@x.example", "end_date": RUNNING})
    assert (reply.status, await _ends(world)) == (200, {"anna@x.example": RUNNING})
    assert reply.json["warnings"][0].startswith("line 1: ")


_UNREADABLE = b'{"contractors": [{"user": "a@x.example", "end_date": "x"}]}'


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"user;end\nanna@x.example;soon\nben@x.example;2099-01-31\n", "text/csv", 400),
        (b"", "text/csv", 400),
        (b"\xff", "text/csv", 400),
        (b"{}", "application/json", 400),
        (b'{"contractors": []}', "application/json", 400),
        (_UNREADABLE, "application/json", 400),
        (b"user;end", "text/plain", 415),
    ],
)
async def test_file_with_one_bad_line_writes_nothing(
    caller: Caller, world: World, body: bytes, media_type: str, status: int
) -> None:
    reply = await _import(caller, body, media_type)
    assert reply.status == status
    assert await _ends(world) == {}


async def test_every_bad_line_is_named(caller: Caller) -> None:
    reply = await _import_json(
        caller,
        {"user": "a@x.example", "end_date": "x"},
        {"user": "b@x.example", "end_date": RUNNING},
        {"user": "c@x.example", "end_date": RUNNING, "start_date": "2099-02-01"},
    )
    assert [line.partition(":")[0] for line in reply.json["detail"].splitlines()] == ["line 1", "line 3"]


@pytest.mark.parametrize("dry_run", ["1", "yes", ""])
async def test_dry_run_of_another_form_is_refused(caller: Caller, world: World, dry_run: str) -> None:
    reply = await _import(caller, _CSV.encode(), dry_run=dry_run)
    assert (reply.status, reply.fields) == (400, ["dry_run"])
    assert await _ends(world) == {}


async def test_import_that_shortens_takes_the_role_to_offboard(caller: Caller, world: World) -> None:
    await world.register("ben@x.example", "2099-03-01")
    refused = await _import(caller, _CSV.encode())
    assert (refused.status, refused.json["code"]) == (403, "missing_role")
    assert "line 3: this brings the end forward" in refused.json["detail"]
    assert await _ends(world) == {"ben@x.example": "2099-03-01"}
    assert (await _import(caller, _CSV.encode(), roles=CHANGE)).status == 200


async def test_nobody_imports_themselves(caller: Caller, world: World) -> None:
    reply = await _import_json(caller, {"user": caller.person.user_principal_name, "end_date": RUNNING})
    assert (reply.status, reply.json["code"]) == (403, "four_eyes")
    assert await _ends(world) == {}
