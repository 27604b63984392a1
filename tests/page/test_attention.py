"""What an operator has to look at, of however many there are."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

from enforcer.core.findings import RunFindings
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.plan import Finding, FindingKind, HeldPlan
from enforcer.page.attention import (
    HELD_NAMED,
    NAMED,
    findings_of,
    held_view,
    other_findings,
    stuck_people,
)
from enforcer.page.people import People
from enforcer.page.times import Calendar
from enforcer.status.group_status import GroupStatus
from enforcer.storage.tables.lookups import HeldPerson
from tests.support.register_rows import row
from tests.support.runs import GROUP, NOW

DAYS = Calendar(now=NOW, zone=ZoneInfo("Europe/Berlin"))
PEOPLE = People.of([row("ben@x.example", "2020-01-31", display_name="Anton Ben")])
PLAN = HeldPlan(digest="d" * 64, group_id=GROUP, people=3, members=9, held_at=NOW)


def held(key: str) -> HeldPerson:
    return HeldPerson(user_id=f"id of {key}", row_key=key, end_date="2020-01-31")


def finding(kind: FindingKind, key: str | None = "ben@x.example") -> Finding:
    return Finding(kind=kind, row_key=key, detail="as it is")


def found(*named: Finding, left_out: int = 0) -> RunFindings:
    """Return what a run found that leaves out that many of the first one's kind."""
    by_kind = Counter([finding.kind for finding in named] + [named[0].kind] * left_out)
    return RunFindings(named=named, by_kind=by_kind, left_out=left_out)


def group_with(*stuck: OffboardingRecord) -> GroupStatus:
    return GroupStatus(
        group_id=GROUP,
        contractors=1,
        last_complete_run=None,
        last_run=None,
        unfinished=len(stuck),
        stuck=stuck,
        held=None,
        waiting=(),
        ending_soon=(),
        findings={},
        forecast=(),
    )


def test_a_held_plans_people_are_in_the_order_of_their_names() -> None:
    view = held_view(
        PLAN, [held("ben@x.example"), held("Ada@x.example"), held("zoe@x.example")], PEOPLE, DAYS
    )
    assert [item.person.name for item in view.named] == ["Ada@x.example", "Anton Ben", "zoe@x.example"]
    assert (view.people, view.size, view.more) == (3, "3 of 9 members to offboard", 0)


def test_of_a_large_held_plan_some_are_named_and_the_rest_counted() -> None:
    view = held_view(PLAN, [held(f"{number}@x.example") for number in range(HELD_NAMED + 7)], PEOPLE, DAYS)
    assert (len(view.named), view.more) == (HELD_NAMED, 7)


def test_the_findings_of_a_kind_are_counted_though_not_all_are_shown() -> None:
    many = [finding(FindingKind.INVALID_ROW)] * (NAMED + 2) + [finding(FindingKind.RE_ADDED)]
    view = findings_of(FindingKind.INVALID_ROW, found(*many), PEOPLE)
    assert (len(view.shown), view.more, view.count) == (NAMED, 2, NAMED + 2)
    assert view.shown[0].person is not None
    assert view.shown[0].person.name == "Anton Ben"


def test_what_a_runs_row_could_not_hold_is_counted_too() -> None:
    (view,) = other_findings(found(finding(FindingKind.INVALID_ROW), left_out=5_000), PEOPLE)
    assert (len(view.shown), view.more, view.count) == (1, 5_000, 5_001)


def test_what_has_a_section_of_its_own_is_not_among_the_others() -> None:
    kinds = (FindingKind.STUCK, FindingKind.UNREGISTERED_MEMBER, FindingKind.PROTECTED)
    views = other_findings(found(*(finding(kind) for kind in kinds)), PEOPLE)
    assert [view.kind for view in views] == [FindingKind.PROTECTED]


def test_a_finding_about_nobody_links_to_nobody() -> None:
    (view,) = other_findings(found(finding(FindingKind.POLICY_DRIFT, key=None)), PEOPLE)
    assert [(item.person, item.detail) for item in view.shown] == [(None, "as it is")]


def test_the_stuck_are_shown_with_their_times_as_far_as_these_are_known() -> None:
    stuck = OffboardingRecord(
        row_key="ben@x.example", user_id="ben", state=State.STUCK, attempts=6, last_error="403"
    )
    again = OffboardingRecord(
        row_key="zoe@x.example",
        user_id="zoe",
        state=State.STUCK,
        due_at=NOW - timedelta(days=1),
        next_attempt_at=NOW + timedelta(hours=2),
    )
    first, second = stuck_people([group_with(stuck, again)], PEOPLE, DAYS)
    assert (first.person.name, first.attempts, first.error) == ("Anton Ben", 6, "403")
    assert (first.since, first.next_attempt) == (None, None)
    assert second.since is not None
    assert second.next_attempt is not None
    assert (second.since.text, second.next_attempt.text) == ("22 Nov 2026, 13:00", "23 Nov 2026, 15:00")
