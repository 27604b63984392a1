"""Read everything or do nothing: an error is never an empty list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import batched

import pytest
from aiohttp import web

from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import AccessDeniedError, EnforcerError, ReadError, UnavailableError
from enforcer.storage.tables.tables import TRANSACTION_SIZE
from sandbox.directory.faults import Effect
from sandbox.storage_proxy import Calls, Fault, Reply, StorageProxy
from tests.reliability.conftest import OpenWorld
from tests.support.people import heal, leavers, stayers, strike, tried
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio

SECOND_PAGE = "skiptoken"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 503}, UnavailableError),
        ({"status": 500}, UnavailableError),
        ({"effect": Effect.DROP}, UnavailableError),
        ({"effect": Effect.TRUNCATE}, UnavailableError),
        ({"status": 400}, ReadError),
        ({"status": 403}, AccessDeniedError),
        ({"status": 200, "body": {"@odata.context": "no value"}}, ReadError),
        ({"status": 200, "body": "<html>a gateway</html>"}, ReadError),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_when_the_second_page_of_members_fails_nothing_is_planned(
    open_world: OpenWorld, fault: dict[str, object], error: type[EnforcerError]
) -> None:
    world = await _with_pages(open_world)
    strike(world, path=SECOND_PAGE, times=None, **fault)

    with pytest.raises(error):
        await world.plan()
    with pytest.raises(error):
        await world.sweep()

    await _assert_untouched(world)
    heal(world)
    assert (await world.sweep()).run.removed == 2


async def test_when_the_second_page_of_the_register_fails_nothing_is_planned(
    open_world: OpenWorld, proxy: StorageProxy
) -> None:
    world = await open_world(proxy.endpoints)
    await leavers(world, 2)
    await _fill_a_page_of_the_register(world)
    # What does not fit the first page is read in ranges of keys.
    calls = Calls(method="GET", path="/contractors.*RowKey%20g[te]")
    proxy.set_fault(Fault(calls=calls, nth=2, times=1_000, reply=Reply.REFUSED))

    with pytest.raises(AccessDeniedError):
        await world.sweep()

    assert proxy.count(calls) > 1
    await _assert_untouched(world)
    proxy.clear()
    assert (await world.sweep()).run.removed == 2


@pytest.mark.parametrize(
    "link",
    [
        "{thief}/v1.0/groups/x/members?$skiptoken=y",
        "{graph}@{thief_host}/v1.0/groups/x/members?$skiptoken=y",
        "{graph}.{thief_host}/v1.0/groups/x/members",
        "https://{graph_host}/v1.0/groups/x/members",
        "{graph}\\@{thief_host}/v1.0/groups/x/members",
        "//{thief_host}/v1.0/groups/x/members",
        "http://[not-an-address/v1.0/groups/x/members",
    ],
)
async def test_a_next_link_to_another_host_is_refused_and_gets_no_token(
    open_world: OpenWorld, thief: Thief, link: str
) -> None:
    world = await _with_pages(open_world)
    graph = world.directory.url
    named = {"thief": thief.url, "thief_host": thief.host, "graph": graph, "graph_host": graph[7:]}
    body = {"value": [], "@odata.nextLink": link.format(**named)}
    strike(world, path=r"/members\?", status=200, body=body)

    with pytest.raises(ReadError):
        await world.sweep()

    assert thief.requests == []
    await _assert_untouched(world)


async def test_pages_may_be_short_or_empty_and_have_successors_all_the_same(open_world: OpenWorld) -> None:
    world = await _with_pages(open_world)
    world.directory.sandbox.settings.empty_page_every = 2

    report = await world.sweep()

    assert (report.run.members, report.run.removed) == (7, 2)


async def _with_pages(open_world: OpenWorld) -> World:
    world = await open_world()
    world.directory.sandbox.settings.page_limit = 2
    await leavers(world, 2)
    await stayers(world, 5)
    return world


async def _fill_a_page_of_the_register(world: World) -> None:
    """Add a thousand people who left long ago: the most rows that Table Storage returns at once."""
    rows = [
        {"PartitionKey": world.group.id, "RowKey": f"left.{number}@partner.example", "EndDate": ENDED}
        for number in range(1_000)
    ]
    for chunk in batched(rows, TRANSACTION_SIZE, strict=False):
        await world.services.tables.submit("contractors", [("upsert", row) for row in chunk])


async def _assert_untouched(world: World) -> None:
    assert tried(world) == []
    assert [item async for item in world.services.records.of_group(world.group.id)] == []
    assert await world.ledger() == []


class Thief:
    """A server that collects tokens which are not meant for it."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.url = self.host = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.path} {request.headers.get('Authorization', '')}")
        return web.json_response({"value": []})


@pytest.fixture
async def thief() -> AsyncIterator[Thief]:
    server = Thief()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.host = f"127.0.0.1:{runner.addresses[0][1]}"
    server.url = f"http://{server.host}"
    yield server
    await runner.cleanup()


async def test_a_row_in_another_case_of_the_group_is_seen_and_never_acted_upon(open_world: OpenWorld) -> None:
    world = await open_world()
    user = world.member("Anna Shouted")
    row = RegisterRow(group_id=world.group.id.upper(), row_key=user.id, end_date=ENDED)
    await world.services.register.save(row)
    await world.register(world.member("Ben Running").id, RUNNING)

    report = await world.sweep()

    assert tried(world) == []
    assert "invalid_row" in [found.kind for found in report.findings]
