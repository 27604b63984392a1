"""The nouns of a plan. Their fields are those of `plan --output json`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from enforcer.core.brake import Way
from enforcer.core.keys import normalised
from enforcer.core.members import hidden_names, names_of
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.user_kind import UserKind


class Step(StrEnum):
    """What is done to one person, in this order."""

    DISABLE = "disable"
    REMOVE = "remove"
    LEAVERS_ADD = "leavers_add"
    """Put into the leavers' group: before the sessions end, so that signing in again is blocked."""
    REVOKE = "revoke"


class Admission(StrEnum):
    """Whether the brake has let somebody through."""

    FRESH = "fresh"
    """No: they count."""
    BEGUN = "begun"
    """An earlier run did, and the ledger says so: what it began is finished, and no longer counts."""


class KeyState(StrEnum):
    """Whose the key of somebody's row or record is, as addresses pass from one person to another."""

    OWN = "own"
    TAKEN = "taken"
    """The record under the row's key is about somebody else, who had the address before."""
    PASSED_ON = "passed_on"
    """The address on record is another member's now; rows mean that member."""


class FindingKind(StrEnum):
    """What people must look into; every run reports it until somebody fixes it."""

    INVALID_ROW = "invalid_row"
    AMBIGUOUS_ROW = "ambiguous_row"
    UNREGISTERED_MEMBER = "unregistered_member"
    MISSING_MEMBER = "missing_member"
    PROTECTED = "protected"
    NOT_A_USER = "not_a_user"
    STUCK = "stuck"
    RE_ADDED = "re_added"
    DISABLED_ACCOUNT = "disabled_account"
    NOT_BLOCKED = "not_blocked"
    POLICY_DRIFT = "policy_drift"
    POLICIES_UNSEEN = "policies_unseen"
    UNMANAGED_GROUP = "unmanaged_group"
    MIDNIGHT_END = "midnight_end"
    UNMATCHED_ROW = "unmatched_row"
    END_MOVED = "end_moved"
    LEAVERS_GROUP = "leavers_group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    kind: FindingKind
    row_key: str | None = None
    user_id: str | None = None
    detail: str = ""


