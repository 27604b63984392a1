"""Every shape of file that HR systems, Entra and spreadsheets write, and what becomes of it."""

from __future__ import annotations

import pytest

from enforcer.register.feed.problems import FileError
from enforcer.register.feed.reading import Feed, read_feed
from tests.support.hr_files import SHAPES, Shape


def _read(shape: Shape) -> Feed:
    return read_feed(shape.content, shape.reading, lambda _: "")


def _told(feed: Feed) -> str:
    return "\n".join((*feed.notes, *map(str, feed.doubts), *feed.warnings))


@pytest.mark.parametrize("shape", [one for one in SHAPES if not one.is_refused], ids=lambda one: one.name)
def test_file_of_this_shape_is_read(shape: Shape) -> None:
    feed = _read(shape)
    assert tuple(line.row.row_key for line in feed.lines) == shape.keys
    assert tuple(line.row.end_date for line in feed.lines) == shape.ends
    assert [words for words in shape.says if words not in _told(feed)] == []


@pytest.mark.parametrize("shape", [one for one in SHAPES if one.is_refused], ids=lambda one: one.name)
def test_file_of_this_shape_is_refused_with_cause_and_cure(shape: Shape) -> None:
    with pytest.raises(FileError) as error:
        _read(shape)
    assert [words for words in shape.says if words not in str(error.value)] == []


def test_errors_beyond_fifty_are_counted_by_kind() -> None:
    lines = [f"p{number}@x.example,{'' if number % 2 else 'soon'}" for number in range(120)]
    with pytest.raises(FileError) as error:
        read_feed("\n".join(["user,end", *lines]).encode(), SHAPES[0].reading, lambda _: "")
    *named, counted = error.value.problems
    assert [line.partition(":")[0] for line in named] == [f"line {number}" for number in range(2, 52)]
    assert counted == "and 70 more lines: 35 x the end date is not a date, 35 x has no end date"
