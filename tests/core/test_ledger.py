"""The chain of the ledger's entries; tests/tables/test_ledger.py has it in a table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, replace

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.ledger import GENESIS, Action, Anchor, Break, Entry, Head, Link, first_break
from tests.core.group import GROUP

ENTRY = Entry(at="2026-11-23T12:00:00Z", actor="timer", action=Action.REMOVE, group=GROUP, outcome="removed")


def chain(length: int) -> list[Link]:
    return Head().extended([replace(ENTRY, user=f"user {number}") for number in range(length)], "writer")


def broken(links: Sequence[Link], head: Head | None = None, anchors: Sequence[Anchor] = ()) -> Break | None:
    """Check a chain whose head, unless another is given, is that of its last link."""
    known = head or (Head(links[-1].sequence, links[-1].hash) if links else Head())

    async def stored() -> AsyncIterator[Link]:
        for link in links:
            yield link

    async def read_head() -> Head:
        return known

    return anyio.run(lambda: first_break(GROUP, stored(), read_head, anchors))


def test_the_first_link_follows_nothing_and_each_other_one_the_link_before() -> None:
    first, second = chain(2)
    assert (first.sequence, first.previous) == (1, GENESIS)
    assert (second.sequence, second.previous) == (2, first.hash)


@pytest.mark.parametrize("length", [0, 1, 7])
def test_a_chain_as_it_was_written_fits(length: int) -> None:
    assert broken(chain(length)) is None


def test_a_chain_written_in_several_goes_is_the_same_chain() -> None:
    entries = [link.entry for link in chain(5)]
    begun = Head().extended(entries[:2], "writer")
    assert begun + Head(2, begun[-1].hash).extended(entries[2:], "writer") == chain(5)


@given(
    field=st.sampled_from([name for name in Entry.__dataclass_fields__ if name not in ("action", "group")]),
    text=st.text(max_size=9),
    position=st.integers(0, 4),
)
def test_any_changed_text_is_found_in_its_entry(field: str, text: str, position: int) -> None:
    links = chain(5)
    before = links[position].entry
    changed = Entry(**{**asdict(before), field: text})
    links[position] = replace(links[position], entry=changed)
    found = broken(links)
    assert (found and found.sequence) == (None if changed == before else position + 1)


@given(length=st.integers(2, 6), data=st.data())
def test_a_missing_doubled_or_moved_entry_is_found_at_its_place(length: int, data: st.DataObject) -> None:
    links, position = chain(length), data.draw(st.integers(0, length - 2))
    missing = links[:position] + links[position + 1 :]
    doubled = [*links[: position + 1], *links[position:]]
    moved = [*missing[: position + 1], links[position], *missing[position + 1 :]]
    assert (found := broken(missing)) is not None
    assert found.sequence == position + 1
    assert (found := broken(doubled)) is not None
    assert found.sequence == position + 2
    assert (found := broken(moved)) is not None
    assert found.sequence == position + 1


def test_a_tail_that_was_cut_off_is_found_by_the_head() -> None:
    whole = chain(5)
    found = broken(whole[:3], Head(5, whole[-1].hash))
    assert found is not None
    assert (found.sequence, "missing" in found.reason) == (5, True)


def test_a_chain_written_anew_is_found_by_what_stands_elsewhere() -> None:
    forged = Head().extended([ENTRY] * 5, "writer")
    anchor = Anchor(sequence=3, hash=chain(5)[2].hash, source="the report of 22 November")
    found = broken(forged, anchors=[anchor])
    assert found == Break(
        group=GROUP, sequence=3, reason="is not the entry that the report of 22 November names"
    )


def test_who_wrote_an_entry_belongs_to_it() -> None:
    links = chain(2)
    links[1] = replace(links[1], writer="somebody else")
    assert broken(links) is not None
