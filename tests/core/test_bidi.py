from __future__ import annotations

import pytest

from enforcer.core.bidi import closed, isolated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Anna Novak", "Anna Novak"),
        ("نادية", "نادية"),
        ("\u202egpj.exe", "\u202egpj.exe\u202c"),
        ("a\u2067b", "a\u2067b\u2069"),
        ("a\u2069b\u202cc", "abc"),
        ("\u202ea\u2067b\u2069c\u202cd", "\u202ea\u2067b\u2069c\u202cd"),
        ("\u2067a\u202eb\u2069c", "\u2067a\u202eb\u2069c"),
        ("\u2067\u202cx", "\u2067x\u2069"),
        ("\u202e\u2066", "\u202e\u2066\u2069\u202c"),
    ],
)
def test_closed_text_ends_what_it_begins_and_nothing_else(text: str, expected: str) -> None:
    assert closed(text) == expected


def test_isolated_text_is_marked_only_where_it_may_turn_the_direction() -> None:
    assert isolated("Anna") == "Anna"
    assert isolated("\u202eevil") == "\u2068\u202eevil\u202c\u2069"
