"""Requests to Graph, its answers, and how they are classified."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum, auto
from urllib.parse import quote

import msgspec

from enforcer import clock
from enforcer.graph.priority import Priority, current_priority, priority_header

TOO_MANY = 429
# 408, 409, 423 and 424 mean "not now"; 0 means no answer. Every call of this product may be repeated, so none
# of these is final.
_TRANSIENT = frozenset({0, 408, 409, 423, 424, TOO_MANY, 500, 502, 503, 504})
_LONGEST_WAIT = 3600.0


class ReplyKind(StrEnum):
    """How an answer is classified."""

    DONE = auto()
    RETRY = auto()
    """Not now: the same call may succeed later."""
    PERSON = auto()
    """Final, but only for this person or object: other calls may succeed."""
    RUN = auto()
    """The token is rejected: no other call with it will succeed, either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of Graph, alone or from a `$batch`.

    Attributes:
        status: The HTTP status; 0 if there was no answer (the call may still have taken effect).
        code: Graph's error code; branch on this.
        message: Graph's text, for people only, except in `not_a_member` and `already_a_member`.
        request_id: The ID by which Microsoft support finds the call.
        retry_after: Seconds that Graph asked to wait; None if it did not.
        repeated: An earlier attempt got no answer, or a server error, and may have taken effect.
        sent: False if the call was never sent, for lack of a token, and so had no effect.
    """

    status: int
    body: bytes = b""
    code: str = ""
    message: str = ""
    request_id: str = ""
    retry_after: float | None = None
    repeated: bool = False
    sent: bool = True

    @property
    def may_have_taken_effect(self) -> bool:
        """Whether the call may have taken effect although it failed; a throttled call never has."""
        return self.sent and (self.status == 0 or self.status >= 500)  # noqa: PLR2004

    @property
    def kind(self) -> ReplyKind:
        if 200 <= self.status < 300:  # noqa: PLR2004
            return ReplyKind.DONE
        if self.status in _TRANSIENT and not self.taken:
            return ReplyKind.RETRY
        return ReplyKind.RUN if self.status == 401 else ReplyKind.PERSON  # noqa: PLR2004

    @property
    def ok(self) -> bool:
        return self.kind is ReplyKind.DONE

    @property
    def explanation(self) -> str:
        """What went wrong, in at most 240 characters."""
        if not self.sent:
            return self.message[:240]
        if self.status == 0:
            return f"no answer: {self.message}"[:240]
        return f"{self.status} {self.code} {self.message}".strip()[:240]

    @property
    def not_found(self) -> bool:
        return self.status == 404  # noqa: PLR2004

    @property
    def throttled(self) -> bool:
        """Whether Graph refused the call because there were too many."""
        return self.status == TOO_MANY

    @property
    def forbidden(self) -> bool:
        return self.status == 403  # noqa: PLR2004

    @property
    def not_a_member(self) -> bool:
        """Whether this may be the answer to removing somebody who is not a member.

        It has two forms: 404 naming the *group*, as if that did not exist (so the group must be confirmed
        separately), or 400 with only a text to tell it by. Source: microsoft-graph-docs issue 18714;
        Microsoft's group-membership-management reads the text, too.
        """
        return self.not_found or (
            self.status == 400 and "removed object references do not exist" in self.message  # noqa: PLR2004
        )

    @property
    def already_a_member(self) -> bool:
        """Whether this is the answer to adding somebody who already is a member (group: add members)."""
        return self.status == 400 and "added object references already exist" in self.message  # noqa: PLR2004

    @property
    def taken(self) -> bool:
        """Whether this is a conflict that no waiting ends: an object of that name exists already."""
        return self.status == 409 and "already exist" in self.message  # noqa: PLR2004

    @property
    def place_lost(self) -> bool:
        """Whether Graph no longer accepts a nextLink, so that the list must be read from its beginning."""
        return self.status == 400 and self.code == "Directory_ExpiredPageToken"  # noqa: PLR2004


class _Inner(msgspec.Struct, rename={"request_id": "request-id"}):
    request_id: str | None = None


class _Error(msgspec.Struct, rename="camel"):
    code: str | None = None
    message: str | None = None
    inner_error: _Inner | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error


_ERROR_BODY = msgspec.json.Decoder(_ErrorBody)


def read_reply(status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """Make a reply from a response. The names in `headers` may be in any case."""
    lower = {name.lower(): value for name, value in headers.items()}
    error = _read_error(body) if status >= 400 else _Error()  # noqa: PLR2004
    return Reply(
        status=status,
        body=body,
        code=error.code or "",
        message=error.message or "",
        request_id=lower.get("request-id") or (error.inner_error and error.inner_error.request_id) or "",
        retry_after=read_retry_after(lower.get("retry-after", ""), clock.now()),
    )


def no_reply(reason: BaseException) -> Reply:
    """Return the reply for a call without an answer; it may still have taken effect."""
    return Reply(status=0, message=f"{type(reason).__name__} {reason}".strip())


def not_sent(reason: BaseException) -> Reply:
    """Return the reply for a call that was never sent: it had no effect, and may succeed later."""
    return Reply(status=0, message=str(reason), sent=False)


def read_retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds to wait, given as an integer, a fraction or an HTTP date."""
    text = value.strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text, now)
    return None if math.isnan(seconds) else min(max(seconds, 0.0), _LONGEST_WAIT)


def _seconds_until(text: str, now: datetime) -> float:
    try:
        return (parsedate_to_datetime(text).astimezone(UTC) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return float("nan")


def _read_error(body: bytes) -> _Error:
    try:
        return _ERROR_BODY.decode(body).error
    except msgspec.MsgspecError:
        # Gateways answer in HTML, and a body may be truncated.
        return _Error(message=body[:200].decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call, alone or as an item of a `$batch`.

    Attributes:
        path: URI template below `/v1.0`, such as `/users/{user}`; its parameters are encoded.
        body: JSON, or empty.
        only_asks: A POST that changes nothing. Like a GET, it uses none of the directory's write quota.
        creates: A PATCH that creates the object, by its alternate key, if there is none ("Upsert …").
        priority: By default that of the current work.
    """

    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    creates: bool = False
    only_asks: bool = False
    priority: Priority = field(default_factory=current_priority)

    @property
    def writes(self) -> int:
        """The share of the directory's write quota that it uses."""
        return 0 if self.only_asks or self.method == "GET" else 1

    @property
    def headers(self) -> dict[str, str]:
        """The request's own headers, alone and in a `$batch`."""
        typed = {"Content-Type": "application/json"} if self.body else {}
        preferred = {"Prefer": "create-if-missing"} if self.creates else {}
        return typed | preferred | priority_header(self.priority)

    @property
    def expanded(self) -> str:
        """The path with its parameters filled in, for a `$batch`."""
        quoted = {name: quote(value, safe="") for name, value in self.parameters.items()}
        return self.path.format_map(quoted)
