"""The register on real tables: what is read, in how many requests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.storage.tables.leases import Leases
from enforcer.storage.tables.register import Register
from enforcer.storage.tables.tables import Tables
from sandbox.storage_proxy import StorageProxy

pytestmark = pytest.mark.anyio


@dataclass
class Desk:
    """A register of one group, and who watches what is asked of storage."""

    register: Register
    proxy: StorageProxy
    group_id: str

    async def add(self, *row_keys: str, end_date: str = "2020-01-31") -> None:
        rows = [RegisterRow(group_id=self.group_id, row_key=key, end_date=end_date) for key in row_keys]
        await self.register.import_all(rows)
        self.proxy.calls.clear()

    async def look(self, *row_keys: str) -> list[RegisterRow | None]:
        return await asyncio.gather(*(self.register.row(self.group_id, key) for key in row_keys))


@pytest.fixture
def desk(shaky: Tables, storage: StorageProxy, group: str) -> Desk:
    return Desk(Register(shaky), storage, group)


def _keys(rows: list[RegisterRow | None]) -> list[str | None]:
    return [row.row_key if row else None for row in rows]


async def test_rows_that_are_looked_at_together_are_read_in_one_request(desk: Desk) -> None:
    await desk.add(*(f"{number:02d}@example.com" for number in range(40)))
    wanted = [f"{number:02d}@example.com" for number in range(10, 30, 2)]

    assert _keys(await desk.look(*wanted)) == wanted
    assert len(desk.proxy.calls) == 1


async def test_rows_that_lie_far_apart_are_all_found(desk: Desk) -> None:
    await desk.add(*(f"{number:04d}@example.com" for number in range(300)))
    wanted = ["0000@example.com", "0150@example.com", "0299@example.com"]

    assert _keys(await desk.look(*wanted)) == wanted


async def test_a_row_that_has_gone_is_none_and_the_others_are_found(desk: Desk) -> None:
    await desk.add("a@example.com", "c@example.com")

    assert _keys(await desk.look("a@example.com", "b@example.com", "c@example.com")) == [
        "a@example.com",
        None,
        "c@example.com",
    ]


async def test_keys_that_sort_in_any_way_and_hold_quotes_are_found(desk: Desk) -> None:
    wanted = [
        "o'hara@example.com",
        "Zoë@example.com",
        "äpfel@example.com",
        "\U0001f600@example.com",
        "\uff20wide",
    ]
    await desk.add(*wanted)

    assert _keys(await desk.look(*wanted)) == wanted
    assert _keys([await desk.register.row(desk.group_id, key) for key in wanted]) == wanted


async def test_a_look_shows_the_row_as_it_is_now(desk: Desk) -> None:
    await desk.add("a@example.com", "b@example.com")
    await desk.add("b@example.com", end_date="2099-01-31")

    rows = await desk.look("a@example.com", "b@example.com")

    assert [row.end_date for row in rows if row] == ["2020-01-31", "2099-01-31"]


async def test_a_persons_rows_are_found_by_any_of_their_names_in_any_case(desk: Desk) -> None:
    await desk.add("ANNA@example.com", "anna%23EXT%23@example.com", "ben@example.com")

    found = await desk.register.named(desk.group_id, {"anna@example.com", "anna#ext#@example.com"})

    assert [row.row_key for row in found] == ["ANNA@example.com", "anna%23EXT%23@example.com"]
    assert {row.end_date for row in found} == {"2020-01-31"}


async def test_what_was_written_since_a_run_began_is_found_by_whom_it_means(
    desk: Desk, shaky: Tables, storage: StorageProxy
) -> None:
    await desk.add(*(f"{number:02d}@example.com" for number in range(40)))
    await asyncio.sleep(2.1)  # storage tells its time in seconds, and clocks may differ
    leases = Leases(shaky, seconds=60, clock=lambda: datetime(2000, 1, 1, tzinfo=UTC))
    async with leases.holding(desk.group_id, "a test") as lease:
        own = "08@example.com"
        names = {f"{number:02d}@example.com" for number in range(40)} | {"new@example.com"}
        assert await desk.register.changed(desk.group_id, lease.taken_at, names, besides=own) == []
        await desk.add("07@EXAMPLE.com", own, "99@example.com", end_date="2099-01-31")
        in_capitals = RegisterRow(group_id=desk.group_id.upper(), row_key="<new@example.com>", end_date="x")
        await desk.register.save(in_capitals)
        storage.calls.clear()

        looks = (desk.register.changed(desk.group_id, lease.taken_at, names, besides=own) for _ in range(50))
        first, *others = await asyncio.gather(*looks)

    assert {(row.group_id, row.row_key, row.end_date) for row in first} == {
        (desk.group_id, "07@EXAMPLE.com", "2099-01-31"),
        (desk.group_id.upper(), "<new@example.com>", "x"),
    }
    assert others == [first] * 49
    assert len([call for call in storage.calls if "Timestamp" in str(call)]) == 2


async def test_changes_are_not_answered_from_a_read_that_began_earlier(desk: Desk) -> None:
    began = datetime(2000, 1, 1, tzinfo=UTC)
    earlier = asyncio.create_task(desk.register.changed(desk.group_id, began, {"a@example.com"}, besides=""))
    while not desk.proxy.calls:  # noqa: ASYNC110 -- nobody tells
        await asyncio.sleep(0.001)
    await desk.add("a@example.com")
    assert len(await desk.register.changed(desk.group_id, began, {"a@example.com"}, besides="")) == 1
    await earlier
