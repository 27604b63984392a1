"""The planner: what is to be done in one managed group. Pure; it reads no clock and asks nobody.

the person's row      listed?  enforcement            → what the plan says
--------------------  -------  ---------------------  ----------------------------------------------
due                   yes      none                   offboard: (disable,) remove, revoke
due                   yes      offboarding            the same again, whatever is known to be done
due                   yes      offboarded, verified   finding re_added, offboard again
due                   yes/no   stuck, tried today     finding stuck, nothing else
due                   yes/no   stuck                  finding stuck, one more attempt
due                   no       offboarding            the steps not known to be done: a run broke off
due                   no       offboarded             verify: the member list is the proof
due                   no       none, verified         nothing
due, protected        yes      any                    finding protected
still running         yes      offboarding, stuck     withdraw: the end date was put off
still running         yes      any                    nothing; ending_soon when the end is near
has begun             no       any                    finding missing_member, or onboard
not begun             no       any                    nothing
unreadable            any      any                    finding invalid_row, nothing else
several rows, or      any      any                    finding ambiguous_row, nothing else
  several members
none                  yes      offboarding, stuck     as due: what was begun is brought to its end
none                  yes      other                  finding unregistered_member, or offboard
none                  no       offboarding            the steps not known to be done
none                  no       offboarded             verify
(no user)             yes                             finding not_a_user
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from enforcer.core.brake import Brake
from enforcer.core.contractors import Contractor, InvalidRow, RegisterRow, is_object_id, read_rows
from enforcer.core.dates import instant
from enforcer.core.digest import group_digest, plan_digest
from enforcer.core.enforcement import Enforcement, State
from enforcer.core.members import Member, MemberIndex
from enforcer.core.plan import (
    EndingSoon,
    Finding,
    FindingKind,
    GroupPlan,
    Offboard,
    Onboard,
    Plan,
    Step,
)
from enforcer.settings import Disable, Onboarding, Settings, Unregistered

# How long Graph may go on listing a removed member to an app: no figure is published, minutes are
# reported. Within this time a listed person counts as one whose removal is not visible yet.
READS_SETTLE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """All that the plan of one managed group depends on, besides the settings and the time.

    Attributes:
        rows: The group's whole partition of the register; read once, so it may be a stream.
        members: All that Graph lists in the group.
        enforcements: The group's whole partition of `enforcements`.
        engaged_elsewhere: Keys of the rows by which another managed group still gives access.
    """

    group_id: str
    rows: Iterable[RegisterRow]
    members: Iterable[Member]
    enforcements: Iterable[Enforcement] = ()
    engaged_elsewhere: Collection[str] = frozenset()


def make_plan(groups: Iterable[GroupFacts], settings: Settings, now: datetime) -> Plan:
    """Plan all managed groups for the instant `now` (UTC)."""
    plans = tuple(plan_group(facts, settings, now) for facts in groups)
    return Plan(digest=plan_digest(plans), as_of=now, groups=plans)


def plan_group(facts: GroupFacts, settings: Settings, now: datetime) -> GroupPlan:
    """Plan one managed group for the instant `now` (UTC)."""
    draft = _Draft(facts=facts, settings=settings, now=now)
    draft.read_register()
    draft.judge_members()
    draft.judge_the_absent()
    return draft.finish()


@dataclass(slots=True, kw_only=True)
class _Draft:
    facts: GroupFacts
    settings: Settings
    now: datetime
    people: MemberIndex = field(init=False)
    known: dict[str, Enforcement] = field(init=False)
    begun: dict[str, Enforcement] = field(init=False)
    claims: dict[str, list[Contractor | InvalidRow]] = field(default_factory=dict)
    absent: list[Contractor] = field(default_factory=list)
    # Somebody whom a row means, but nobody can tell whom: with this, "has no row" proves nothing.
    unmatched_invalid: int = 0
    offboard: list[Offboard] = field(default_factory=list)
    onboard: list[Onboard] = field(default_factory=list)
    ending_soon: list[EndingSoon] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    waiting: list[Enforcement] = field(default_factory=list)
    verify: list[Enforcement] = field(default_factory=list)
    withdraw: list[Enforcement] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.people = MemberIndex.of(self.facts.members)
        self.known = {item.row_key.lower(): item for item in self.facts.enforcements}
        self.begun = {item.user_id: item for item in self.known.values() if item.unfinished}

    # What the register says ------------------------------------------------------------------------------

    def read_register(self) -> None:
        for row in read_rows(self.facts.rows, self.settings.zone):
            self._note_problem(row)
            matches = self.people.matches(row.key) if row.key else ()
            for member in matches:
                self.claims.setdefault(member.id, []).append(row)
            if len(matches) > 1:
                self._find_several_members(row, matches)
            elif not matches:
                self._note_unmatched(row)

    def _note_problem(self, row: Contractor | InvalidRow) -> None:
        detail = row.detail if isinstance(row, InvalidRow) else row.problem
        if detail:
            self._find(FindingKind.INVALID_ROW, row_key=row.row_key, detail=detail)

    def _note_unmatched(self, row: Contractor | InvalidRow) -> None:
        if isinstance(row, Contractor):
            # Whoever left long ago stays in the register for years: only what may matter is kept.
            if not row.is_due(self.now) or row.row_key.lower() in self.known:
                self.absent.append(row)
        elif not row.key:
            self.unmatched_invalid += 1

    def _find_several_members(self, row: Contractor | InvalidRow, matches: Iterable[Member]) -> None:
        ids = ", ".join(sorted(member.id for member in matches))
        self._find(FindingKind.AMBIGUOUS_ROW, row_key=row.row_key, detail=f"matches several members: {ids}")
        for member in matches:
            # Whatever else is known of them, this row may mean any of them.
            self.claims[member.id].append(InvalidRow(row_key=row.row_key, key=row.key, detail="ambiguous"))

    # Those who are in the group --------------------------------------------------------------------------

    def judge_members(self) -> None:
        for member in self._users():
            rows = self.claims.get(member.id, [])
            usable = [row for row in rows if isinstance(row, Contractor)]
            if not rows:
                self._judge_unregistered(member)
            elif len(rows) > 1:
                self._find_several_rows(member, rows)
            elif usable:
                self._judge_registered(member, usable[0])

    def _users(self) -> Iterator[Member]:
        for member in self.people:
            if member.is_user:
                yield member
            else:
                self._find(
                    FindingKind.NOT_A_USER,
                    user_id=member.id,
                    detail=f"is a {member.kind}, not a user: whoever has access through it has no end date",
                )

    def _find_several_rows(self, member: Member, rows: list[Contractor | InvalidRow]) -> None:
        keys = sorted({row.row_key for row in rows})
        if len(keys) == 1:
            return  # one row that means several members: found already
        for key in keys:
            others = ", ".join(other for other in keys if other != key)
            self._find(
                FindingKind.AMBIGUOUS_ROW,
                row_key=key,
                user_id=member.id,
                detail=f"means the same person as {others}; keep one row for each person",
            )

    def _judge_registered(self, member: Member, row: Contractor) -> None:
        enforcement = self.known.get(row.row_key.lower())
        if not row.is_due(self.now):
            self._withdraw_if_begun(enforcement)
            self._note_ending_soon(member, row)
        elif member.id in self.settings.protected_ids:
            self._find_protected(member, row.row_key)
        elif not self._waits(enforcement, row.end_date):
            self._offboard_member(member, row, enforcement)

    def _judge_unregistered(self, member: Member) -> None:
        enforcement = self.begun.get(member.id)
        if enforcement is not None:
            if member.id in self.settings.protected_ids:
                self._find_protected(member, None)
            elif not self._waits(enforcement, enforcement.end_date):
                self._offboard_member(member, None, enforcement)
            return
        self._find_unregistered(member, self.known.get(member.id))

    def _find_unregistered(self, member: Member, enforcement: Enforcement | None) -> None:
        detail = "is a member without a row in the register"
        wanted = self.settings.unregistered is Unregistered.OFFBOARD
        if wanted and member.id in self.settings.protected_ids:
            self._find_protected(member, None)
            return
        if wanted and self.unmatched_invalid:
            detail += f"; left alone, because any of {self.unmatched_invalid} unreadable rows may mean him"
        elif wanted:
            self._offboard_member(member, None, enforcement)
        self._find(FindingKind.UNREGISTERED_MEMBER, user_id=member.id, detail=detail)

    def _offboard_member(self, member: Member, row: Contractor | None, earlier: Enforcement | None) -> None:
        same = earlier if earlier is not None and _is_about(earlier, row) else None
        if same is not None and not same.unfinished and same.removed_at is not None:
            self._find(
                FindingKind.RE_ADDED,
                row_key=row.row_key if row else None,
                user_id=member.id,
                detail=f"is listed again after the removal at {instant(same.removed_at)}",
            )
        self.offboard.append(
            Offboard(
                user_id=member.id,
                row_key=row.row_key if row else None,
                user_principal_name=member.user_principal_name,
                end_date=row.end_date if row else (same.end_date or None if same else None),
                due_at=row.due_at if row else (same.due_at if same else None),
                guest=member.guest,
                steps=self._steps(member, row, same),
                authorised=same is not None and self._is_authorised(same),
                earlier=same,
            )
        )

    def _steps(self, member: Member, row: Contractor | None, same: Enforcement | None) -> tuple[Step, ...]:
        done = same is not None and same.unfinished and same.disabled_at is not None
        engaged = self._is_engaged_elsewhere(member, row)
        if self._disables(guest=member.guest) and not done and not engaged:
            return (Step.DISABLE, Step.REMOVE, Step.REVOKE)
        return (Step.REMOVE, Step.REVOKE)

    def _is_authorised(self, same: Enforcement) -> bool:
        if same.unfinished:
            return True
        return same.removed_at is not None and self.now - same.removed_at < READS_SETTLE

    def _is_engaged_elsewhere(self, member: Member, row: Contractor | None) -> bool:
        keys = {member.id, member.user_principal_name.lower(), member.mail.lower(), row.key if row else ""}
        return any(key in self.facts.engaged_elsewhere for key in keys - {""})

    def _disables(self, *, guest: bool) -> bool:
        wanted = self.settings.disable_accounts
        return wanted is Disable.ALL or (wanted is Disable.GUESTS and guest)

    # Those who are not in it -----------------------------------------------------------------------------

    def judge_the_absent(self) -> None:
        listed = {row.row_key.lower() for rows in self.claims.values() for row in rows}
        rows = {row.row_key.lower(): row for row in self.absent}
        for key, enforcement in self.known.items():
            if key not in listed and enforcement.user_id not in self.people:
                self._judge_gone(enforcement, rows.get(key))
        for row in self.absent:
            if not row.is_due(self.now) and row.has_begun(self.now):
                self._judge_missing(row)

    def _judge_gone(self, enforcement: Enforcement, row: Contractor | None) -> None:
        if enforcement.state is State.OFFBOARDED:
            self.verify.append(enforcement)
        elif row is not None and not row.is_due(self.now):
            self._withdraw_if_begun(enforcement)
        elif enforcement.unfinished and not self._waits(enforcement, enforcement.end_date):
            self._finish_offboarding(enforcement, row)

    def _finish_offboarding(self, enforcement: Enforcement, row: Contractor | None) -> None:
        steps = [Step.REVOKE] if enforcement.revoked_at is None else []
        if self._disables(guest=enforcement.guest) and enforcement.disabled_at is None:
            keys = {enforcement.user_id, enforcement.row_key.lower()}
            if not any(key in self.facts.engaged_elsewhere for key in keys):
                steps.insert(0, Step.DISABLE)
        self.offboard.append(
            Offboard(
                user_id=enforcement.user_id,
                row_key=row.row_key if row else None,
                user_principal_name="",
                end_date=row.end_date if row else enforcement.end_date or None,
                due_at=row.due_at if row else enforcement.due_at,
                guest=enforcement.guest,
                steps=tuple(steps),
                authorised=True,
                earlier=enforcement,
            )
        )

    def _judge_missing(self, row: Contractor) -> None:
        protected = row.key in self.settings.protected_ids
        if self.settings.onboard is Onboarding.ADD and not protected:
            self.onboard.append(Onboard(row_key=row.row_key, key=row.key, end_date=row.end_date))
            return
        self._find(
            FindingKind.MISSING_MEMBER,
            row_key=row.row_key,
            user_id=row.key if is_object_id(row.key) else None,
            detail=f"has access until {row.end_date} but is not a member",
        )

    # What both have in common ----------------------------------------------------------------------------

    def _waits(self, enforcement: Enforcement | None, end_date: str) -> bool:
        """Name the stuck, and tell whether today's attempt was made. A new end date starts afresh."""
        if enforcement is None or enforcement.state is not State.STUCK or enforcement.end_date != end_date:
            return False
        self._find(
            FindingKind.STUCK,
            row_key=enforcement.row_key,
            user_id=enforcement.user_id,
            detail=f"{enforcement.attempts} runs have failed; the last one: {enforcement.last_error}",
        )
        if enforcement.waits(self.now):
            self.waiting.append(enforcement)
        return enforcement.waits(self.now)

    def _withdraw_if_begun(self, enforcement: Enforcement | None) -> None:
        if enforcement is not None and enforcement.unfinished:
            self.withdraw.append(enforcement)

    def _note_ending_soon(self, member: Member, row: Contractor) -> None:
        if row.due_at - self.now <= timedelta(days=max(self.settings.warn_days, default=0)):
            self.ending_soon.append(
                EndingSoon(
                    user_id=member.id,
                    row_key=row.row_key,
                    user_principal_name=member.user_principal_name,
                    end_date=row.end_date,
                    due_at=row.due_at,
                    guest=member.guest,
                )
            )

    def _find_protected(self, member: Member, row_key: str | None) -> None:
        self._find(
            FindingKind.PROTECTED,
            row_key=row_key,
            user_id=member.id,
            detail="would be offboarded, but ENFORCER_PROTECTED_IDS names him",
        )

    def _find(
        self, kind: FindingKind, *, row_key: str | None = None, user_id: str | None = None, detail: str
    ) -> None:
        self.findings.append(Finding(kind=kind, row_key=row_key, user_id=user_id, detail=detail))

    def finish(self) -> GroupPlan:
        """Put everything in an order that does not depend on the order of what was read."""
        offboard = sorted(self.offboard, key=lambda person: (str(person.due_at or ""), person.user_id))
        onboard = sorted(self.onboard, key=lambda person: person.row_key)
        members = sum(1 for member in self.people if member.is_user)
        brake = Brake(self.settings.brake_count, self.settings.brake_percent)
        return GroupPlan(
            group_id=self.facts.group_id,
            digest=group_digest(self.facts.group_id, offboard, onboard),
            members=members,
            offboard=tuple(offboard),
            onboard=tuple(onboard),
            ending_soon=tuple(sorted(self.ending_soon, key=lambda end: (end.due_at, end.user_id))),
            findings=tuple(sorted(self.findings, key=_order)),
            held=brake.holds(offboard, members),
            waiting=tuple(sorted(self.waiting, key=lambda item: item.row_key)),
            verify=tuple(sorted(self.verify, key=lambda item: item.row_key)),
            withdraw=tuple(sorted(self.withdraw, key=lambda item: item.row_key)),
        )


def _is_about(enforcement: Enforcement, row: Contractor | None) -> bool:
    """Tell whether the enforcement is about this very end of access, not an earlier engagement."""
    same_end = row is None or enforcement.end_date == row.end_date
    return same_end or enforcement.state is State.OFFBOARDING


def _order(finding: Finding) -> tuple[str, str, str, str]:
    return finding.kind, finding.row_key or "", finding.user_id or "", finding.detail
