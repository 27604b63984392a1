"""What a trigger passes to its function, and what an HTTP function returns, as the worker's messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from sandbox.host.protos import RpcHttp, RpcHttpCookie, TypedData

_KEPT: Final = timedelta(days=7)
_TEXT: Final = (("content-type", "text/plain; charset=utf-8"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request as the host received it; headers of the same name are joined by commas."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpReply:
    """What the caller gets; 404 if no route matches, 500 without a body if the function failed."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """A message of a queue, decoded."""

    text: str
    id: str
    pop_receipt: str
    dequeue_count: int
    inserted_on: datetime
    expires_on: datetime
    next_visible_on: datetime

    @classmethod
    def made_up(cls, text: str, dequeue_count: int) -> "QueueItem":
        """Create a message that was never in a queue."""
        now = datetime.now(UTC)
        return cls(
            text=text,
            id="made-up",
            pop_receipt="made-up",
            dequeue_count=dequeue_count,
            inserted_on=now,
            expires_on=now + _KEPT,
            next_visible_on=now,
        )


def timer_data(previous: datetime, upcoming: datetime, extra: Mapping[str, object]) -> TypedData:
    status = {"Last": previous, "LastUpdated": previous, "Next": upcoming}
    info = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": False, **extra}
    return TypedData(json=msgspec.json.encode(info).decode())


def queue_metadata(item: QueueItem) -> Mapping[str, TypedData]:
    return {
        "Id": TypedData(string=item.id),
        "PopReceipt": TypedData(string=item.pop_receipt),
        "DequeueCount": TypedData(json=str(item.dequeue_count)),
        "InsertionTime": _instant(item.inserted_on),
        "ExpirationTime": _instant(item.expires_on),
        "NextVisibleTime": _instant(item.next_visible_on),
    }


def _instant(value: datetime) -> TypedData:
    return TypedData(json=msgspec.json.encode(value.astimezone(UTC)).decode())


def http_data(request: HttpRequest, parameters: Mapping[str, str]) -> TypedData:
    query: dict[str, str] = {}
    for name, value in parse_qsl(urlsplit(request.url).query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return TypedData(
        http=RpcHttp(
            method=request.method,
            url=request.url,
            headers={name.lower(): value for name, value in request.headers.items()},
            params=parameters,
            query=query,
            body=TypedData(bytes=request.body),
        )
    )


def http_reply(value: TypedData | None) -> HttpReply:
    """Return the reply for what a function returned: an `HttpResponse` or a string."""
    if value is None or value.http is None:
        return HttpReply(status=200, headers=_TEXT, body=octets(value))
    cookies = tuple(("set-cookie", _cookie(cookie)) for cookie in value.http.cookies or ())
    headers = (*value.http.headers.items(), *cookies)
    return HttpReply(status=int(value.http.status_code), headers=headers, body=octets(value.http.body))


def octets(value: TypedData | None) -> bytes:
    if value is None:
        return b""
    text = value.string if value.string is not None else value.json
    return value.bytes or (text or "").encode()


def _cookie(cookie: RpcHttpCookie) -> str:
    jar = SimpleCookie()
    jar[cookie.name] = cookie.value
    morsel = jar[cookie.name]
    morsel["path"] = cookie.path.value if cookie.path else ""
    morsel["domain"] = cookie.domain.value if cookie.domain else ""
    morsel["max-age"] = str(int(cookie.max_age.value)) if cookie.max_age else ""
    morsel["secure"] = bool(cookie.secure and cookie.secure.value)
    morsel["httponly"] = bool(cookie.http_only and cookie.http_only.value)
    morsel["samesite"] = {1: "Lax", 2: "Strict", 3: "None"}.get(cookie.same_site, "")
    return morsel.OutputString()
