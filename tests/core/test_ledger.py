"""The chain of ledger entries; tests/storage/tables/test_ledger.py has it in a table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, replace

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.ledger import (
    GENESIS,
    Action,
    Anchor,
    Break,
    Entry,
    EntryOutcome,
    Head,
    Link,
    failure,
    first_break,
    linked,
    undo_note,
)
from tests.support.paper_group import GROUP

ENTRY = Entry(at="2026-11-23T12:00:00Z", actor="timer", action=Action.REMOVE, group=GROUP, outcome="removed")


def chain(length: int) -> list[Link]:
    return Head().extended([replace(ENTRY, user=f"user {number}") for number in range(length)], "writer")


def broken(links: Sequence[Link], head: Head | None = None, anchors: Sequence[Anchor] = ()) -> Break | None:
    """Check a chain; unless another head is given, it is the last link's."""
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


def test_a_rewritten_chain_is_found_by_recorded_heads() -> None:
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


# What is written stays readable --------------------------------------------------------------------------


def test_a_chain_of_long_ago_still_fits() -> None:
    """These hashes are in people's ledgers and reports: no release may compute others."""
    whole = Entry(
        at="2026-11-23T12:00:00Z",
        actor="timer",
        action=Action.REMOVE,
        group=GROUP,
        user="00000001-0000-4000-8000-000000000000",
        row_key="anna@contoso.example",
        run="20261123T120000-abcdef",
        end_date="2026-11-22",
        due_at="2026-11-23T00:00:00Z",
        outcome="removed",
        request_id="11111111-2222-3333-4444-555555555555",
        note="Grüße",
    )
    links = Head().extended([whole, ENTRY], "writer 1")
    assert GENESIS == "0000000000000000000000000000000000000000000000000000000000000000"
    assert [link.hash for link in links] == [
        "8a296303b886df6311d59b6a79c5644aa2a04230b336c5270422d11b4aa44824",
        "88e661635cf1e61c7cb86fb16ce0cadb42e12f2ffec28d4db12d989c2379b890",
    ]
    assert [link.previous for link in links] == [GENESIS, links[0].hash]
    assert [(link.sequence, link.writer, link.damage) for link in links] == [
        (1, "writer 1", ""),
        (2, "writer 1", ""),
    ]
    assert linked(Head(), ENTRY) == linked(Head(), ENTRY, "")
    assert linked(Head(), ENTRY).hash == "f0e6991ca6a607909a016e6ea1204dbe0099eef9bb36a5567046ed29ade4da1d"


def test_words_of_the_ledger_are_spelled_as_in_existing_entries() -> None:
    assert [action.value for action in Action] == [
        *("disable", "remove", "revoke", "leavers_add", "leavers_remove"),
        *("add", "enable", "verify", "withdraw", "proof"),
        *("begin", "hold", "approve"),
        *("register_add", "register_extend", "register_end", "register_remove", "register_import"),
        *("resume", "unreadable"),
    ]
    assert [done.value for done in EntryOutcome] == [
        *("removed", "disabled", "already_absent", "verified", "added", "already a member"),
        *("undone", "written", "ended"),
    ]
    assert failure("403 no") == "failed: 403 no"
    assert undo_note("20261123T120000-abcdef") == "undo of run 20261123T120000-abcdef"


@pytest.mark.parametrize("field", [name for name in Entry.__slots__ if name != "action"])
def test_a_text_that_no_table_can_hold_is_cut_or_replaced(field: str) -> None:
    def stored(text: str) -> object:
        storable = replace(ENTRY, **{field: text}).storable()  # type: ignore[arg-type]
        assert storable.action is ENTRY.action
        return getattr(storable, field)

    assert stored("é" * 2000) == "é" * 2000
    assert stored("é" * 2001) == "é" * 1999 + "…"
    assert stored("half \ud83d") == "half ?"
    assert stored("whole 📅") == "whole 📅"


# Every break, its place and its reason ---------------------------------------------------------------------

FIVE = chain(5)
OTHER_HASH = "f" * 64


def changed(position: int, **fields: object) -> list[Link]:
    """Return a chain of five with another link in one place, from 0."""
    links = list(FIVE)
    links[position] = replace(links[position], **fields)  # type: ignore[arg-type]
    return links


def rehashed(position: int, entry: Entry) -> list[Link]:
    """Return the chain with another entry whose hash fits, as an expert would forge it."""
    head = Head(position, FIVE[position - 1].hash if position else GENESIS)
    return [*FIVE[:position], linked(head, entry, "writer"), *FIVE[position + 1 :]]


