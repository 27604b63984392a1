"""Graph's answers as objects; a list comes in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from enforcer.exceptions import ReadError
from enforcer.graph.reply import Reply


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


async def all_of[T](
    reply: Reply, read: Callable[[Reply], Page[T]], follow: Callable[[str], Awaitable[Reply]]
) -> AsyncIterator[T]:
    """Give what is on this page and on all that follow it.

    Args:
        reply: The answer with the first page.
        read: Makes a page of an answer, or raises.
        follow: Asks for the page at a `next_link`.
    """
    while True:
        page = read(reply)
        for found in page.value:
            yield found
        # A page may be short, or empty, and have a successor all the same.
        if page.next_link is None:
            return
        reply = await follow(page.next_link)
