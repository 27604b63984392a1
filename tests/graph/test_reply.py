"""What Graph answered, and what kind of answer it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from enforcer.graph.reply import ReplyKind, Request, no_reply, read_reply, read_retry_after

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def body(**error: object) -> bytes:
    return msgspec.json.encode({"error": error})


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ((200, 201, 202, 204), ReplyKind.DONE),
        ((408, 409, 423, 424, 429, 500, 502, 503, 504), ReplyKind.RETRY),
        ((400, 403, 404, 405, 410, 301), ReplyKind.PERSON),
        ((401,), ReplyKind.RUN),
    ],
)
def test_there_are_four_kinds_of_answers(statuses: tuple[int, ...], kind: ReplyKind) -> None:
    assert {read_reply(status, {}, b"").kind for status in statuses} == {kind}


def test_no_answer_at_all_is_to_be_tried_again_and_says_why() -> None:
    reply = no_reply(TimeoutError("after 30 s"))
    assert reply.kind is ReplyKind.RETRY
    assert reply.explanation == "no answer: TimeoutError after 30 s"


def test_an_error_has_code_words_and_request_id() -> None:
    inner = {"date": "2026-11-23T12:00:00", "request-id": "7", "client-request-id": "8"}
    content = body(code="Authorization_RequestDenied", message="Insufficient privileges.", innerError=inner)
    reply = read_reply(403, {}, content)
    assert (reply.code, reply.request_id) == ("Authorization_RequestDenied", "7")
    assert reply.explanation == "403 Authorization_RequestDenied Insufficient privileges."
    assert reply.forbidden
    assert read_reply(403, {"Request-Id": "9"}, content).request_id == "9"


@pytest.mark.parametrize(
    ("content", "explanation"),
    [
        (b"", "502"),
        (b"<html>Bad Gateway</html>", "502  <html>Bad Gateway</html>"),
        (b'{"error":{"code":"x","mess', '502  {"error":{"code":"x","mess'),
        (b'{"error":{"code":null,"message":"m","innerError":null}}', "502  m"),
        (b'{"error":{"code":"c"}}', "502 c"),
        (b'{"error":null}', '502  {"error":null}'),
        (b"\xff\xfe", "502  \ufffd\ufffd"),
    ],
)
def test_an_error_that_is_not_graphs_own_is_told_as_it_came(content: bytes, explanation: str) -> None:
    assert read_reply(502, {}, content).explanation == explanation


def test_an_explanation_is_short() -> None:
    assert len(read_reply(400, {}, body(code="c", message="m" * 9_000)).explanation) == 240


@given(status=st.integers(100, 599), content=st.binary(max_size=50))
def test_any_answer_can_be_read(status: int, content: bytes) -> None:
    assert len(read_reply(status, {}, content).explanation) <= 240


NOT_THERE = (
    "One or more removed object references do not exist for the following modified properties: 'members'."
)
THERE = "One or more added object references already exist for the following modified properties: 'members'."


def test_not_a_member_comes_in_two_shapes() -> None:
    assert read_reply(404, {}, body(code="Request_ResourceNotFound", message="Resource '…'")).not_a_member
    assert read_reply(400, {}, body(code="Request_BadRequest", message=NOT_THERE)).not_a_member
    assert not read_reply(400, {}, body(code="Request_BadRequest", message=THERE)).not_a_member
    assert not read_reply(403, {}, body(code="Authorization_RequestDenied", message=NOT_THERE)).not_a_member


def test_already_a_member_comes_in_one() -> None:
    assert read_reply(400, {}, body(code="Request_BadRequest", message=THERE)).already_a_member
    assert not read_reply(400, {}, body(code="Request_BadRequest", message=NOT_THERE)).already_a_member


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("10", 10),
        (" 10 ", 10),
        ("2.128", 2.128),
        ("0", 0),
        ("-5", 0),
        ("86400", 3600),
        ("inf", 3600),
        ("", None),
        ("nan", None),
        ("soon", None),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30),
        (format_datetime(NOW - timedelta(seconds=30), usegmt=True), 0),
        ("Mon, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_a_fraction_or_a_date(value: str, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


@given(value=st.text(max_size=40))
def test_any_retry_after_is_a_sensible_wait_or_none(value: str) -> None:
    seconds = read_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 3600


def test_a_date_is_counted_from_the_wall_clock() -> None:
    with freeze_time(NOW):
        reply = read_reply(429, {"RETRY-AFTER": "Mon, 23 Nov 2026 12:00:07 GMT"}, b"")
    assert reply.retry_after == 7


def test_parameters_are_encoded_into_the_path_of_a_batch() -> None:
    request = Request(method="GET", path="/users/{user}", parameters={"user": "a/b?c#EXT#@d e"})
    assert request.expanded == "/users/a%2Fb%3Fc%23EXT%23%40d%20e"
