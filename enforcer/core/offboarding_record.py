"""What is on record about an offboarding: the nouns of table `enforcements`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from enforcer.core.user_kind import UserKind


class State(StrEnum):
    """How far a person's offboarding has got."""

    OFFBOARDING = "offboarding"
    """The intent is on record; some step is not known to be done."""
    OFFBOARDED = "offboarded"
    """Every step is done; no member list has confirmed it yet."""
    VERIFIED = "verified"
    """A later member list no longer has the person."""
    STUCK = "stuck"
    """Six runs have failed; retried once a day, and reported by every run."""


class Sessions(StrEnum):
    """What became of the person's sign-in sessions."""

    REVOKED = "revoked"
    """Refresh tokens and browser sessions of this tenant's own account are no longer valid."""
    HOME_TENANT = "home_tenant"
    """The account belongs to another tenant: its sessions are revoked there or nowhere.

    Graph's revokeSignInSessions does not reach people who sign in through their home tenant
    (user: revokeSignInSessions, and "Refresh tokens", Microsoft identity platform documentation).
    """
    NO_ACCOUNT = "no_account"
    """The account no longer exists."""


class Proof(StrEnum):
    """What Entra's own What If evaluation says about the person's next sign-in."""

    BLOCKED = "blocked"
    NOT_BLOCKED = "not_blocked"
    DISABLED = "disabled"
    NOT_ASKED = "not_asked"


# After this many failed runs somebody has to look into it.
RUNS_BEFORE_STUCK = 6
STUCK_RETRY = timedelta(days=1)
# How long Graph may go on listing a removed member: no figure is published, minutes are reported. Until
# then, whoever is still listed counts as somebody whose removal is not visible yet.
READS_SETTLE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OffboardingRecord:
    """One row of table `enforcements`; the properties are the columns.

    Attributes:
        was_disabled: The account was disabled before this began: not our doing, nor ours to undo.
        keeps_account: The account is neither to be disabled nor put into the leavers' group: nothing shows
            that they were a member, or they hold a directory role.
        leavers_at: When they were put into the leavers' group, or found to be in it.
        revoked_at: When revocation was requested; `sessions` says what came of it.
        begun_in: The ledger's entry that lists the intent; 0 if it was never listed.
    """

    row_key: str
    user_id: str
    state: State
    end_date: str = ""
    due_at: datetime | None = None
    user_kind: UserKind = UserKind.UNKNOWN
    was_disabled: bool = False
    keeps_account: bool = False
    removed_at: datetime | None = None
    revoked_at: datetime | None = None
    disabled_at: datetime | None = None
    leavers_at: datetime | None = None
    verified_at: datetime | None = None
    sessions: Sessions | None = None
    proof: Proof | None = None
    proof_policy: str = ""
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_error: str = ""
    run_id: str = ""
    begun_in: int = 0

    @property
    def unfinished(self) -> bool:
        return self.state in (State.OFFBOARDING, State.STUCK)

    def was_just_removed(self, now: datetime) -> bool:
        return self.removed_at is not None and now - self.removed_at < READS_SETTLE

    def waits(self, now: datetime) -> bool:
        """Whether the person is stuck and today's attempt was already made."""
        return self.state is State.STUCK and self.next_attempt_at is not None and now < self.next_attempt_at


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableRecord:
    """A row of table `enforcements` that does not say how far the offboarding has got."""

    row_key: str
