"""Which partitions of the register belong to which managed group, and which to none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from enforcer.core.plan import Finding, FindingKind

ADVICE = "write such rows under the group's object ID in lower case, or add the group to ENFORCER_GROUP_IDS"


def spellings(group_id: str, partitions: Iterable[str]) -> list[str]:
    """Return the group's own partition, and those that spell its ID with capitals.

    PowerShell, for one, likes GUIDs in capitals. Such rows are never acted upon, but whoever they mean is
    left alone.
    """
    return [group_id, *sorted(key for key in partitions if key != group_id and key.lower() == group_id)]


def unmanaged(counts: Mapping[str, int], group_ids: Collection[str]) -> dict[str, int]:
    """Return the partitions, with their number of rows, that name no managed group in any spelling."""
    return {key: count for key, count in sorted(counts.items()) if key.lower() not in group_ids}


def unmanaged_detail(key: str, count: int) -> str:
    """Say that nobody acts on the rows of this partition."""
    rows = "1 row has" if count == 1 else f"{count} rows have"
    return f"{rows} PartitionKey {key!r:.60}, which is not a managed group: nobody acts on them"


def unmanaged_findings(counts: Mapping[str, int], group_ids: Collection[str]) -> list[Finding]:
    """Report each partition that no group's run would read."""
    return [
        Finding(kind=FindingKind.UNMANAGED_GROUP, detail=f"{unmanaged_detail(key, count)}; {ADVICE}")
        for key, count in unmanaged(counts, group_ids).items()
    ]
