"""Which partitions are a managed group's, however somebody has spelt it, and which are nobody's."""

from __future__ import annotations

import pytest

from enforcer.core.partitions import ADVICE, spellings, unmanaged, unmanaged_detail, unmanaged_findings
from enforcer.core.plan import Finding, FindingKind

GROUP, OTHER = "aaaaaaaa-0000-4000-8000-000000000000", "bbbbbbbb-0000-4000-8000-000000000000"
MIXED = GROUP.title()


def test_a_groups_own_partition_comes_before_its_other_spellings() -> None:
    assert spellings(GROUP, [OTHER, MIXED, GROUP, GROUP.upper()]) == [GROUP, GROUP.upper(), MIXED]
    assert spellings(GROUP, []) == [GROUP]


def test_partitions_that_name_no_managed_group_are_told_with_their_rows() -> None:
    counts = {"x": 2, OTHER: 1, GROUP: 3, GROUP.upper(): 4}
    assert list(unmanaged(counts, {GROUP}).items()) == [(OTHER, 1), ("x", 2)]


@pytest.mark.parametrize(("count", "rows"), [(1, "1 row has"), (2, "2 rows have")])
def test_each_of_them_is_a_finding(count: int, rows: str) -> None:
    detail = f"{rows} PartitionKey 'x', which is not a managed group: nobody acts on them"
    assert unmanaged_detail("x", count) == detail
    assert unmanaged_findings({"x": count, GROUP: 9}, {GROUP}) == [
        Finding(kind=FindingKind.UNMANAGED_GROUP, detail=f"{detail}; {ADVICE}")
    ]
