"""Over TLS, with connections that break before, within and after an answer: nobody is lost or forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from enforcer.core.exceptions import ReadError, UnavailableError
from enforcer.core.runs import RunState
from enforcer.graph.retries import RetryBudget
from enforcer.offboarding.undo import plan_undo
from sandbox.azurite import StorageEndpoints
from sandbox.certificates import Certificate
from sandbox.directory.faults import Effect
from sandbox.storage_proxy import Calls, Reply, StorageProxy
from sandbox.storage_proxy import Fault as StorageFault
from sandbox.tls_front import Cut, TlsFront, running_tls_front
from tests.reliability.conftest import OpenWorld
from tests.support.people import heal, leavers, stayers, strike, tried
from tests.support.world import World

pytestmark = pytest.mark.anyio

BREAKS = [Cut.BEFORE, Cut.AFTER, Cut.WITHIN, Cut.NOISE]
BATCH, REMOVAL, PAGE = r"POST .*\$batch", r"DELETE .*\$ref", r"GET .*/members\?"
# How long a call may hang; the machine that runs the tests may be busy.
RETRY_BUDGET = RetryBudget(failures=20, throttling=20, call=2)


@pytest.fixture
async def tables(azurite: StorageEndpoints, certificate: Certificate) -> AsyncIterator[TlsFront]:
    """A TLS proxy to Table Storage."""
    upstream = urlsplit(azurite.table_url)
    async with running_tls_front(certificate, f"{upstream.scheme}://{upstream.netloc}") as running:
        yield running


@pytest.fixture
async def world(open_world: OpenWorld, front: TlsFront, tables: TlsFront, azurite: StorageEndpoints) -> World:
    """A world that the product reaches only over TLS."""
    storage = replace(azurite, table_url=f"{tables.url}{urlsplit(azurite.table_url).path}")
    opened = await open_world(
        storage, retry_budget=RETRY_BUDGET, ENFORCER_GRAPH_URL=front.url, ENFORCER_BRAKE_COUNT="1000"
    )
    front.upstream = opened.directory.url
    return opened


@pytest.mark.parametrize("cut", [*BREAKS, Cut.SILENCE], ids=lambda cut: cut.name)
async def test_a_batch_whose_answer_is_lost_loses_nobody_and_is_not_forgotten(
    world: World, front: TlsFront, cut: Cut
) -> None:
    people = await leavers(world, 30)
    front.strike(BATCH, cut)

    report = await world.sweep()

    assert world.member_ids() == set()
    assert (report.run.removed, report.run.already_absent, report.run.revoked) == (30, 0, 30)
    planned = await plan_undo(world.services, report.run.run_id)
    assert {item.user_id for item in planned} == {person.id for person in people}
    assert (await world.sweep()).run.due == 0


@pytest.mark.parametrize("cut", [*BREAKS, Cut.HALF_A_CHUNK, Cut.DRIP], ids=lambda cut: cut.name)
async def test_a_page_that_is_lost_is_read_again(world: World, front: TlsFront, cut: Cut) -> None:
    await leavers(world, 2)
    await stayers(world, 3)
    front.strike(PAGE, cut)

    report = await world.sweep()

    assert (report.run.members, report.run.removed) == (5, 2)


@pytest.mark.parametrize("cut", BREAKS, ids=lambda cut: cut.name)
@pytest.mark.parametrize("call", [r"POST .*\$batch", r"GET .*contractors", r"PUT |PATCH |POST .*runs"])
async def test_a_call_to_storage_that_is_lost_is_made_again(
    world: World, tables: TlsFront, call: str, cut: Cut
) -> None:
    await leavers(world, 3)
    tables.strike(call, cut, times=2, skip=1)

    report = await world.sweep()

    assert [fault.times for fault in tables.faults] == [0]
    assert (report.run.removed, report.run.already_absent, report.run.revoked) == (3, 0, 3)
    assert len(await world.ledger()) >= 6
    assert (await world.sweep()).run.due == 0


# Endless pages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("circle", [["a", "a"], ["a", "b", "a"]], ids=["itself", "back and forth"])
async def test_pages_that_go_in_circles_end_the_run_and_nobody_is_touched(
    open_world: OpenWorld, circle: list[str]
) -> None:
    world = await open_world()
    await leavers(world, 2)
    _pages(world, circle)

    with pytest.raises(ReadError, match="go in circles"):
        await world.sweep()

    assert tried(world) == []
    [run] = await world.services.runs.of_group(world.group.id, world.clock.moment)
    assert (run.state, run.error.partition(":")[0]) == (RunState.FAILED, "ReadError")


async def test_pages_without_an_end_are_read_no_longer_than_the_run_lasts(open_world: OpenWorld) -> None:
    world = await open_world()
    await leavers(world, 2)
    _pages(world, [str(number) for number in range(300)], seconds=0.05)

    with pytest.raises(UnavailableError, match="the run's time was up"):
        await world.sweep(until=asyncio.get_running_loop().time())

    assert tried(world) == []
    heal(world)
    assert (await world.sweep()).run.removed == 2


@pytest.mark.parametrize(("lost", "removed"), [(2, 2), (3, 0)])
async def test_a_list_whose_place_graph_lost_is_read_again_twice_at_most(
    open_world: OpenWorld, lost: int, removed: int
) -> None:
    world = await open_world()
    world.directory.sandbox.settings.page_limit = 2
    await leavers(world, 2)
    await stayers(world, 3)
    strike(world, path="skiptoken", status=400, code="Directory_ExpiredPageToken", times=lost)

    if removed:
        report = await world.sweep()
        assert (report.run.members, report.run.removed) == (5, removed)
    else:
        with pytest.raises(ReadError, match="lost the place in a list 3 times"):
            await world.sweep()
        assert tried(world) == []


def _pages(world: World, names: list[str], seconds: float = 0.0) -> None:
    """Serve the member list in pages of these names, each linked to the next, each after some seconds."""
    url = f"{world.directory.url}/v1.0/groups/{world.group.id}/members?$skiptoken="
    for name in names:
        body = {"value": [], "@odata.nextLink": f"{url}{name}"}
        strike(world, path=r"/members\?", status=200, body=body, seconds=seconds)


# Unknown errors --------------------------------------------------------------------------------------------


async def test_what_was_done_is_on_record_when_an_unknown_error_ends_the_run(
    open_world: OpenWorld, proxy: StorageProxy
) -> None:
    world = await open_world(proxy.endpoints, ENFORCER_BRAKE_COUNT="1000")
    people = await leavers(world, 40)
    await world.plan()
    # While the first batch is in progress, the recheck of the second one fails in an unknown way.
    strike(world, path=r"\$batch", effect=Effect.DELAY, seconds=1)
    proxy.clear()
    looks = Calls(method="GET", path=r"/contractors\(\)\?\$top=")
    proxy.set_fault(StorageFault(calls=looks, nth=2, times=1_000, reply=Reply.CONDITION_NOT_MET))

    with pytest.raises(Exception, match="fault of the sandbox"):
        await world.sweep()
    proxy.clear()

    out = {person.id for person in people} - world.member_ids()
    [run] = await world.services.runs.of_group(world.group.id, world.clock.moment)
    assert run.state is RunState.FAILED
    assert (run.removed, run.already_absent) == (len(out), 0)
    assert 1 < len(out) < 40
    planned = await plan_undo(world.services, run.run_id)
    assert {item.user_id for item in planned} == out
    again = await world.sweep()
    assert (again.run.removed, again.run.already_absent) == (40 - len(out), 0)
