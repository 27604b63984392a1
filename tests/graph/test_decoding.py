"""Graph's answers are read whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from enforcer.core.exceptions import ReadError
from enforcer.graph.decoding import Page, all_of, decode
from enforcer.graph.reply import Reply

pytestmark = pytest.mark.anyio


def answer(value: list[str], link: str | None = None) -> Reply:
    body = {"value": value} | ({"@odata.nextLink": link} if link else {})
    return Reply(status=200, body=msgspec.json.encode(body))


def first(reply: Reply) -> Callable[[], Awaitable[Reply]]:
    async def begin() -> Reply:
        return reply

    return begin


def names(reply: Reply) -> Page[str]:
    return decode(reply, Page[str], "names")


async def test_every_page_is_followed_also_an_empty_one() -> None:
    pages = {"second": answer([], "third"), "third": answer(["ben"])}

    async def follow(link: str) -> Reply:
        return pages.pop(link)

    assert await all_of(first(answer(["ada"], "second")), names, follow) == ["ada", "ben"]
    assert pages == {}


@pytest.mark.parametrize("body", [b"", b'{"value": ["ada"', b"<html>", b'{"value": [1]}', b"{}"])
async def test_a_malformed_answer_is_not_an_empty_list(body: bytes) -> None:
    with pytest.raises(ReadError, match="names could not be read: Graph's answer is broken"):
        names(Reply(status=200, body=body))


async def test_links_that_grow_for_ever_are_followed_for_a_bounded_time() -> None:
    async def follow(link: str) -> Reply:
        await asyncio.sleep(0)
        return answer(["ada"], link + "x")

    with pytest.raises(ReadError, match="has no end"):
        await all_of(first(answer([], "x")), names, follow, seconds=0.05)


async def test_a_link_that_was_followed_before_is_not_followed_again() -> None:
    pages = {"a": answer([], "b"), "b": answer([], "a")}

    async def follow(link: str) -> Reply:
        return pages.pop(link)

    with pytest.raises(ReadError, match="circles"):
        await all_of(first(answer([], "a")), names, follow)


async def test_nothing_of_a_list_whose_place_was_lost_is_given_twice() -> None:
    lost = [Reply(status=400, code="Directory_ExpiredPageToken")] * 2

    async def follow(_: str) -> Reply:
        return lost.pop() if lost else answer(["ben"])

    assert await all_of(first(answer(["ada"], "second")), names, follow) == ["ada", "ben"]
