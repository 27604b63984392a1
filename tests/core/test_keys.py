"""Which keys are readable, how they are compared, and whom the others may mean."""

from __future__ import annotations

import json
import subprocess
import unicodedata
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcer.core.keys import (
    ANYBODY,
    is_address,
    is_key,
    is_object_id,
    meanings,
    normalised,
    problem,
    shown,
    trimmed,
    trimming,
)

ANNA = "11111111-2222-3333-4444-aaaaaaaaaaaa"
MAIL = "anna@partner.example"
# What browsers and spreadsheets leave in an address, and people do not see.
INVISIBLE = "\u200b\ufeff\u00ad\u2060\u200e\u202e\u115f\u3164\ufe0f\u034f\u180e\U000e0041\u2003\u2028"
# Node has all properties of Unicode, and folds cases by CaseFolding.txt (C and S) where a pattern is /iu.
_UNICODE = """
const has = (property) => {
  const pattern = new RegExp(`\\\\p{${property}}`, "u"), found = [];
  for (let one = 0; one <= 0x10ffff; one++) if (pattern.test(String.fromCodePoint(one))) found.push(one);
  return found;
};
const pairs = JSON.parse(process.argv[1]);
const same = pairs.filter(([one, other]) => new RegExp(`^\\\\u{${one.toString(16)}}$`, "iu").test(other));
console.log(JSON.stringify({
  ignorable: has("Default_Ignorable_Code_Point"), dash: has("Dash"), same,
}));
"""


@cache
def every_character() -> list[str]:
    """Return the assigned characters without the large caseless scripts, of which thousands are alike."""
    points = (*range(0x3200), *range(0xA640, 0xAC00), *range(0xF900, 0x12000), *range(0x1D000, 0x1F000))
    points = (*points, 0xD800, 0xE000, *range(0xE0000, 0xE0200))
    return [chr(point) for point in points if unicodedata.category(chr(point)) != "Cn"]


def is_readable(character: str) -> bool:
    return is_key(f"a{character}b@partner.example")


@cache
def readable() -> list[str]:
    return list(filter(is_readable, every_character()))


@cache
def unicode() -> dict[str, list[int]]:
    folded = [(ord(one), normalised(one)) for one in readable()]
    pairs = json.dumps([pair for pair in folded if len(pair[1]) == 1 and chr(pair[0]) != pair[1]])
    done = subprocess.run(["node", "-e", _UNICODE, pairs], capture_output=True, check=True)  # noqa: S603, S607
    found: dict[str, list[int]] = json.loads(done.stdout)
    assert len(found["same"]) == len(json.loads(pairs)) > 1_000
    return found


# Reading -------------------------------------------------------------------------------------------------


def test_no_character_that_unicode_calls_ignorable_or_a_dash_can_be_read() -> None:
    hidden = {chr(point) for point in (*unicode()["ignorable"], *unicode()["dash"])} - {"-"}
    assert len(hidden) > 4_000
    assert [ascii(one) for one in hidden if is_readable(one)] == []


def test_what_can_be_read_is_exactly_what_is_not_hidden() -> None:
    """Follows the documented rule, character by character."""
    ignorable = {chr(point) for point in unicode()["ignorable"]}
    dashes = {chr(point) for point in unicode()["dash"]} - {"-"}
    for one in every_character():
        form = unicodedata.normalize("NFC", one)
        hidden = (
            one in ignorable
            or one in dashes
            or one in "%\ufffd"
            or unicodedata.category(one) in {"Cc", "Cf", "Zs", "Zl", "Zp", "Cs", "Co", "Cn"}
            or unicodedata.normalize("NFKC", form) != form
            or (len(form) == 1 and form != one)
        )
        around = one in '@"<>(){}[]:;,|\\'  # an address does not hold these, though they are seen
        assert is_readable(one) is not (hidden or around), ascii(one)


@pytest.mark.parametrize(
    "key",
    [
        MAIL,
        MAIL.upper(),
        ANNA,
        ANNA.upper(),
        "änna@bücher.example",
        unicodedata.normalize("NFD", "änna@bücher.example"),
        "gina_partner.example%23EXT%23@contoso.example",
        "田中@例え.example",
        "o'brien+x@partner.example",
    ],
)
def test_a_key_with_nothing_hidden_is_readable_and_means_one_person(key: str) -> None:
    assert is_key(key)
    assert problem(key) == ""
    assert meanings(key) == (normalised(key),)


