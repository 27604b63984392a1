"""A request and a response, independent of Azure Functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from enforcer.core.calendar.dates import instant

JSON = "application/json"
LARGEST_BODY = 64 * 1024  # bytes

# A browser may not store, sniff, frame or run any of this: it names people.
SECURITY_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    # Two years (hstspreload.org); a browser ignores it over plain HTTP.
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request.

    Attributes:
        id: The ID of the function's invocation; its lines in the log have it.
        headers: By lower-case name.
        parameters: Those of the path, decoded.
    """

    id: str
    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def size(self) -> int:
        """The size of the body in bytes, as the headers declare it, or as it is."""
        declared = self.headers.get("content-length", "")
        return max(len(self.body), int(declared) if declared.isascii() and declared.isdigit() else 0)

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes


def respond(
    content: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = JSON,
) -> Response:
    """Return a response with this content as JSON."""
    return Response(
        status=status,
        headers={"Content-Type": media_type, **SECURITY_HEADERS, **(headers or {})},
        body=msgspec.json.encode(content, enc_hook=_plain),
    )


def _plain(value: object) -> str:
    """Return what msgspec cannot encode as text: the storage SDK's times have a class of their own."""
    if isinstance(value, datetime):
        return instant(value)
    # This tells msgspec that the value cannot be encoded (msgspec: enc_hook).
    raise NotImplementedError(type(value).__name__)
