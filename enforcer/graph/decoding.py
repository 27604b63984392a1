"""Decodes Graph's answers and reads lists page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from enforcer.core.exceptions import ReadError
from enforcer.graph.reply import Reply

# More than the longest list takes, but less than a run may.
LISTING_SECONDS = 20 * 60.0
_ATTEMPTS = 3


class Page[T](msgspec.Struct):
    """A page of a list; the last one has no `next_link`."""

    value: list[T]
    next_link: str | None = msgspec.field(default=None, name="@odata.nextLink")


def decode[T](reply: Reply, kind: type[T], what: str) -> T:
    """Decode the body of a successful answer.

    Raises:
        ReadError: It is truncated, or is not `what`.
    """
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except msgspec.MsgspecError as error:
        raise ReadError(f"{what} could not be read: Graph's answer is broken ({error})") from error


class _PlaceLostError(Exception):
    """Graph no longer accepts a nextLink."""


async def all_of[T](
    begin: Callable[[], Awaitable[Reply]],
    read: Callable[[Reply], Page[T]],
    follow: Callable[[str], Awaitable[Reply]],
    *,
    seconds: float = LISTING_SECONDS,
) -> list[T]:
    """Read a whole list, page by page; if Graph loses the place, start again, at most twice.

    Args:
        begin: Requests the first page.
        read: Decodes a page, or raises.
        follow: Requests the page at a `next_link`.
        seconds: How long further pages are requested.

    Raises:
        ReadError: The list does not end: its pages go in circles, or there are more when the time is up.
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
    # Even a short or empty page may have a successor.
    while (link := page.next_link) is not None:
        found += page.value
        if link in followed:
            raise ReadError(
                f"Graph's pages go in circles: after {len(followed) + 1} pages a link was repeated"
            )
        if asyncio.get_running_loop().time() >= until:
            raise ReadError(
                f"Graph's list has no end: there are more pages after {len(followed) + 1} when time is up"
            )
        followed.add(link)
        reply = await follow(link)
        if reply.place_lost:
            raise _PlaceLostError(reply.explanation)
        page = read(reply)
    return found + page.value
