from __future__ import annotations

from enforcer.core.findings import RunFindings, count_by_kind, fairly, together
from enforcer.core.plan import Finding, FindingKind

ROW, GHOST, STUCK = FindingKind.INVALID_ROW, FindingKind.UNREGISTERED_MEMBER, FindingKind.STUCK


def _of(kind: FindingKind, *user_ids: str) -> list[Finding]:
    return [Finding(kind=kind, user_id=user_id) for user_id in user_ids]


def test_kinds_take_turns_however_many_there_are_of_one() -> None:
    found = [*_of(ROW, "a", "b", "c", "d"), *_of(GHOST, "e"), *_of(STUCK, "f", "g")]
    assert "".join(str(finding.user_id) for finding in fairly(found)) == "aefbgcd"
    assert list(fairly([])) == []


def test_findings_are_counted_by_kind() -> None:
    assert count_by_kind([*_of(STUCK, "a"), *_of(ROW, "b", "c")]) == {ROW: 2, STUCK: 1}
    assert count_by_kind([]) == {}


def test_findings_of_several_groups_are_counted_together() -> None:
    one = RunFindings(named=tuple(_of(GHOST, "a")), by_kind={GHOST: 5, ROW: 1}, left_out=5)
    other = RunFindings(named=tuple(_of(GHOST, "b")), by_kind={GHOST: 1})
    both = together([one, other])
    assert both == RunFindings(named=tuple(_of(GHOST, "a", "b")), by_kind={GHOST: 6, ROW: 1}, left_out=5)
    assert together([]) == RunFindings()


def test_what_has_been_fixed_since_does_not_count() -> None:
    found = RunFindings(named=tuple(_of(GHOST, "a", "b")), by_kind={GHOST: 5, ROW: 1}, left_out=4)
    present = found.without(lambda finding: finding.user_id == "a")
    assert (present.named, present.by_kind) == (tuple(_of(GHOST, "b")), {GHOST: 4, ROW: 1})
    # Old rows do not say how many there were of a kind.
    assert RunFindings(named=tuple(_of(GHOST, "a"))).without(lambda _: True) == RunFindings()


def test_of_several_kinds_only_what_has_been_mended_counts_no_more() -> None:
    found = RunFindings(named=(*_of(GHOST, "a", "b"), *_of(ROW, "c")), by_kind={GHOST: 2, ROW: 1})
    present = found.without(lambda finding: finding.kind is ROW)
    assert (present.named, present.by_kind) == (tuple(_of(GHOST, "a", "b")), {GHOST: 2})
