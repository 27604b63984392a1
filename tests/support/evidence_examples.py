"""Handmade evidence to render."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from enforcer.core.calendar import dates
from enforcer.core.contractors import InvalidRow
from enforcer.core.evidence.cases import Case, Evidence, Membership, Verdict, summarise
from enforcer.core.evidence.period import period
from enforcer.core.ledger import Break, CheckedChain

ZONE = ZoneInfo("Europe/Berlin")
GROUP = "aaaaaaaa-0000-0000-0000-000000000000"
NOVEMBER = period("2026-11-01", "2026-11-30", ZONE)
SLA = timedelta(hours=24)


def case(name: str, last_day: str = "2026-11-15", *, hours: float | None = 1.5, **more: object) -> Case:
    """Return a case of somebody removed this many hours after the end, or not at all."""
    due_at = dates.ends_at(last_day, ZONE)
    removed_at = due_at + timedelta(hours=hours) if hours is not None else None
    in_time = hours is not None and hours <= 24
    values: dict[str, object] = {
        "group_id": GROUP,
        "user_id": "11111111-2222-3333-4444-555555555555",
        "row_key": "ada@contoso.com",
        "display_name": name,
        "company": "Analytical Engines",
        "sponsor": "sue@contoso.com",
        "end_date": last_day,
        "due_at": due_at,
        "verdict": Verdict.IN_TIME if in_time else Verdict.LATE if hours is not None else Verdict.OVERDUE,
        "removed_at": removed_at,
        "removed_by": "timer" if removed_at else "",
        "lag_seconds": hours * 3600 if hours is not None else None,
        "sessions": "revoked",
        "revoked_at": removed_at,
        "disabled_at": None,
        "proof": "blocked",
        "proof_policy": "",
        "verified_at": _later(removed_at),
        "membership": Membership.NOT_A_MEMBER if removed_at else Membership.MEMBER,
        "state": "verified",
        "remark": "",
        "runs": ("20261116T003000-aaaaaa",),
        "entries": (1, 2, 3),
        "request_ids": ("r1", "r2"),
        **more,
    }
    return Case(**values)  # type: ignore[arg-type]


def evidence(*cases: Case, broken: Break | None = None, unreadable: tuple[InvalidRow, ...] = ()) -> Evidence:
    chain = CheckedChain(group_id=GROUP, sequence=12, hash="ab" * 32, anchors=2, broken=broken)
    return Evidence(
        period=NOVEMBER,
        sla=SLA,
        cases=cases,
        summary=summarise(cases),
        unreadable=unreadable,
        chains=(chain,),
        members_unread={},
    )


def _later(moment: datetime | None) -> datetime | None:
    return moment + timedelta(minutes=15) if moment else None
