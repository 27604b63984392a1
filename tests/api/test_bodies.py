from __future__ import annotations

import pytest

from enforcer.core.ledger import Action
from enforcer.web.messages import LARGEST_BODY
from tests.support.api_caller import JSON, Caller
from tests.support.world import World

pytestmark = pytest.mark.anyio


def _authorized(caller: Caller, **headers: str) -> dict[str, str]:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"authorization": f"Bearer {caller.token()}"} | more


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "reason"),
        (b"{}", "reason"),
        (b"null", "body"),
        (b"[]", "body"),
        (b'"reason"', "body"),
        (b"{", "body"),
        (b"{'reason': 'x'}", "body"),
        (b'{"reason": "x"} x', "body"),
        (b'{"reason": "\xff"}', "body"),
        (b'{"reason": "\\ud800"}', "body"),
        (b"\xef\xbb\xbf{}", "body"),
        (b"[" * 60_000, "body"),
        (b'{"reason": null}', "reason"),
        (b'{"reason": 7}', "reason"),
        (b'{"reason": ["left"]}', "reason"),
        (b'{"reason": ""}', "reason"),
        (b'{"reason": "   "}', "reason"),
        (b'{"reason": "two\\nlines"}', "reason"),
        (b'{"reason": "line break at the end\\n"}', "reason"),
        (b'{"reason": "nul \\u0000"}', "reason"),
        (b'{"reason": "escape \\u001b[31m"}', "reason"),
        (b'{"reason": "another escape \\u009b31m"}', "reason"),
        (b'{"reason": "line \\u2028 separator"}', "reason"),
        (b'{"reason": "' + b"x" * 501 + b'"}', "reason"),
        (b'{"reason": "left", "force": true}', "force"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_body_that_is_not_as_it_should_be_is_refused_and_the_field_named(
    caller: Caller, world: World, body: bytes, field: str
) -> None:
    anna = world.member("Anna Novak")

    reply = await caller.call("offboard_now", body, user=anna.id)

    assert (reply.status, reply.json["code"], reply.fields) == (400, "invalid_input", [field])
    assert anna.id in world.member_ids()


@pytest.mark.parametrize(
    "reason", ["x", "x" * 500, "gegangen, grüßt nicht mehr ✋", "  left  ", "a\u3000b 👩\u200d💻"]
)
async def test_a_reason_is_what_a_person_would_write(caller: Caller, world: World, reason: str) -> None:
    reply = await caller.call("offboard_now", {"reason": reason}, user=world.member("Anna Novak").id)
    assert reply.status == 200
    notes = {entry.note for entry in await world.ledger() if entry.action is not Action.BEGIN}
    assert notes == {reason.strip()}


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, 10 * LARGEST_BODY])
async def test_a_body_that_is_too_large_is_not_even_read(caller: Caller, size: int) -> None:
    reply = await caller.call("offboard_now", b"x" * size, user="anna@contoso.example")
    assert (reply.status, reply.json["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json5"],
)
async def test_a_form_of_another_site_is_no_json(caller: Caller, content_type: str) -> None:
    headers = _authorized(caller, content_type=content_type)
    reply = await caller.call("offboard_now", {"reason": "left"}, user="a@contoso.example", headers=headers)
    assert (reply.status, reply.json["code"]) == (415, "not_json")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_called_json_in_all_the_usual_ways(
    caller: Caller, world: World, content_type: str
) -> None:
    headers = _authorized(caller, content_type=content_type)
    anna = world.member("Anna Novak")
    reply = await caller.call("offboard_now", {"reason": "left"}, user=anna.id, headers=headers)
    assert reply.status == 200


async def test_where_everything_may_be_left_out_so_may_the_body(caller: Caller) -> None:
    assert (await caller.call("start_sweeps", headers=_authorized(caller))).status == 202
    assert (await caller.call("start_sweeps", {}, headers=_authorized(caller) | JSON)).status == 202
