"""Graph's answers as objects; a list comes in pages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from enforcer.core.exceptions import ReadError
from enforcer.graph.reply import Reply

# Longer than the longest list takes, and within the time of a run.
LISTING_SECONDS = 20 * 60.0
_ATTEMPTS = 3


class Page[T](msgspec.Struct):
    """A part of a list; the last one has no `next_link`."""

    value: list[T]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


def decode[T](reply: Reply, kind: type[T], what: str) -> T:
    """Read the body of an answer that is no error.

    Raises:
        ReadError: It is cut off, or something else than `what`.
    """
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except msgspec.MsgspecError as error:
        raise ReadError(f"{what} could not be read: Graph's answer is broken ({error})") from error


class _PlaceLostError(Exception):
    """Graph no longer knows where in the list we are."""


async def all_of[T](
    begin: Callable[[], Awaitable[Reply]],
    read: Callable[[Reply], Page[T]],
    follow: Callable[[str], Awaitable[Reply]],
    *,
    seconds: float = LISTING_SECONDS,
) -> list[T]:
    """Read a whole list, page by page; from its beginning again, twice at most, where Graph loses the place.

    Args:
        begin: Asks for the first page.
        read: Makes a page of an answer, or raises.
        follow: Asks for the page at a `next_link`.
        seconds: After which no further page is asked for.

    Raises:
        ReadError: The list has no end: its pages go in circles, or there were more after so long.
        Whatever the functions raise.
    """
    until = asyncio.get_running_loop().time() + seconds
    attempt = 1
    while True:
        try:
            return await _pages(begin, read, follow, until)
        except _PlaceLostError as error:
            if attempt == _ATTEMPTS:
                raise ReadError(f"Graph lost the place in a list {attempt} times: {error}") from error
            attempt += 1


async def _pages[T](
    begin: Callable[[], Awaitable[Reply]],
    read: Callable[[Reply], Page[T]],
    follow: Callable[[str], Awaitable[Reply]],
    until: float,
) -> list[T]:
    found: list[T] = []
    followed: set[str] = set()
    page = read(await begin())
    # A page may be short, or empty, and have a successor all the same.
    while (link := page.next_link) is not None:
        found += page.value
        if link in followed:
            raise ReadError(f"Graph's pages go in circles: after {len(followed) + 1} pages a link came again")
        if asyncio.get_running_loop().time() >= until:
            raise ReadError(
                f"Graph's list has no end: there were more than {len(followed) + 1} pages in the time"
            )
        followed.add(link)
        reply = await follow(link)
        if reply.place_lost:
            raise _PlaceLostError(reply.explanation)
        page = read(reply)
    return found + page.value
