"""Builds a plan from the planner's decisions, and words its findings."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from enforcer.core.begun_entries import Begun
from enforcer.core.brake import Way
from enforcer.core.calendar.dates import instant
from enforcer.core.calendar.midnight import Midnight
from enforcer.core.contractors import Contractor
from enforcer.core.keys import is_object_id, normalised
from enforcer.core.members import Member, MemberIndex
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.plan import (
    Admission,
    EndingSoon,
    Finding,
    FindingKind,
    GroupPlan,
    KeyState,
    Offboard,
    Onboard,
    Readmission,
    Step,
    stuck_finding,
)
from enforcer.core.planning.digest import group_digest
from enforcer.core.planning.matching import same_person
from enforcer.core.planning.rules import PlanRules
from enforcer.core.settings import PROTECTED_GROUPS


@dataclass(slots=True, kw_only=True)
class PlanBuilder:
    """The plan of one managed group so far.

    Attributes:
        people: Who is in the group.
        engaged_elsewhere: Keys of the rows by which another managed group still gives access.
        begun: Whom the brake has let through.
    """

    group_id: str
    rules: PlanRules
    people: MemberIndex
    engaged_elsewhere: Collection[str]
    begun: Begun
    now: datetime
    findings: list[Finding] = field(default_factory=list)
    offboard: list[Offboard] = field(default_factory=list)
    onboard: list[Onboard] = field(default_factory=list)
    ending_soon: list[EndingSoon] = field(default_factory=list)
    waiting: list[OffboardingRecord] = field(default_factory=list)
    verify: list[OffboardingRecord] = field(default_factory=list)
    withdraw: list[OffboardingRecord] = field(default_factory=list)
    readmit: list[Readmission] = field(default_factory=list)

    def offboard_member(
        self,
        member: Member,
        row: Contractor | None,
        earlier: OffboardingRecord | None,
        *,
        begun_in: int,
        key_taken: bool,
    ) -> None:
        """Offboard a listed member; `earlier` is the record of this very end of access.

        `begun_in` is the ledger's entry by which the brake let them through; 0 if it has not.
        """
        begun = earlier if earlier is not None and earlier.unfinished else None
        was_disabled = begun.was_disabled if begun else member.enabled is False
        disabled = was_disabled or (begun is not None and begun.disabled_at is not None)
        # Whoever can sign in now was enabled in the meantime: by an undo, or by somebody else.
        done = disabled and member.enabled is not True
        was_disabled = was_disabled and done
        person = Offboard(
            user_id=member.id,
            row_key=row.row_key if row else None,
            user_principal_name=member.user_principal_name,
            mail=member.mail,
            other_addresses=member.other_addresses,
            end_date=row.end_date if row else (earlier.end_date or None if earlier else None),
            due_at=row.due_at if row else (earlier.due_at if earlier else None),
            user_kind=member.user_kind,
            steps=(),
            was_disabled=was_disabled,
            admission=Admission.BEGUN if begun_in else Admission.FRESH,
            sequence=begun_in,
            earlier=earlier,
            key_state=KeyState.TAKEN if earlier is None and key_taken else self._key_state(earlier),
        )
        names = person.names | ({row.key} if row else set())
        disable = () if done else self._disable(names, guest=member.user_kind.is_guest)
        steps = (*disable, Step.REMOVE, *self._leavers_add(names), Step.REVOKE)
        self.offboard.append(replace(person, steps=steps))

    def finish_offboarding(self, begun: OffboardingRecord, row: Contractor | None, begun_in: int) -> None:
        """Plan the steps not known to be done, for somebody who is no longer listed."""
        names = {begun.user_id, normalised(begun.row_key)}
        done = begun.was_disabled or begun.keeps_account or begun.disabled_at is not None
        disable = () if done else self._disable(names, guest=begun.user_kind.is_guest)
        added = begun.keeps_account or begun.leavers_at is not None
        leavers_add = () if added else self._leavers_add(names)
        # Whoever is blocked only now may have signed in since their sessions ended.
        revoke = (Step.REVOKE,) if begun.revoked_at is None or leavers_add else ()
        person = Offboard(
            user_id=begun.user_id,
            row_key=row.row_key if row else None,
            user_principal_name="",
            end_date=row.end_date if row else begun.end_date or None,
            due_at=row.due_at if row else begun.due_at,
            user_kind=begun.user_kind,
            steps=(*disable, *leavers_add, *revoke),
            was_disabled=begun.was_disabled,
            keeps_account=begun.keeps_account,
            admission=Admission.BEGUN if begun_in else Admission.FRESH,
            sequence=begun_in,
            earlier=begun,
            key_state=self._key_state(begun),
        )
        self.offboard.append(person)

    def _key_state(self, record: OffboardingRecord | None) -> KeyState:
        if record is None:
            return KeyState.OWN
        owners = {owner.id for owner in self.people.matches(normalised(record.row_key))}
        return KeyState.PASSED_ON if owners and record.user_id not in owners else KeyState.OWN

    def _disable(self, names: Collection[str], *, guest: bool) -> tuple[Step, ...]:
        disables = self.rules.disable.means(guest=guest)
        return (Step.DISABLE,) if disables and not self._is_engaged(names) else ()

    def _leavers_add(self, names: Collection[str]) -> tuple[Step, ...]:
        return (Step.LEAVERS_ADD,) if self.rules.leavers_group and not self._is_engaged(names) else ()

    def _is_engaged(self, names: Collection[str]) -> bool:
        return any(name in self.engaged_elsewhere for name in names)

    def readmit_member(self, member: Member, row: Contractor) -> None:
        self.readmit.append(Readmission(user_id=member.id, row_key=row.row_key, end_date=row.end_date))

    def onboard_row(self, row: Contractor) -> None:
        self.onboard.append(Onboard(row_key=row.row_key, key=row.key, end_date=row.end_date))

    def note_ending_soon(self, member: Member, row: Contractor) -> None:
        self.ending_soon.append(
            EndingSoon(
                user_id=member.id,
                row_key=row.row_key,
                user_principal_name=member.user_principal_name,
                end_date=row.end_date,
                due_at=row.due_at,
                guest=member.user_kind.may_be_guest,
            )
        )

    # Findings --------------------------------------------------------------------------------------------

    def find_not_a_user(self, member: Member) -> None:
        detail = f"is a {member.kind}, not a user: whoever has access through it has no end date"
        self._find(FindingKind.NOT_A_USER, None, member.id, detail)

    def find_unregistered(self, member: Member, *, nameless: int) -> None:
        """Report a member without a row; `nameless` rows keep them from being offboarded."""
        detail = "is a member without a row in the register"
        if nameless:
            detail += f"; left alone, because any of {nameless} unreadable rows may mean them"
        self._find(FindingKind.UNREGISTERED_MEMBER, None, member.id, detail)

    def find_missing(self, row: Contractor) -> None:
        detail = f"has access until {row.end_date} but is not a member"
        self._find(FindingKind.MISSING_MEMBER, row.row_key, _object_id(row), detail)

    def find_unmatched(self, row: Contractor, without_row: int) -> None:
        """Report a due row that means nobody, while `without_row` members have none."""
        detail = (
            f"ended {row.end_date}, but no member has this address and nothing is on record about it, while"
            f" {without_row} members have no row: write the object ID, if one of them is meant, or delete it"
        )
        self._find(FindingKind.UNMATCHED_ROW, row.row_key, None, detail)

    def find_several_rows(self, row: Contractor, others: Collection[str]) -> None:
        self._find(FindingKind.AMBIGUOUS_ROW, row.row_key, _object_id(row), same_person(others))

    def find_protected(self, user_id: str, row_key: str | None) -> None:
        protects = "ENFORCER_PROTECTED_IDS names them"
        if user_id not in self.rules.protected:
            protects = f"they are in a group of {PROTECTED_GROUPS}"
        detail = f"would be offboarded, but {protects}"
        self._find(FindingKind.PROTECTED, row_key, user_id, detail)

    def find_stuck(self, item: OffboardingRecord) -> None:
        self.findings.append(stuck_finding(item))

    def find_disabled(self, member: Member, row: Contractor) -> None:
        detail = f"has access until {row.end_date}, but the account is disabled; enable it if that is right"
        self._find(FindingKind.DISABLED_ACCOUNT, row.row_key, member.id, detail)

    def find_re_added(self, member: Member, row_key: str | None, removed_at: datetime) -> None:
        detail = f"is listed again after the removal at {instant(removed_at)}"
        self._find(FindingKind.RE_ADDED, row_key, member.id, detail)

    def find_midnight_end(self, row: Contractor) -> None:
        """Report a row that ends at midnight and may mean the whole day, unless it is read as one."""
        rules = self.rules.dates
        detail = rules.about_midnight(row.end_date) if rules.midnight is Midnight.INSTANT else ""
        if detail:
            matches = self.people.matches(row.key)
            user_id = matches[0].id if len(matches) == 1 else _object_id(row)
            self._find(FindingKind.MIDNIGHT_END, row.row_key, user_id, detail)

    def _find(self, kind: FindingKind, row_key: str | None, user_id: str | None, detail: str) -> None:
        self.findings.append(Finding(kind=kind, row_key=row_key, user_id=user_id, detail=detail))

    # The plan --------------------------------------------------------------------------------------------

    def finish(self) -> GroupPlan:
        """Return the plan, in an order that does not depend on the order of what was read."""
        offboard = sorted(self.offboard, key=lambda one: (str(one.due_at or ""), one.user_id, one.key))
        onboard = sorted(self.onboard, key=lambda one: one.row_key)
        members = sum(1 for member in self.people if member.is_user)
        leaving = [one.user_id for one in offboard if one.is_fresh]
        joining = [one.row_key for one in onboard if not self.begun.left_over(Way.ONBOARD, one.row_key)]
        return GroupPlan(
            group_id=self.group_id,
            digest=group_digest(self.group_id, offboard, onboard),
            members=members,
            offboard=tuple(offboard),
            onboard=tuple(onboard),
            ending_soon=tuple(sorted(self.ending_soon, key=lambda end: (end.due_at, end.user_id))),
            findings=tuple(sorted(self.findings, key=_order)),
            held=self._holds(Way.OFFBOARD, len(leaving), members),
            held_onboard=self._holds(Way.ONBOARD, len(joining), members),
            waiting=tuple(sorted(self.waiting, key=_row_key)),
            verify=tuple(sorted(self.verify, key=_row_key)),
            withdraw=tuple(sorted(self.withdraw, key=_row_key)),
            readmit=tuple(sorted(self.readmit, key=lambda one: one.user_id)),
        )

    def _holds(self, way: Way, fresh: int, members: int) -> bool:
        return self.rules.brake.holds(way, fresh, members, self.begun.window, self.now)


def _object_id(row: Contractor) -> str | None:
    return row.key if is_object_id(row.key) else None


def _order(finding: Finding) -> tuple[str, str, str, str]:
    return finding.kind, finding.row_key or "", finding.user_id or "", finding.detail


def _row_key(item: OffboardingRecord) -> str:
    return item.row_key
