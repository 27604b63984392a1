"""What the next nightly run would do because of an import: the real planner plans before and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from enforcer.core.calendar.schedule import as_azure_reads
from enforcer.core.contractors import RegisterRow
from enforcer.core.keys import normalised
from enforcer.core.members import MemberIndex
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.plan import GroupPlan
from enforcer.core.planning.planner import GroupSnapshot, plan_group
from enforcer.core.planning.rules import PlanRules
from enforcer.core.settings import Mode
from enforcer.register.preview import Change, Tonight
from enforcer.services import Services
from enforcer.storage.tables.begun import read_begun_facts

type Known = Mapping[str, tuple[dict[str, RegisterRow], MemberIndex]]


async def tonight(services: Services, known: Known, changes: Sequence[Change]) -> Tonight:
    """Return who would be offboarded by the next nightly run only because of these changes.

    Args:
        services: All adapters.
        known: The rows (by normalised keys) and members of each managed group, by its ID.
        changes: What would be written.

    Raises:
        RunError, UnavailableError: Storage refuses, or does not answer.
    """
    at = as_azure_reads(services.settings.schedule).next_after(services.now())
    rules = PlanRules.of(services.settings)
    leavers: set[str] = set()
    held = False
    for group_id, (rows, members) in known.items():
        written = [change.row for change in changes if change.writes and change.row.group_id == group_id]
        if not any(_is_due(services, row, at) for row in written):
            continue
        records = [
            record
            for record in await services.records.all_of_group(group_id)
            if isinstance(record, OffboardingRecord)
        ]
        named = [item.begun_in for item in records if item.unfinished or item.was_just_removed(at)]
        snapshot = GroupSnapshot(
            group_id=group_id,
            rows=rows.values(),
            members=members,
            records=records,
            begun=await read_begun_facts(services.tables, services.ledger, group_id, at, named),
        )
        changed = rows | {normalised(row.row_key): row for row in written}
        before = plan_group(snapshot, rules, at)
        after = plan_group(replace(snapshot, rows=changed.values()), rules, at)
        leavers |= _people(after) - _people(before)
        held = held or after.held
    return Tonight(leavers=frozenset(leavers), held=held, enforced=services.settings.mode is Mode.ENFORCE)


def _is_due(services: Services, row: RegisterRow, at: datetime) -> bool:
    return services.settings.date_rules.ends_at(row.end_date) <= at


def _people(plan: GroupPlan) -> set[str]:
    return {person.user_id for person in plan.offboard}
