"""The nouns of a plan. Their fields are those of `plan --output json`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from enforcer.core.keys import normalised
from enforcer.core.members import hidden_names, names_of
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.user_kind import UserKind


class Step(StrEnum):
    """What is done to one person, in this order."""

    DISABLE = "disable"
    REMOVE = "remove"
    REVOKE = "revoke"


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
    UNMANAGED_GROUP = "unmanaged_group"
    MIDNIGHT_END = "midnight_end"
    UNMATCHED_ROW = "unmatched_row"


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
class Offboard:
    """A person whose access has ended and what is still to be done about it.

    Attributes:
        row_key: Their row in the register; None for a member without one.
        mail, other_addresses: Rows may use them; part neither of the digest nor of what is printed.
        key_taken: The record under the row's key is about somebody else, who had the address before.
        key_passed_on: The address on record is another member's now; rows mean that member.
        was_disabled: The account was disabled before we began.
        authorised: An earlier run began the offboarding, so the brake does not count it again.
        earlier: The record from before.
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
    authorised: bool = False
    earlier: OffboardingRecord | None = None
    key_taken: bool = False
    key_passed_on: bool = False

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
        return self.user_id if self.row_key is None or self.key_taken else self.row_key

    @property
    def names(self) -> frozenset[str]:
        """The normalised keys of rows that mean the person, or may, as far as the plan knows."""
        addresses = (self.user_principal_name, self.mail, *self.other_addresses)
        names = names_of(self.user_id, *addresses) | hidden_names(*addresses)
        return names if self.key_passed_on else names | {normalised(self.key)}

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
        held: More people than the brake lets through without an approval.
        waiting: Due and stuck, today's attempt made: not retried now, never forgotten.
        verify: Offboarded people whom the member list no longer has.
        withdraw: Offboardings that were begun of people whose access was extended.
    """

    group_id: str
    digest: str
    members: int
    offboard: tuple[Offboard, ...]
    onboard: tuple[Onboard, ...]
    ending_soon: tuple[EndingSoon, ...]
    findings: tuple[Finding, ...]
    held: bool
    waiting: tuple[OffboardingRecord, ...] = ()
    verify: tuple[OffboardingRecord, ...] = ()
    withdraw: tuple[OffboardingRecord, ...] = ()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPlan:
    """A plan of one group that waits for an approval, has one, or has used it.

    Attributes:
        digest: The group's plan digest: identifies exactly these people, dates and steps.
        used_by: The run that used the approval, which is good for one.
    """

    digest: str
    group_id: str
    people: int
    members: int
    held_at: datetime
    run_id: str = ""
    approved_at: datetime | None = None
    approved_by: str = ""
    approved_by_name: str = ""
    used_by: str = ""

    @property
    def is_released(self) -> bool:
        return self.approved_at is not None and not self.used_by