def stuck_finding(item: OffboardingRecord) -> Finding:
    """Report somebody whom six runs could not offboard."""
    detail = f"{item.attempts} runs have failed; the last one: {item.last_error}"
    return Finding(kind=FindingKind.STUCK, row_key=item.row_key, user_id=item.user_id, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody who may need an approval, with the end of access for which it would be.

    Attributes:
        name: The object ID; for additions the row's key.
    """

    way: Way
    name: str
    end_date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offboard:
    """A person whose access has ended and what is still to be done about it.

    Attributes:
        row_key: Their row in the register; None for a member without one.
        mail, other_addresses: Rows may use them; part neither of the digest nor of what is printed.
        was_disabled: The account was disabled before we began.
        keeps_account: It is not to be disabled, by this run or by one that completes it.
        earlier: The record from before.
        sequence: The ledger's entry by which the brake let them through; 0 if it has not yet.
    """

    user_id: str
    row_key: str | None
    user_principal_name: str
    end_date: str | None
    due_at: datetime | None
    user_kind: UserKind
    steps: tuple[Step, ...]
    mail: str = ""
    other_addresses: tuple[str, ...] = ()
    was_disabled: bool = False
    keeps_account: bool = False
    admission: Admission = Admission.FRESH
    earlier: OffboardingRecord | None = None
    key_state: KeyState = KeyState.OWN
    sequence: int = 0

    @property
    def known_kind(self) -> UserKind:
        """What Graph says about the account, or said when the offboarding was begun."""
        if self.user_kind is UserKind.UNKNOWN and self.earlier is not None and self.earlier.unfinished:
            return self.earlier.user_kind
        return self.user_kind

    @property
    def key(self) -> str:
        """The RowKey of their record; no two people of a plan share one."""
        if self.earlier is not None:
            return self.earlier.row_key
        if self.row_key is None or self.key_state is KeyState.TAKEN:
            return self.user_id
        return self.row_key

    @property
    def names(self) -> frozenset[str]:
        """The normalised keys of rows that mean the person, or may, as far as the plan knows."""
        addresses = (self.user_principal_name, self.mail, *self.other_addresses)
        names = names_of(self.user_id, *addresses) | hidden_names(*addresses)
        return names if self.key_state is KeyState.PASSED_ON else names | {normalised(self.key)}

    @property
    def candidate(self) -> Candidate:
        return Candidate(way=Way.OFFBOARD, name=self.user_id, end_date=self.end_date or "")

    @property
    def is_fresh(self) -> bool:
        """Whether the brake counts them."""
        return self.admission is Admission.FRESH

    @property
    def is_out(self) -> bool:
        """Whether they are no longer a member, and only the other steps are left."""
        return Step.REMOVE not in self.steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Onboard:
    """A contractor whose access has begun and who is not a member; `key` is how to look them up in Entra."""

    row_key: str
    key: str
    end_date: str

    @property
    def candidate(self) -> Candidate:
        return Candidate(way=Way.ONBOARD, name=self.row_key, end_date=self.end_date)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readmission:
    """A member whose access continues and who is in the leavers' group: they are to be taken out of it."""

    user_id: str
    row_key: str
    end_date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingSoon:
    user_id: str
    row_key: str
    user_principal_name: str
    end_date: str
    due_at: datetime
    guest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """What a sweep of one managed group would do.

    Attributes:
        digest: Identifies exactly these people, dates and steps.
        held: More people would be offboarded than the brake lets through without an approval.
        held_onboard: More people would be added.
        waiting: Due and stuck, today's attempt made: not retried now, never forgotten.
        verify: Offboarded people whom the member list no longer has.
        withdraw: Offboardings that were begun of people whose access was extended.
        readmit: Members whose access continues, to be taken out of the leavers' group.
    """

    group_id: str
    digest: str
    members: int
    offboard: tuple[Offboard, ...]
    onboard: tuple[Onboard, ...]
    ending_soon: tuple[EndingSoon, ...]
    findings: tuple[Finding, ...]
    held: bool
    held_onboard: bool = False
    waiting: tuple[OffboardingRecord, ...] = ()
    verify: tuple[OffboardingRecord, ...] = ()
    withdraw: tuple[OffboardingRecord, ...] = ()
    readmit: tuple[Readmission, ...] = ()

    @property
    def due(self) -> int:
        return len(self.offboard) + len(self.waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plans of all managed groups at one instant."""

    digest: str
    as_of: datetime
    groups: tuple[GroupPlan, ...]

    @property
    def is_empty(self) -> bool:
        return not any(group.offboard or group.onboard for group in self.groups)


class HeldFor(StrEnum):
    """What waits for the approval."""

    SWEEP = "sweep"
    OFFBOARDING = "offboarding"
    """Offboarding on demand: what it was asked for waits, whatever sweeps find."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPlan:
    """A plan of one group that waits for an approval, has one, or has used it.

    Attributes:
        digest: Identifies exactly these people, dates and steps.
        people: How many would be offboarded.
        joiners: How many would be added.
        asked_by: Who asked for the run that made the plan.
        causes: Whose changes of the register are in it.
        approval: The ledger's entry of the approval, without which it does not count.
        used_by: The run that used the approval, which is good for one.
        gone_at: When a later run found that nobody waits for it any more.
    """

    digest: str
    group_id: str
    people: int
    members: int
    held_at: datetime
    joiners: int = 0
    held_for: HeldFor = HeldFor.SWEEP
    run_id: str = ""
    asked_by: str = ""
    causes: tuple[str, ...] = ()
    approved_at: datetime | None = None
    approved_by: str = ""
    approval: int = 0
    approved_by_name: str = ""
    used_by: str = ""
    gone_at: datetime | None = None

    @property
    def is_released(self) -> bool:
        return self.approved_at is not None and not self.used_by

    @property
    def size(self) -> str:
        """How many people wait, in words."""
        leaving = [f"{self.people} of {self.members} members to offboard"] if self.people else []
        return " and ".join([*leaving, *([f"{self.joiners} people to add"] if self.joiners else [])])

    @property
    def waits(self) -> bool:
        return self.approved_at is None and self.gone_at is None
