"""How often Graph and storage are asked. Nothing here is timed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.core.settings import Disable, Storage
from enforcer.services import open_services
from sandbox.storage_proxy import Calls, StorageProxy
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

PAGES = Calls(method="GET", path="contractors")


async def fill(world: World, *, due: int, running: int = 0) -> None:
    ends = [ENDED] * due + [RUNNING] * running
    await world.services.register.import_all(
        [
            RegisterRow(group_id=world.group.id, row_key=world.member(f"Person {number}").id, end_date=end)
            for number, end in enumerate(ends)
        ]
    )


async def asked_of_graph(world: World) -> Counter[str]:
    """Sweep; return the operations that took, items of batches one by one."""
    world.directory.sandbox.log.clear()
    await world.sweep()
    return Counter(world.directory.sandbox.log.counts(Counter()).by_operation)


def writes(asked: Counter[str]) -> int:
    return sum(count for operation, count in asked.items() if not operation.startswith("GET"))


def reads(asked: Counter[str]) -> int:
    return sum(count for operation, count in asked.items() if operation.startswith("GET"))


async def test_each_person_costs_two_writes(world: World) -> None:
    await fill(world, due=45, running=5)

    asked = await asked_of_graph(world)

    assert writes(asked) == 2 * 45
    assert asked["DELETE /v1.0/groups/{id}/members/{id}/$ref"] == 45
    assert asked["POST /v1.0/users/{id}/revokeSignInSessions"] == 45


async def test_each_person_costs_three_writes_where_accounts_are_disabled(world: World) -> None:
    world.configure(disable_accounts=Disable.ALL)
    await fill(world, due=45)

    asked = await asked_of_graph(world)

    assert writes(asked) == 3 * 45
    assert asked["PATCH /v1.0/users/{id}"] == 45


async def test_reads_are_the_pages_of_members_and_a_constant(world: World) -> None:
    nobody_due = reads(await asked_of_graph(world))
    await fill(world, due=45)
    some_due = reads(await asked_of_graph(world))
    for number in range(2 * 999):
        world.member(f"Unregistered {number}")
    two_pages = reads(await asked_of_graph(world))

    assert some_due == nobody_due
    assert two_pages == nobody_due + 1


async def test_a_night_on_which_nothing_is_due_writes_nothing_to_graph(world: World) -> None:
    await fill(world, due=0, running=20)

    assert writes(await asked_of_graph(world)) == 0


async def test_storage_is_asked_about_many_people_at_a_time(world: World, storage: StorageProxy) -> None:
    await fill(world, due=200)
    watched = Storage(connection_string=storage.endpoints.connection_string)
    settings = replace(world.services.settings, storage=watched)
    async with open_services(settings) as world.services:
        report = await world.sweep()

    assert report.run.removed == 200
    # Three rows and a recheck of each, and yet:
    assert len(storage.calls) < 200
    assert storage.count(PAGES) < 20
