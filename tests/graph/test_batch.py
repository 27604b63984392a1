"""Writes that happen at the same time travel together, and each is judged by itself."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.exceptions import UnavailableError
from enforcer.graph.batch import BATCH_SIZE, Batcher
from enforcer.graph.pacer import Pacer
from enforcer.graph.priority import Priority, working_at
from enforcer.graph.reply import Reply, Request
from enforcer.graph.retries import RetryBudget
from sandbox.directory import BatchOrder, Effect, User, Where
from tests.graph.conftest import Tenancy, running_tenancy

pytestmark = pytest.mark.anyio


def people(tenancy: Tenancy, count: int) -> list[User]:
    """Add this many members to the group."""
    users = [tenancy.tenant.add_user(f"User {number}") for number in range(count)]
    tenancy.tenant.fill_group(tenancy.group, users)
    return users


def removal(tenancy: Tenancy, user: User) -> Request:
    path = "/groups/{group}/members/{user}/$ref"
    return Request(method="DELETE", path=path, parameters={"group": tenancy.group.id, "user": user.id})


def revocation(user: User) -> Request:
    return Request(method="POST", path="/users/{user}/revokeSignInSessions", parameters={"user": user.id})


async def write_all(batcher: Batcher, requests: list[Request]) -> list[Reply]:
    return await asyncio.gather(*(batcher.write(request) for request in requests))


def batches(tenancy: Tenancy) -> int:
    return len(tenancy.log("/v1.0/$batch"))


async def test_a_write_alone_is_sent_alone(tenancy: Tenancy) -> None:
    (user,) = people(tenancy, 1)
    assert (await Batcher(tenancy.client).write(removal(tenancy, user))).status == 204
    assert batches(tenancy) == 0


async def test_writes_of_the_same_time_go_twenty_at_a_time(tenancy: Tenancy) -> None:
    users = people(tenancy, 2 * BATCH_SIZE)
    replies = await write_all(Batcher(tenancy.client), [removal(tenancy, user) for user in users])
    assert [reply.status for reply in replies] == [204] * len(users)
    assert not tenancy.tenant.members[tenancy.group.id]
    assert batches(tenancy) == 2


async def test_each_call_gets_its_own_answer_in_any_order(tenancy: Tenancy) -> None:
    tenancy.server.sandbox.settings.batch_order = BatchOrder.SHUFFLED
    users = people(tenancy, 10)
    for user in users[::2]:
        tenancy.tenant.remove_member(tenancy.group, user)
    replies = await write_all(Batcher(tenancy.client), [removal(tenancy, user) for user in users])
    assert [reply.not_a_member for reply in replies] == [True, False] * 5


async def test_only_what_was_throttled_is_repeated(tenancy: Tenancy) -> None:
    users = people(tenancy, 5)
    tenancy.strike(path=users[2].id, status=429, headers={"Retry-After": "0.2"}, where=Where.IN_BATCH)
    replies = await write_all(Batcher(tenancy.client), [revocation(user) for user in users])
    assert all(reply.ok for reply in replies)
    asked = [sum(user.id in entry.path for entry in tenancy.log()) for user in users]
    assert asked == [1, 1, 2, 1, 1]


@pytest.mark.parametrize("effect", [Effect.DROP, Effect.DROP_AFTER_EFFECT, Effect.TRUNCATE])
async def test_a_batch_that_is_lost_is_repeated(tenancy: Tenancy, effect: Effect) -> None:
    users = people(tenancy, 3)
    tenancy.strike(path=r"\$batch", effect=effect)
    replies = await write_all(Batcher(tenancy.client), [revocation(user) for user in users])
    assert all(reply.ok for reply in replies)


@pytest.mark.parametrize("status", [400, 403, 413])
async def test_what_was_in_a_refused_batch_is_sent_one_by_one(tenancy: Tenancy, status: int) -> None:
    users = people(tenancy, 3)
    tenancy.strike(path=r"\$batch", status=status)
    replies = await write_all(Batcher(tenancy.client), [revocation(user) for user in users])
    assert all(reply.ok for reply in replies)
    assert len(tenancy.log("/v1.0/users/")) == 3


@pytest.mark.parametrize(
    "body",
    [
        {"responses": []},
        {"responses": [{"id": "9", "status": 204}]},
        {"responses": [{"status": "fine"}]},
        "<html>Welcome</html>",
    ],
)
async def test_an_answer_that_does_not_say_what_became_of_somebody_is_none(
    tenancy: Tenancy, body: object
) -> None:
    users = people(tenancy, 2)
    tenancy.strike(path=r"\$batch", status=200, body=body)
    replies = await write_all(Batcher(tenancy.client), [revocation(user) for user in users])
    assert all(reply.ok for reply in replies)


async def test_a_refused_token_is_renewed(tenancy: Tenancy) -> None:
    users = people(tenancy, 3)
    tenancy.strike(path=r"\$batch", status=401)
    replies = await write_all(Batcher(tenancy.client), [revocation(user) for user in users])
    assert all(reply.ok for reply in replies)


async def test_everybody_in_a_batch_hears_that_graph_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running_tenancy(monkeypatch, retry_budget=RetryBudget(failures=0.2)) as tenancy:
        users = people(tenancy, 3)
        tenancy.strike(path=r"\$batch|/users/", effect=Effect.DROP, times=None)
        batcher = Batcher(tenancy.client)
        results = await asyncio.gather(
            *(batcher.write(revocation(user)) for user in users), return_exceptions=True
        )
    assert [type(result) for result in results] == [UnavailableError] * 3


async def test_what_nobody_waits_for_any_more_is_not_sent(tenancy: Tenancy) -> None:
    users = people(tenancy, 3)
    batcher = Batcher(tenancy.client)
    writes = [asyncio.create_task(batcher.write(removal(tenancy, user))) for user in users]
    await asyncio.sleep(0)
    writes[0].cancel()
    writes[2].cancel()
    await asyncio.gather(*writes, return_exceptions=True)
    assert set(tenancy.tenant.members[tenancy.group.id]) == {users[0].id, users[2].id}


async def test_a_precondition_is_checked_last_and_stops_only_its_own_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running_tenancy(monkeypatch, pacer=Pacer(writes=3, window=0.5)) as tenancy:
        users = people(tenancy, 3)
        batcher, loop = Batcher(tenancy.client), asyncio.get_running_loop()
        begun = loop.time()

        async def look() -> None:
            assert loop.time() - begun >= 0.5
            raise ZeroDivisionError

        await write_all(batcher, [revocation(user) for user in users])
        looked, plain = await asyncio.gather(
            batcher.write(removal(tenancy, users[0]), look),
            batcher.write(removal(tenancy, users[1])),
            return_exceptions=True,
        )

        assert isinstance(looked, ZeroDivisionError)
        assert isinstance(plain, Reply)
        assert set(tenancy.tenant.members[tenancy.group.id]) == {users[0].id, users[2].id}


async def test_a_batch_counts_as_many_writes_as_are_in_it(tenancy: Tenancy) -> None:
    users = people(tenancy, BATCH_SIZE)
    await write_all(Batcher(tenancy.client), [revocation(user) for user in users])
    assert tenancy.client.pacer._answered_count == BATCH_SIZE


async def test_bodies_and_names_survive_the_batch(tenancy: Tenancy) -> None:
    guest = tenancy.tenant.add_guest("Gus", "gus@partner.example")
    other = tenancy.tenant.add_user("Ada")
    orders = [
        Request(
            method="PATCH",
            path="/users/{user}",
            parameters={"user": name},
            body=b'{"accountEnabled": false}',
        )
        for name in (guest.user_principal_name, other.id)
    ]
    replies = await write_all(Batcher(tenancy.client), orders)
    assert [reply.status for reply in replies] == [204, 204]
    assert [guest.account_enabled, other.account_enabled] == [False, False]
    assert batches(tenancy) == 1


@pytest.mark.parametrize("headers", [None, {"Retry-After": 1}])
async def test_headers_of_any_form_spoil_nobodys_answer(
    tenancy: Tenancy, headers: dict[str, object] | None
) -> None:
    users = people(tenancy, 2)
    responses = [{"id": str(number), "status": 204, "headers": headers} for number in (1, 2)]
    tenancy.strike(path=r"\$batch", status=200, body={"responses": responses})
    replies = await write_all(Batcher(tenancy.client), [removal(tenancy, user) for user in users])
    assert [reply.status for reply in replies] == [204, 204]


async def test_each_item_and_the_batch_say_how_urgent_they_are(tenancy: Tenancy) -> None:
    users = people(tenancy, 4)
    batcher = Batcher(tenancy.client)
    with working_at(Priority.LOW):
        requests = [revocation(user) for user in users[:3]]
    with working_at(Priority.HIGH):
        requests.append(revocation(users[3]))
    await write_all(batcher, requests)
    asked = {entry.path: entry.priority for entry in tenancy.log()}
    assert [asked[f"/v1.0/users/{user.id}/revokeSignInSessions"] for user in users] == [*["low"] * 3, "high"]
    assert asked["/v1.0/$batch"] == "high"
