"""A register in memory, for planning without storage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from bench.stage import ENDED, RUNNING
from enforcer.core.contractors import RegisterRow
from enforcer.core.members import Member
from enforcer.core.plan import GroupPlan
from enforcer.core.planning.planner import GroupSnapshot, plan_group
from enforcer.core.planning.relevant_rows import RelevantRows
from enforcer.core.planning.rules import PlanRules
from enforcer.core.settings import Mode, Settings

ROWS, MEMBERS, DUE = 100_000, 10_000, 1_000
_PAGE = 1_000
_GROUP = str(UUID(int=1))


@dataclass(frozen=True, slots=True)
class Group:
    """A managed group and the settings with which it is planned."""

    members: list[Member]
    settings: Settings


def made_up_group() -> Group:
    members = [
        Member(
            id=str(UUID(int=number)),
            user_principal_name=f"person.{number:06d}@contoso.example",
            mail=f"person.{number:06d}@contoso.example",
        )
        for number in range(MEMBERS)
    ]
    return Group(members, Settings(group_ids=(_GROUP,), mode=Mode.ENFORCE, brake_count=ROWS))


def plan_made_up_group(group: Group) -> GroupPlan:
    """Plan as a sweep does: row by row, keeping only relevant rows."""
    now = datetime.now(UTC)
    relevant = RelevantRows.of(group.members, [], group.settings.date_rules, now)
    for page in _pages(group.members):
        relevant.take(page)
    snapshot = GroupSnapshot(group_id=_GROUP, rows=relevant.rows, members=group.members)
    return plan_group(snapshot, PlanRules.of(group.settings), now)


def _pages(members: list[Member]) -> Iterator[list[RegisterRow]]:
    for start in range(0, ROWS, _PAGE):
        yield [_row(number, members) for number in range(start, start + _PAGE)]


def _row(number: int, members: list[Member]) -> RegisterRow:
    """Return a row: the members' come first, the others belong to people who left long ago."""
    if number >= len(members):
        key = f"nobody.{number:06d}@contoso.example"
        return RegisterRow(group_id=_GROUP, row_key=key, end_date=ENDED)
    end_date = ENDED if number < DUE else RUNNING
    return RegisterRow(group_id=_GROUP, row_key=members[number].id, end_date=end_date)
