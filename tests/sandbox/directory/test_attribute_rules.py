from __future__ import annotations

import pytest

from sandbox.directory.attribute_rules import RuleError, matches

LAPTOP: dict[str, object] = {
    "model": "Book 3",
    "isCompliant": True,
    "trustType": "AzureAD",
    "displayName": None,
}


@pytest.mark.parametrize(
    ("rule", "laptop", "unregistered"),
    [
        ("device.isCompliant -eq True", True, False),
        ("device.isCompliant -ne True", False, True),
        ('device.model -startsWith "book"', True, False),
        ('device.model -endsWith "4"', False, False),
        ('device.model -notContains "ook"', False, True),
        ('device.trustType -in ["ServerAD", "AzureAD"]', True, False),
        ('device.trustType -notIn ["ServerAD"]', True, True),
        ('device.x -eq "x"', False, False),
        ('device.isCompliant -eq True -and device.model -eq "Pad"', False, False),
        ('device.model -eq "Pad" -or device.isCompliant -eq True', True, False),
        ('-not (device.model -eq "Pad" -or device.isCompliant -ne True)', True, False),
    ],
)
def test_an_unregistered_device_meets_negative_comparisons_only(
    rule: str, *, laptop: bool, unregistered: bool
) -> None:
    assert (matches(rule, LAPTOP), matches(rule, {})) == (laptop, unregistered)


@pytest.mark.parametrize("rule", ["", "x", "device.a -like b", "device.a -eq b c", "(device.a -eq b"])
def test_a_rule_that_is_not_understood_is_refused(rule: str) -> None:
    with pytest.raises(RuleError):
        matches(rule, {})
