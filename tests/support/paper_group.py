"""A managed group on paper: members, rows and records for the planner."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from enforcer.core.begun_entries import Begun, BegunEntry
from enforcer.core.brake import Way
from enforcer.core.contractors import RegisterRow
from enforcer.core.members import Member
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.plan import FindingKind, GroupPlan
from enforcer.core.planning.planner import GroupSnapshot, plan_group
from enforcer.core.planning.rules import PlanRules
from enforcer.core.settings import Mode, Settings

GROUP = "99999999-0000-4000-8000-000000000000"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BEGUN_IN = 7
ENDED, RUNNING = "2026-11-22", "2027-11-22"


def person(number: int, **changes: Any) -> Member:
    """Return a member whose names all have the number in them."""
    address = f"person{number}@contoso.example"
    given = {"id": user_id(number), "user_principal_name": address, "mail": address, **changes}
    return Member(**given)


def user_id(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


ANNA, BEN = person(0xA), person(0xB)


def row(key: Member | str, end: object = ENDED, start: object = None) -> RegisterRow:
    """Return a row for a member, under their object ID, or with this key."""
    row_key = key.id if isinstance(key, Member) else key
    return RegisterRow(group_id=GROUP, row_key=row_key, end_date=end, start_date=start)


def known(member: Member, state: State, **changes: Any) -> OffboardingRecord:
    """Return a record of access that ended on ENDED, under the member's object ID."""
    given: dict[str, Any] = {
        "row_key": member.id,
        "user_id": member.id,
        "state": state,
        "end_date": ENDED,
        "due_at": datetime(2026, 11, 23, tzinfo=UTC),
        "user_kind": member.user_kind,
        "run_id": "20261123T003000-000000",
        "begun_in": BEGUN_IN,
        **changes,
    }
    if state in (State.OFFBOARDED, State.VERIFIED):
        given = {"removed_at": NOW - timedelta(days=1), "revoked_at": NOW - timedelta(days=1), **given}
    return OffboardingRecord(**given)


def settings(**changes: Any) -> Settings:
    return Settings(**{"group_ids": (GROUP,), "mode": Mode.ENFORCE} | changes)


def begun_with(records: Iterable[OffboardingRecord]) -> Begun:
    """Return a ledger by which the brake has let all of these people through."""
    entry = BegunEntry(
        way=Way.OFFBOARD,
        people=frozenset(item.user_id for item in records),
        members=0,
        at=NOW - timedelta(days=9),
        approved="",
        run_id="20261123T003000-000000",
        sequence=BEGUN_IN,
    )
    return Begun(entries={BEGUN_IN: entry})


def plan(  # noqa: PLR0913 -- what a plan depends on
    *,
    rows: Iterable[RegisterRow] = (),
    members: Iterable[Member] = (),
    records: Iterable[OffboardingRecord] = (),
    engaged_elsewhere: Collection[str] = frozenset(),
    now: datetime = NOW,
    begun: Begun | None = None,
    **changes: Any,
) -> GroupPlan:
    """Plan the group; any other argument is a setting. By default the ledger knows of every record."""
    records = list(records)
    snapshot = GroupSnapshot(
        group_id=GROUP,
        rows=rows,
        members=members,
        records=records,
        engaged_elsewhere=engaged_elsewhere,
        begun=begun_with(records) if begun is None else begun,
    )
    return plan_group(snapshot, PlanRules.of(settings(**changes)), now)


def out(made: GroupPlan) -> list[str]:
    """Return the object IDs that the plan offboards."""
    return [one.user_id for one in made.offboard]


def found(made: GroupPlan) -> list[tuple[FindingKind, str | None, str | None]]:
    """Return the plan's findings: kind, row and person."""
    return [(finding.kind, finding.row_key, finding.user_id) for finding in made.findings]


def is_quiet(made: GroupPlan) -> bool:
    """Whether the plan does nothing and says nothing."""
    return not any(
        (
            made.offboard,
            made.onboard,
            made.ending_soon,
            made.findings,
            made.waiting,
            made.verify,
            made.withdraw,
        )
    )
