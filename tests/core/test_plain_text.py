from __future__ import annotations

import sys
import unicodedata

import pytest

from enforcer.core.plain_text import is_plain, plain


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
