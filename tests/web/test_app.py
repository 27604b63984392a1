from __future__ import annotations

from dataclasses import replace

import pytest

from enforcer.api.routes import ROUTES
from enforcer.core.exceptions import GroupError
from enforcer.web.messages import LARGEST_BODY
from sandbox.directory.faults import Fault
from sandbox.storage_proxy import Calls, Reply, Service, StorageProxy
from sandbox.storage_proxy import Fault as StorageFault
from tests.support.api_caller import Caller
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def test_every_answer_is_kept_by_nobody_and_run_by_no_browser(caller: Caller) -> None:
    for reply in (await caller.call("get_health"), await caller.call("get_run", id="x")):
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Strict-Transport-Security"].startswith("max-age=63072000")
        assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert reply.headers["X-Request-Id"] == "request-1"


async def test_a_problem_is_told_as_a_problem_document(caller: Caller) -> None:
    reply = await caller.call("get_run", id="x")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.json == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no run 'x'",
        "code": "not_found",
        "request_id": "request-1",
        "errors": [{"field": "id", "message": "there is no run 'x'"}],
    }


async def test_a_mistake_of_ours_is_in_the_log_and_not_in_the_answer(
    caller: Caller, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    # A clock that is broken is as good a mistake as any.
    world.services = replace(world.services, now=lambda: "secret of ours".missing)  # type: ignore[attr-defined]
    caller.configure()

    reply = await caller.call("get_status")

    assert (reply.status, reply.json["code"]) == (500, "internal")
    assert "Traceback" in caplog.text
    assert all(text not in reply.response.body.decode() for text in ("Traceback", "missing", "enforcer/"))


async def test_storage_that_is_away_is_said_to_be_away(caller: Caller, storage: StorageProxy) -> None:
    storage.set_fault(StorageFault(calls=Calls(service=Service.TABLE), times=10_000, reply=Reply.DROPPED))
    reply = await caller.call("get_status")
    assert (reply.status, reply.json["code"]) == (503, "unavailable")
    assert int(reply.headers["Retry-After"]) > 0


async def test_a_directory_that_is_away_is_said_to_be_away(caller: Caller, world: World) -> None:
    anna = world.tenant.add_user("Anna Novak")
    world.directory.sandbox.faults.add(Fault(path="^/v1.0", times=None))
    reply = await caller.call("put_contractor", {"end_date": "2099-01-31"}, user=anna.id)
    assert (reply.status, reply.json["code"]) == (503, "unavailable")


async def test_a_directory_that_refuses_us_is_not_the_callers_fault(caller: Caller, world: World) -> None:
    anna = world.tenant.add_user("Anna Novak")
    world.directory.sandbox.faults.add(Fault(path="^/v1.0", status=403, code="Forbidden", times=None))
    reply = await caller.call("put_contractor", {"end_date": "2099-01-31"}, user=anna.id)
    assert (reply.status, reply.json["code"]) == (502, "upstream")
    assert GroupError.__name__ not in reply.json["detail"]


def test_every_route_has_a_name_and_a_place_of_its_own() -> None:
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


async def test_body_declared_too_large_is_refused_before_it_or_a_token_is_read(caller: Caller) -> None:
    headers = {"content-type": "application/json", "content-length": str(LARGEST_BODY + 1)}
    reply = await caller.call("offboard_now", b"{", user="anna@contoso.example", headers=headers)
    assert (reply.status, reply.json["code"]) == (413, "too_large")


@pytest.mark.parametrize("declared", ["", "-1", "1e9", "x", "\u0661"])
async def test_length_that_cannot_be_read_counts_as_none(caller: Caller, declared: str) -> None:
    reply = await caller.call(
        "offboard_now", user="anna@contoso.example", headers={"content-length": declared}
    )
    assert reply.status == 401
