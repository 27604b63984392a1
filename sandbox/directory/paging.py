"""Collections in pages, each linked to the next by the last object shown."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote

import msgspec

from sandbox.directory.errors import bad_request
from sandbox.directory.messages import Answer, Call
from sandbox.directory.objects import DirectoryObject
from sandbox.directory.settings import Settings
from sandbox.directory.tenant import Json

# Source: the list operations' reference pages.
DEFAULT_PAGE = 100
LARGEST_PAGE = 999


class Position(msgspec.Struct, array_like=True, frozen=True):
    """Where a page begins: after which ID, and the page's number."""

    after: str = ""
    page: int = 1


def position(call: Call) -> Position:
    """Return the position that the call's page token names. Raises GraphError (400)."""
    token = call.query.get("$skiptoken")
    if not token:
        return Position()
    try:
        return msgspec.json.decode(urlsafe_b64decode(token), type=Position)
    except (Base64Error, ValueError, msgspec.DecodeError) as error:
        raise bad_request(
            "The specified page token value has expired and can't be included in your request."
        ) from error


def page_size(call: Call) -> int:
    """Return the page size that the call requests. Raises GraphError (400)."""
    top = call.query.get("$top", str(DEFAULT_PAGE))
    if not top.isdecimal() or not 1 <= int(top) <= LARGEST_PAGE:
        raise bad_request(
            f"Invalid page size specified: '{top}'. Must be between 1 and {LARGEST_PAGE} inclusive."
        )
    return int(top)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A collection: `following` yields the objects after an ID, in order of ID."""

    context: str
    following: Callable[[str], Iterable[DirectoryObject]]
    show: Callable[[DirectoryObject], Json]
    count: int | None = None


def page_of(listing: Listing, call: Call, settings: Settings) -> Answer:
    """Return the page that a call requests. Raises GraphError (400)."""
    start = position(call)
    empty = settings.empty_page_every > 1 and start.page % settings.empty_page_every == 0
    size = 0 if empty else min(page_size(call), settings.page_limit)
    rest = iter(listing.following(start.after))
    entries = list(islice(rest, size))
    body: Json = {"@odata.context": f"{call.root}/$metadata#{listing.context}"}
    if listing.count is not None and not start.after:
        body["@odata.count"] = listing.count
    if next(rest, None) is not None:
        last = entries[-1].id if entries else start.after
        body["@odata.nextLink"] = _link(call, Position(last, start.page + 1))
    body["value"] = [listing.show(entry) for entry in entries]
    return Answer(body=body)


def _link(call: Call, successor: Position) -> str:
    token = urlsafe_b64encode(msgspec.json.encode(successor)).decode()
    query = {**call.query, "$skiptoken": token}
    path = quote(call.path, safe="/()'$,")
    return f"{call.root}{path}?" + "&".join(
        f"{name}={quote(value, safe=',')}" for name, value in query.items()
    )
