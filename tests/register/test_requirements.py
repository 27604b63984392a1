from __future__ import annotations

import pytest

from enforcer.register.requirements import key_problem


@pytest.mark.parametrize(
    "key",
    [
        "Anna",
        "a/b@x.example",
        "a\\b@x.example",
        "a#b@x.example",
        "a?b@x.example",
        "a%b@x.example",
        "",
        "x" * 250 + "@x.example",
    ],
)
def test_a_key_that_a_table_cannot_hold_is_refused(key: str) -> None:
    assert key_problem(key)


@pytest.mark.parametrize("key", ["11111111-2222-3333-4444-555555555555", "o'brien+x@bücher.example"])
def test_object_ids_and_addresses_are_keys(key: str) -> None:
    assert not key_problem(key)
