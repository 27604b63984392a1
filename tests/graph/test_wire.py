"""The wire to Graph: over TLS, whatever breaks or hangs, a call ends in time and the next goes through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from enforcer.core.exceptions import AccessDeniedError, UnavailableError
from enforcer.graph.client import GraphClient
from enforcer.graph.priority import HEADER, Priority, working_at
from enforcer.graph.reply import Reply, ReplyKind, Request
from enforcer.graph.retries import RetryBudget
from enforcer.graph.wire import READ_SECONDS, Wire
from sandbox.directory import Effect
from sandbox.tls_front import Cut, TlsFront
from tests.graph.conftest import IMPATIENT, Tenancy

pytestmark = pytest.mark.anyio

BREAKS = [Cut.BEFORE, Cut.AFTER, Cut.WITHIN, Cut.NOISE]
HANGS = [Cut.SILENCE, Cut.DRIP, Cut.HALF_A_CHUNK]
SECONDS = 0.5
GROUPS = "GET .*/groups/"


@pytest.fixture
async def over_tls(tenancy: Tenancy, front: TlsFront) -> AsyncIterator[GraphClient]:
    """A client that reaches Graph over TLS, and for which a call may take half a second."""
    front.upstream = tenancy.server.url
    settings = replace(tenancy.settings, graph_url=front.url)
    async with GraphClient(settings, retry_budget=RetryBudget(failures=5, call=SECONDS)) as client:
        await client.token()
        assert (await read(client, tenancy)).ok
        yield client


async def read(client: GraphClient, tenancy: Tenancy) -> Reply:
    return await client.read("/groups/{group}", group=tenancy.group.id)


def passed(since: float) -> float:
    return asyncio.get_running_loop().time() - since


@pytest.mark.parametrize("cut", [*BREAKS, *HANGS], ids=lambda cut: cut.name)
async def test_a_call_that_breaks_or_hangs_is_no_answer_and_is_repeated(
    over_tls: GraphClient, tenancy: Tenancy, front: TlsFront, cut: Cut
) -> None:
    front.strike(GROUPS, cut)
    begun = passed(0)
    assert (await read(over_tls, tenancy)).ok
    assert passed(begun) < 4
    assert sum("/groups/" in line for line in front.requests) == 3


@pytest.mark.parametrize("cut", [*BREAKS, *HANGS], ids=lambda cut: cut.name)
async def test_what_got_no_answer_may_have_taken_effect(
    over_tls: GraphClient, tenancy: Tenancy, front: TlsFront, cut: Cut
) -> None:
    front.strike(GROUPS, cut)
    reply = await over_tls.attempt(Request(method="GET", path=f"/groups/{tenancy.group.id}"))
    assert (reply.kind, reply.may_have_taken_effect) == (ReplyKind.RETRY, True)
    assert reply.explanation.startswith("no answer: ")


async def test_the_protocol_is_http_1_1_though_the_server_offers_2(
    over_tls: GraphClient, front: TlsFront
) -> None:
    assert set(front.protocols) == {"http/1.1"}


async def test_a_pool_that_is_stuck_is_left_and_nobody_waits_for_it_for_long(
    tenancy: Tenancy, front: TlsFront
) -> None:
    front.upstream = tenancy.server.url
    settings = replace(tenancy.settings, graph_url=front.url)
    front.strike(GROUPS, Cut.SILENCE, times=32)
    begun = passed(0)
    async with GraphClient(settings, retry_budget=RetryBudget(failures=60, call=2)) as client:
        replies = await asyncio.gather(*(read(client, tenancy) for _ in range(36)))
    assert all(reply.ok for reply in replies)
    assert passed(begun) < READ_SECONDS


async def test_when_the_pool_is_left_a_call_that_does_well_is_not_cut_off(
    over_tls: GraphClient, tenancy: Tenancy, front: TlsFront
) -> None:
    front.strike(GROUPS, Cut.SILENCE)
    hanging = asyncio.create_task(over_tls.attempt(Request(method="GET", path="/groups/x")))
    await asyncio.sleep(SECONDS * 0.6)
    tenancy.strike(path="/users", effect=Effect.DELAY, seconds=SECONDS * 0.8, times=1)
    slow = await over_tls.attempt(Request(method="GET", path="/users?$top=1"))
    assert (slow.ok, (await hanging).status) == (True, 0)


async def test_a_proxy_that_says_nothing_is_no_answer(
    tenancy: Tenancy, front: TlsFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _SilentServer() as address:
        monkeypatch.setenv("HTTPS_PROXY", address)
        wire = Wire(replace(tenancy.settings, graph_url=front.url), seconds=SECONDS)
        begun = passed(0)
        reply = await wire.send(Request(method="GET", path="/groups"))
        assert (reply.status, passed(begun) < 3) == (0, True)
        await wire.close()


async def test_a_certificate_that_nobody_vouches_for_is_no_answer(
    tenancy: Tenancy, front: TlsFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    wire = Wire(replace(tenancy.settings, graph_url=front.url), seconds=READ_SECONDS)
    reply = await wire.send(Request(method="GET", path="/groups"))
    assert "CERTIFICATE_VERIFY_FAILED" in reply.explanation
    await wire.close()


# Tokens --------------------------------------------------------------------------------------------------


@IMPATIENT
@pytest.mark.parametrize(
    "fault",
    [{"status": 500}, {"status": 503}, {"status": 400, "message": "AADSTS90033: transient"}],
    ids=["500", "503", "AADSTS90033"],
)
async def test_without_a_token_in_an_outage_the_call_is_not_sent(
    tenancy: Tenancy, fault: dict[str, object]
) -> None:
    tenancy.strike(path="/msi/token", times=None, **fault)
    reply = await tenancy.client.attempt(Request(method="DELETE", path="/groups/x"))
    assert (reply.kind, reply.may_have_taken_effect) == (ReplyKind.RETRY, False)
    with pytest.raises(UnavailableError, match="the identity endpoint is unavailable"):
        await read(tenancy.client, tenancy)
    with pytest.raises(UnavailableError, match="the identity endpoint is unavailable"):
        await tenancy.client.token()
    assert tenancy.log() == []


async def test_an_identity_that_nobody_knows_is_refused(tenancy: Tenancy) -> None:
    settings = replace(tenancy.settings, client_id="11111111-0000-0000-0000-000000000009")
    async with GraphClient(settings) as client:
        with pytest.raises(AccessDeniedError, match="No User Assigned or Delegated Managed Identity"):
            await read(client, tenancy)


# Priorities ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("priority", list(Priority))
async def test_a_call_says_how_urgent_it_is(tenancy: Tenancy, priority: Priority) -> None:
    with working_at(priority):
        await read(tenancy.client, tenancy)
    assert tenancy.log()[-1].priority == ("" if priority is Priority.NORMAL else priority)


def test_the_header_is_graphs() -> None:
    assert HEADER == "x-ms-throttle-priority"


class _SilentServer:
    """Accepts and says nothing."""

    async def __aenter__(self) -> str:
        self._writers: list[asyncio.StreamWriter] = []
        self._server = await asyncio.start_server(lambda _, writer: self._writers.append(writer), "127.0.0.1")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._server.abort_clients()
        await self._server.wait_closed()
