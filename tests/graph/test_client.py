"""Calls to Graph: what is tried again, for how long, and where the token never goes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from enforcer.core.exceptions import AccessDeniedError, ReadError, UnavailableError
from enforcer.graph.client import GraphClient
from enforcer.graph.pacer import Pacer
from enforcer.graph.reply import Reply, Request
from enforcer.graph.retries import RetryBudget
from enforcer.graph.wire import READ_SECONDS, token_scope
from sandbox.directory import Effect
from tests.graph.conftest import Tenancy, running_tenancy

pytestmark = pytest.mark.anyio


def now() -> float:
    return asyncio.get_running_loop().time()


async def read_group(tenancy: Tenancy) -> Reply:
    return await tenancy.client.read("/groups/{group}", group=tenancy.group.id)


async def test_a_call_is_answered_as_it_comes_over_the_wire(tenancy: Tenancy) -> None:
    reply = await read_group(tenancy)
    assert reply.ok
    assert b'"displayName":"Contractors"' in reply.body.replace(b'": ', b'":')
    assert reply.request_id


async def test_what_may_pass_is_tried_again(tenancy: Tenancy) -> None:
    statuses = [408, 409, 423, 429, 500, 502, 503, 504]
    await tenancy.client.token()  # so that no retry budget is spent on it
    for status in statuses:
        tenancy.strike(path=f"/groups/{status}", status=status)
    replies = await asyncio.gather(*(tenancy.client.read(f"/groups/{status}") for status in statuses))
    # There is no such group, which is an answer.
    assert {reply.status for reply in replies} == {400}
    assert sorted(tenancy.statuses()) == sorted([*statuses, *[400] * len(statuses)])


@pytest.mark.parametrize("effect", [Effect.DROP, Effect.DROP_AFTER_EFFECT, Effect.TRUNCATE])
async def test_a_broken_connection_is_tried_again(tenancy: Tenancy, effect: Effect) -> None:
    tenancy.strike(path="/groups/", effect=effect)
    assert (await read_group(tenancy)).ok
    assert len(tenancy.log()) == 2


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_what_will_not_change_is_asked_once(tenancy: Tenancy, status: int) -> None:
    tenancy.strike(path="/groups/", status=status, code="Some_Code", message="Words.")
    reply = await read_group(tenancy)
    assert (reply.status, reply.code, reply.message) == (status, "Some_Code", "Words.")
    assert tenancy.statuses() == [status]


async def test_retry_after_may_be_a_fraction(tenancy: Tenancy) -> None:
    tenancy.strike(path="/groups/", status=429, headers={"Retry-After": "0.3"})
    began = now()
    assert (await read_group(tenancy)).ok
    assert 0.3 <= now() - began < 0.9


async def test_retry_after_may_be_a_date(tenancy: Tenancy) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=2)
    tenancy.strike(path="/groups/", status=503, headers={"Retry-After": format_datetime(moment, usegmt=True)})
    assert (await read_group(tenancy)).ok
    assert datetime.now(UTC) >= moment.replace(microsecond=0)


async def test_all_workers_wait_together_when_one_is_told_to(tenancy: Tenancy) -> None:
    tenancy.strike(path="/groups/", status=429, headers={"Retry-After": "1"})
    first = asyncio.create_task(read_group(tenancy))
    while not tenancy.client.pacer.pause_left():  # noqa: ASYNC110 -- nobody tells
        await asyncio.sleep(0.01)
    await asyncio.gather(first, *(read_group(tenancy) for _ in range(4)))
    refused, *rest = tenancy.log()
    assert refused.status == 429
    assert len(rest) == 5
    assert all((entry.at - refused.at).total_seconds() > 0.9 for entry in rest)


async def test_failures_are_put_up_with_for_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_tenancy(monkeypatch, retry_budget=RetryBudget(failures=1, throttling=60)) as tenancy:
        tenancy.strike(path="/groups/", status=500, code="x", message="Oops.", times=None)
        began = now()
        with pytest.raises(UnavailableError, match=r"500 x Oops\."):
            await read_group(tenancy)
        assert now() - began < 2
        assert len(tenancy.log()) >= 2


def test_a_call_that_is_never_answered_is_tried_a_second_time() -> None:
    assert RetryBudget().failures > 2 * RetryBudget().call > 2 * READ_SECONDS


async def test_a_wait_that_is_longer_than_our_patience_is_not_begun(tenancy: Tenancy) -> None:
    tenancy.strike(path="/groups/", status=429, headers={"Retry-After": "3000"})
    began = now()
    for _ in range(2):  # nor by whoever comes later
        with pytest.raises(UnavailableError):
            await read_group(tenancy)
    assert now() - began < 1
    assert len(tenancy.log()) == 1


async def test_a_refused_token_is_renewed_for_all_who_hold_it(tenancy: Tenancy) -> None:
    await read_group(tenancy)
    asked_before = len(tenancy.log("/msi/token"))
    # With the old key gone, every token that was given out is worthless.
    tenancy.server.sandbox.keys.rotate()
    tenancy.server.sandbox.keys.retire()
    tenancy.server.sandbox.tokens.forget()
    replies = await asyncio.gather(*(read_group(tenancy) for _ in range(8)))
    assert all(reply.ok for reply in replies)
    assert len(tenancy.log("/msi/token")) > asked_before


async def test_a_token_that_is_refused_again_ends_the_run(tenancy: Tenancy) -> None:
    tenancy.strike(path="/groups/", status=401, code="InvalidAuthenticationToken", message="No.", times=None)
    with pytest.raises(AccessDeniedError, match=r"Graph refuses the token: 401 .* No\."):
        await read_group(tenancy)


async def test_without_a_token_the_run_ends(tenancy: Tenancy) -> None:
    tenancy.strike(path="/msi/token", status=400, times=None)
    with pytest.raises(AccessDeniedError, match="cannot get a token"):
        await read_group(tenancy)
    assert tenancy.log() == []


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.microsoft.com/v1.0/groups?$skiptoken=x",
        "http://127.0.0.1.example.com/v1.0/groups",
        "http://user@127.0.0.1/v1.0/groups",
        "{url}@example.com/v1.0/groups",
    ],
)
async def test_the_token_goes_nowhere_but_to_graph(tenancy: Tenancy, link: str) -> None:
    with pytest.raises(ReadError, match=r"leads to .*, not to Graph"):
        await tenancy.client.read(link.format(url=tenancy.server.url))
    assert tenancy.log("/msi/token") == []


async def test_a_redirect_is_not_followed(tenancy: Tenancy) -> None:
    elsewhere = f"{tenancy.server.url}/sandbox/log"
    tenancy.strike(path="/groups/", status=302, headers={"Location": elsewhere})
    assert (await read_group(tenancy)).status == 302
    assert tenancy.statuses() == [302]


async def test_a_next_link_is_followed_as_it_came(tenancy: Tenancy) -> None:
    link = f"{tenancy.server.url}/v1.0/groups/{tenancy.group.id}/members?$top=1&$skiptoken=%24a%2Bb"
    await tenancy.client.read(link)
    assert tenancy.log()[-1].path.endswith("/members?$top=1&$skiptoken=$a+b")


async def test_names_go_into_the_path_encoded(tenancy: Tenancy) -> None:
    tenancy.tenant.add_guest("Gus", "gus@partner.example")
    name = f"gus_partner.example#EXT#@{tenancy.tenant.domain}"
    reply = await tenancy.client.read("/users/{user}", user=name)
    assert reply.ok


async def test_writes_are_paced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_tenancy(monkeypatch, pacer=Pacer(writes=2, window=0.5)) as tenancy:
        user = tenancy.tenant.add_user("Anna")
        order = Request(
            method="POST", path="/users/{user}/revokeSignInSessions", parameters={"user": user.id}
        )
        began = now()
        await asyncio.gather(*(tenancy.client.call(order) for _ in range(3)))
        assert now() - began >= 0.5


async def test_one_client_serves_several_loops_one_after_the_other(tenancy: Tenancy) -> None:
    await read_group(tenancy)
    await tenancy.client.close()
    assert (await read_group(tenancy)).ok


async def test_a_proxy_that_answers_in_html_is_told_as_it_came(tenancy: Tenancy) -> None:
    tenancy.strike(path="/groups/", status=403, body="<html>Blocked by policy</html>")
    assert "Blocked by policy" in (await read_group(tenancy)).explanation


async def test_a_graph_that_is_not_there_is_unavailable(tenancy: Tenancy) -> None:
    nowhere = replace(tenancy.settings, graph_url="http://127.0.0.1:9")
    async with GraphClient(nowhere, retry_budget=RetryBudget(failures=0.2)) as client:
        with pytest.raises(UnavailableError, match="no answer: ConnectError"):
            await client.read("/groups")


def test_the_scope_of_a_token_is_that_of_its_cloud() -> None:
    assert token_scope("https://graph.microsoft.us") == "https://graph.microsoft.us/.default"
    assert token_scope("http://127.0.0.1:8080") == "https://graph.microsoft.com/.default"
