"""What needs an operator's attention: held plans, stuck people, members without a row, other findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from enforcer.core.findings import RunFindings
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.plan import Finding, FindingKind, HeldFor, HeldPlan
from enforcer.page.people import People, PersonLink
from enforcer.page.times import Calendar, Moment
from enforcer.page.words import FINDINGS
from enforcer.status.group_status import GroupStatus
from enforcer.storage.tables.lookups import HeldPerson

# Lists of thousands help nobody: all are counted, the first few named.
NAMED = 25
HELD_NAMED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonInPlan:
    person: PersonLink
    end_date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A plan that waits for approval, with the people whom it would offboard, and the rows it would add.

    Attributes:
        size: How many people wait, in words.
        on_demand: It is an offboarding that somebody asked for: they have to ask again once it is approved.
    """

    digest: str
    group_id: str
    people: int
    joiners: tuple[PersonInPlan, ...]
    size: str
    on_demand: bool
    held_at: Moment
    named: tuple[PersonInPlan, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Somebody whom several runs could not offboard."""

    person: PersonLink
    group_id: str
    since: Moment | None
    attempts: int
    next_attempt: Moment | None
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One finding, about a person or (`person` is None) something else."""

    person: PersonLink | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The findings of one kind; `more` are those that are not shown."""

    kind: FindingKind
    title: str
    advice: str
    shown: tuple[Found, ...]
    more: int

    @property
    def count(self) -> int:
        return len(self.shown) + self.more


def held_view(plan: HeldPlan, everybody: Sequence[HeldPerson], people: People, calendar: Calendar) -> Held:
    found = [one for one in everybody if one.user_id]
    joining = [one for one in everybody if not one.user_id]
    named = tuple(
        PersonInPlan(person=people.link(person.row_key, person.user_id), end_date=person.end_date)
        for person in found[:HELD_NAMED]
    )
    return Held(
        digest=plan.digest,
        group_id=plan.group_id,
        people=plan.people + plan.joiners,
        joiners=tuple(
            PersonInPlan(person=people.link(joiner.row_key, None), end_date=joiner.end_date)
            for joiner in joining[:HELD_NAMED]
        ),
        size=plan.size,
        on_demand=plan.held_for is HeldFor.OFFBOARDING,
        held_at=calendar.moment(plan.held_at),
        named=tuple(sorted(named, key=lambda item: item.person.name)),
        more=max(len(found) - HELD_NAMED, 0) + max(len(joining) - HELD_NAMED, 0),
    )


def stuck_people(groups: Iterable[GroupStatus], people: People, calendar: Calendar) -> list[Stuck]:
    return [_stuck(item, group.group_id, people, calendar) for group in groups for item in group.stuck]


def findings_of(kind: FindingKind, findings: RunFindings, people: People) -> Findings:
    """Return the findings of one kind."""
    shown = [finding for finding in findings.named if finding.kind is kind][:NAMED]
    return Findings(
        kind=kind,
        title=FINDINGS[kind].title,
        advice=FINDINGS[kind].advice,
        shown=tuple(_found(finding, people) for finding in shown),
        more=findings.by_kind.get(kind, 0) - len(shown),
    )


def other_findings(findings: RunFindings, people: People) -> tuple[Findings, ...]:
    """Return all findings but unregistered members and stuck people, who have their own sections."""
    kinds = [kind for kind in FINDINGS if kind not in {FindingKind.UNREGISTERED_MEMBER, FindingKind.STUCK}]
    views = (findings_of(kind, findings, people) for kind in kinds)
    return tuple(view for view in views if view.count)


def _found(finding: Finding, people: People) -> Found:
    about = finding.row_key is not None or finding.user_id is not None
    person = people.link(finding.row_key, finding.user_id) if about else None
    return Found(person=person, detail=finding.detail)


def _stuck(item: OffboardingRecord, group_id: str, people: People, calendar: Calendar) -> Stuck:
    return Stuck(
        person=people.link(item.row_key, item.user_id),
        group_id=group_id,
        since=calendar.optional_moment(item.due_at),
        attempts=item.attempts,
        next_attempt=calendar.optional_moment(item.next_attempt_at),
        error=item.last_error,
    )