@pytest.mark.parametrize(
    ("links", "sequence", "reason"),
    [
        (changed(2, damage="has no hash"), 3, "has no hash"),
        (changed(0, damage="has no hash"), 1, "has no hash"),
        (changed(2, damage="has no hash", sequence=2), 3, "has no hash"),
        (changed(2, damage="has no hash", sequence=4), 3, "is missing (the next one found is 4)"),
        ([*FIVE[:2], *FIVE[3:]], 3, "is missing (the next one found is 4)"),
        (FIVE[1:], 1, "is missing (the next one found is 2)"),
        ([*FIVE[:2], FIVE[1], *FIVE[2:]], 3, "is missing (the next one found is 2)"),
        (rehashed(2, replace(ENTRY, group="another")), 3, "belongs to the chain of 'another'"),
        (changed(2, previous=OTHER_HASH), 3, "does not follow the entry before it"),
        (changed(0, previous=OTHER_HASH), 1, "does not follow the entry before it"),
        (changed(2, hash=OTHER_HASH), 3, "was changed after it was written"),
        (changed(2, entry=replace(ENTRY, user="me")), 3, "was changed after it was written"),
        (changed(2, writer="me"), 3, "was changed after it was written"),
        (rehashed(2, replace(ENTRY, user="me")), 4, "does not follow the entry before it"),
        (rehashed(4, replace(ENTRY, user="me")), 5, "is not the entry that the head names"),
    ],
)
def test_a_break_is_named_at_its_place_with_its_reason(links: list[Link], sequence: int, reason: str) -> None:
    head = Head(5, FIVE[-1].hash)
    assert broken(links, head) == Break(group=GROUP, sequence=sequence, reason=reason)


@pytest.mark.parametrize(
    ("head", "sequence", "reason"),
    [
        (Head(7, OTHER_HASH), 7, "is missing: the chain ends at entry 5, but the head names it"),
        (Head(5, OTHER_HASH), 5, "is not the entry that the head names"),
        (Head(3, OTHER_HASH), 3, "is not the entry that the head names"),
        (Head(3, FIVE[2].hash), 4, "lies beyond the head, which names entry 3"),
        (Head(), 1, "lies beyond the head, which names entry 0"),
    ],
)
def test_a_head_that_does_not_fit_is_named(head: Head, sequence: int, reason: str) -> None:
    assert broken(FIVE, head) == Break(group=GROUP, sequence=sequence, reason=reason)


def test_earlier_heads_that_fit_break_nothing_in_any_order() -> None:
    anchors = [
        Anchor(sequence=number, hash=FIVE[number - 1].hash, source=f"day {number}") for number in (4, 2, 2, 5)
    ]
    assert broken(FIVE, anchors=anchors) is None
    beyond = Anchor(sequence=6, hash=OTHER_HASH, source="the report")
    reason = "is missing: the chain ends at entry 5, but the report names it"
    assert broken(FIVE, anchors=[*anchors, beyond]) == Break(group=GROUP, sequence=6, reason=reason)
    forged = Anchor(sequence=2, hash=OTHER_HASH, source="day 2")
    reason = "is not the entry that day 2 names"
    assert broken(FIVE, anchors=[*anchors, forged]) == Break(group=GROUP, sequence=2, reason=reason)


@pytest.mark.parametrize("written", [1, 2])
def test_what_is_written_while_the_chain_is_read_is_not_a_break(written: int) -> None:
    """The head is read before and after; entries written in between may be seen or not."""
    heads = [Head(3, FIVE[2].hash), Head(3 + written, FIVE[2 + written].hash)]
    for seen in range(3, 4 + written):
        assert _read_meanwhile(FIVE[:seen], heads) is None


def test_the_head_that_is_read_last_has_to_fit_where_the_chain_ends() -> None:
    heads = [Head(3, FIVE[2].hash), Head(5, OTHER_HASH)]
    assert _read_meanwhile(FIVE, heads) == Break(
        group=GROUP, sequence=5, reason="is not the entry that the head names"
    )


def _read_meanwhile(links: Sequence[Link], heads: Sequence[Head]) -> Break | None:
    coming = iter(heads)

    async def stored() -> AsyncIterator[Link]:
        for link in links:
            yield link

    async def read_head() -> Head:
        return next(coming)

    return anyio.run(lambda: first_break(GROUP, stored(), read_head))