@pytest.mark.parametrize("character", INVISIBLE)
@pytest.mark.parametrize("place", [0, 3, len(MAIL)])
def test_a_key_with_something_invisible_may_mean_whom_it_seems_to(character: str, place: int) -> None:
    key = MAIL[:place] + character + MAIL[place:]
    assert not is_key(key)
    assert normalised(key) != MAIL
    assert MAIL in meanings(key)
    assert character not in problem(key)
    assert ascii(character)[1:-1] in problem(key)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("anna%40partner.example", {MAIL}),
        ("anna%2540partner.example", {MAIL}),
        ("ann%61@partner.example", {MAIL}),
        ("anna%E2%80%8B@partner.example", {MAIL}),
        ("anna@partner.example%", {ANYBODY, MAIL}),
        ("\uff41nna@partner.example", {MAIL}),
        ("anna\uff20partner.example", {MAIL}),
        ("\u212aim@partner.example", {"kim@partner.example"}),
        ("\u212bsa@partner.example", {"åsa@partner.example"}),
        ("jo\u00adann@partner.example", {"joann@partner.example", "jo-ann@partner.example"}),
        ("jo\u2010ann@partner.example", {"jo-ann@partner.example"}),
        ("jo\u2212ann@partner.example", {"jo-ann@partner.example"}),
        (ANNA.replace("-", "\u2011"), {ANNA}),
        (f"\u200b{ANNA.upper()}", {ANNA}),
        ("mailto:\u200banna@partner.example", {MAIL}),
        ("anna berg@partner.example", {ANYBODY, "berg@partner.example"}),
        ("an\u00a0na@partner.example", {ANYBODY, MAIL, "na@partner.example"}),
        ("\ue000anna@partner.example", {ANYBODY, MAIL}),
        (r"anna\ud83d@partner.example", {ANYBODY, MAIL}),
        ("ann\ufffd@partner.example", {ANYBODY, "ann@partner.example"}),
        ("Anna Berg <anna@partner.example>", {ANYBODY, MAIL}),
        ("anna@partner.example;ben@partner.example", {ANYBODY, MAIL, "ben@partner.example"}),
        ("anna@partner.example\u200bben@partner.example", {ANYBODY, MAIL, "ben@partner.example"}),
        ("i:0#.f|membership|anna@partner.example", {ANYBODY, MAIL}),
        ("Anna Berg", {ANYBODY}),
        ("", {ANYBODY}),
    ],
)
def test_an_unreadable_key_may_mean_everybody_it_seems_to(key: str, meant: set[str]) -> None:
    assert not is_key(key)
    assert set(meanings(key)) == meant


# Comparing -----------------------------------------------------------------------------------------------


def test_cases_are_folded_as_unicode_folds_them_one_character_to_one() -> None:
    pairs = unicode()["same"]
    assert len(pairs) > 1_000
    assert (normalised("STRASSE"), normalised("Straße")) == ("strasse", "straße")
    assert normalised("GROẞ") == normalised("groß")
    assert normalised("ΝΊΚΟΣ") == normalised("νίκος")
    assert normalised("\u0130") not in {"i", "i\u0307"}


def test_characters_that_node_takes_for_the_same_are_the_same_here() -> None:
    """The converse: upper and lower case of a character fold to the same, or cannot be read."""
    known = set(readable())
    for one in readable():
        for other in {one.upper(), one.lower()} & known:
            if one.casefold() == other.casefold():
                assert normalised(one) == normalised(other), ascii(one)


def test_the_normal_form_of_what_can_be_read_can_be_read_and_is_its_own() -> None:
    for one in readable():
        form = normalised(f"a{one}b@partner.example")
        assert is_key(form), ascii(one)
        assert normalised(form) == form, ascii(one)


def caseless(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


@given(st.text(max_size=3), st.text(max_size=3))
def test_two_texts_are_the_same_key_only_if_they_are_the_same_to_the_eye(one: str, other: str) -> None:
    mine, yours = f"{one}@x.example", f"{other}@x.example"
    if is_key(mine):
        assert normalised(mine) == normalised(unicodedata.normalize("NFD", mine))
        assert normalised(normalised(mine)) == normalised(mine)
    if normalised(mine) == normalised(yours):
        assert is_key(mine) == is_key(yours)
        assert caseless(mine) == caseless(yours)


@given(st.text(max_size=30))
def test_any_key_means_somebody_and_its_problem_can_be_shown(text: str) -> None:
    assert meanings(text)
    assert all(meant == ANYBODY or is_key(meant) for meant in meanings(text))
    assert (problem(text) == "") is is_key(text)
    assert trimmed(trimmed(text)) == trimmed(text)
    assert not any(unicodedata.category(one) in {"Cf", "Cc", "Cs"} for one in shown(text))


def test_a_guests_name_reads_the_same_with_its_number_signs_encoded() -> None:
    assert normalised("Gina_Partner%23EXT%23@c.example") == normalised("gina_partner#ext#@C.example")


def test_what_is_trimmed_is_reported() -> None:
    assert trimmed(f"\ufeff {MAIL}\u200b\u00a0") == MAIL
    assert trimming(f"\ufeff{MAIL}") == (
        f"'\\ufeff{MAIL}' was taken as '{MAIL}': blanks or invisible characters around"
    )
    assert trimming(MAIL) == ""
    assert trimmed("an\u200bna") == "an\u200bna"


# Forms ---------------------------------------------------------------------------------------------------


@given(text=st.text(alphabet="aA.@<>'\"{}-_ ;:#%\t\\|é", max_size=12))
def test_what_counts_as_an_address_has_nothing_around_it(text: str) -> None:
    if is_address(text):
        assert text == text.strip(" \t\"'<>{};:.\\|")
        assert text.count("@") == 1


def test_object_ids_are_told_from_what_only_looks_like_them() -> None:
    assert is_object_id(ANNA)
    assert is_object_id(ANNA.upper())
    assert not is_object_id(f" {ANNA}")
    assert not is_object_id(ANNA.replace("-", ""))
    assert not is_object_id(ANNA.replace("1", "\u0661"))
