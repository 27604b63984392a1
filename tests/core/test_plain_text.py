from __future__ import annotations

import sys
import unicodedata

import pytest

from enforcer.core.plain_text import is_plain, plain, without_links


def test_only_control_characters_line_ends_and_surrogates_are_not_plain() -> None:
    refused = {chr(code) for code in range(sys.maxunicode + 1) if not is_plain(chr(code))}
    assert {unicodedata.category(character) for character in refused} == {"Cc", "Cs", "Zl", "Zp"}
    kept = map(chr, set(range(sys.maxunicode + 1)) - set(map(ord, refused)))
    assert {unicodedata.category(character) for character in kept}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})


@pytest.mark.parametrize(
    "name", ["山田\u3000太郎", "Société\u00a0X", "می\u200cشود", "👩\u200d💻", "e\u0301", ""]
)
def test_names_from_anywhere_are_unchanged(name: str) -> None:
    assert is_plain(name)
    assert plain(name) == name


def test_what_is_not_plain_is_replaced_one_by_one() -> None:
    assert plain("a\r\nb\u2028\x1b[c") == "a  b  [c"
    assert plain("a\nb", instead="\\") == "a\\b"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada https://evil.example/x now", "Ada … now"),
        ("HTTPS://EVIL.EXAMPLE", "…"),
        ("(www.evil.example) mail me@evil.example", "… mail …"),
        ("mailto:x tel:123", "… …"),
        ("evil.example/login", "evil. example/login"),
        ("evil\uff0eexample, \uff48\uff54\uff54\uff50\uff1a\uff0f\uff0fx", "evil. example, …"),
        ("Dr.Müller  J.R. Smith", "Dr. Müller J.R. Smith"),
        ("a\u202eb\u2069\u200fc\u061c\r\nd", "abc d"),
        ("O'Brien-Łukasz, 山田\u3000太郎", "O'Brien-Łukasz, 山田 太郎"),
    ],
)
def test_name_loses_links_and_direction_but_not_its_letters(name: str, shown: str) -> None:
    assert without_links(name) == shown
