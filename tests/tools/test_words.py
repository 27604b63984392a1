"""The word list: what it finds, what it spares, and that the tree keeps to it."""

from __future__ import annotations

import pytest

from tools.words import PROJECT, Word, found_in, read_list, texts

WORDS = read_list()


def test_the_tree_keeps_to_the_word_list() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {problem}"
        for path in texts()
        for number, problem in found_in(path.read_text(encoding="utf-8"), WORDS)
    ]
    assert not found, "\n".join(["words to replace:", *found])


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.pattern.pattern)
def test_each_pattern_finds_its_example_and_says_what_to_write(word: Word) -> None:
    [(number, problem)] = found_in(f"A first line.\n{word.example}\nA last one.", [word])
    assert number == 2
    assert problem.endswith(word.instead)


def test_words_are_found_in_any_case_and_once_on_each_line() -> None:
    [pronouns, *_] = WORDS
    text = f"{pronouns.example.upper()}\n{pronouns.example}"
    assert [number for number, _ in found_in(text, [pronouns])] == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        "There is no row for this member.",
        "The token is no longer valid.",
        "No more than twenty requests fit into a batch.",
        "This element has a header; the theme is another's.",
        "The value is shown as it is.",
        "A proxy stands in for the storage account.",
        "Say who they are, and amend their commit.",
        'Return """given""" text.',
    ],
)
def test_what_is_right_is_spared(text: str) -> None:
    assert list(found_in(text, WORDS)) == []
