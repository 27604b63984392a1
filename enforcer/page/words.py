"""The page's words for the code's names."""

from __future__ import annotations

from dataclasses import dataclass

from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import Proof, Sessions, State
from enforcer.core.plan import FindingKind
from enforcer.core.runs import Run, RunKind, RunState
from enforcer.core.user_kind import UserKind

# What was tried; the entry's outcome says with what result.
ACTIONS = {
    Action.DISABLE: "Disable the account",
    Action.REMOVE: "Remove from the group",
    Action.REVOKE: "Revoke sessions",
    Action.LEAVERS_ADD: "Put into the leavers' group",
    Action.LEAVERS_REMOVE: "Take out of the leavers' group",
    Action.ADD: "Add to the group",
    Action.ENABLE: "Enable the account",
    Action.VERIFY: "Verify the absence",
    Action.WITHDRAW: "Withdraw the offboarding",
    Action.PROOF: "Evaluate the next sign-in",
    Action.BEGIN: "Begin a run",
    Action.HOLD: "Hold a plan",
    Action.APPROVE: "Approve a plan",
    Action.REGISTER_ADD: "Register",
    Action.REGISTER_EXTEND: "Change the end date",
    Action.REGISTER_END: "End the row",
    Action.REGISTER_REMOVE: "Delete the row",
    Action.REGISTER_IMPORT: "Import the row",
    Action.RESUME: "Resume the ledger",
    Action.UNREADABLE: "Unreadable entry",
}

STATES = {
    State.OFFBOARDING: "offboarding",
    State.OFFBOARDED: "offboarded",
    State.VERIFIED: "offboarded, verified",
    State.STUCK: "stuck",
}

SESSIONS = {
    Sessions.REVOKED: "revoked",
    Sessions.HOME_TENANT: "the home tenant's, not ours to revoke",
    Sessions.NO_ACCOUNT: "none: the account no longer exists",
}

ACCOUNTS = {
    UserKind.MEMBER: "of this tenant",
    UserKind.INTERNAL_GUEST: "guest: signs in with an account of this tenant",
    UserKind.EXTERNAL: "guest: signs in with another tenant's account",
    UserKind.UNKNOWN: "kind unknown: Graph did not say",
}

PROOFS = {
    Proof.BLOCKED: "blocked",
    Proof.NOT_BLOCKED: "not blocked",
    Proof.DISABLED: "account disabled",
    Proof.NOT_ASKED: "not asked",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingWords:
    title: str
    advice: str


FINDINGS = {
    FindingKind.UNREGISTERED_MEMBER: FindingWords(
        title="Members without a row", advice="Register them, or offboard them."
    ),
    FindingKind.STUCK: FindingWords(
        title="Stuck", advice="Several runs could not offboard them: see the error from Graph."
    ),
    FindingKind.INVALID_ROW: FindingWords(
        title="Rows that cannot be read", advice="Such a row is never acted upon: correct it."
    ),
    FindingKind.AMBIGUOUS_ROW: FindingWords(
        title="Rows that match several people, or the same person twice",
        advice="Keep one row for each person.",
    ),
    FindingKind.MISSING_MEMBER: FindingWords(
        title="Registered, but not a member", advice="Add them to the group, or end their rows."
    ),
    FindingKind.PROTECTED: FindingWords(
        title="Protected", advice="Due, but ENFORCER_PROTECTED_IDS names them."
    ),
    FindingKind.NOT_A_USER: FindingWords(
        title="Not a user", advice="Access through a nested group or a device has no end date."
    ),
    FindingKind.RE_ADDED: FindingWords(
        title="Added again after their removal", advice="Find out who added them; a run removes them again."
    ),
    FindingKind.DISABLED_ACCOUNT: FindingWords(
        title="Access continues, but the account is disabled",
        advice="Enable the account, if an offboarding disabled it.",
    ),
    FindingKind.NOT_BLOCKED: FindingWords(
        title="Out of the group, but sign-in is not blocked",
        advice="No Conditional Access policy blocks their next sign-in: see docs/conditional-access.md.",
    ),
    FindingKind.MIDNIGHT_END: FindingWords(
        title="Ends at midnight",
        advice="Access ends when that day begins: write the date alone if it is the last day.",
    ),
    FindingKind.POLICY_DRIFT: FindingWords(
        title="Policies that have changed", advice="Compare them: enforcer policies plan."
    ),
    FindingKind.POLICIES_UNSEEN: FindingWords(
        title="Policies that could not be checked", advice="Run enforcer check: it says what is missing."
    ),
    FindingKind.LEAVERS_GROUP: FindingWords(
        title="The leavers' group", advice="Run enforcer check: it says what is wrong with the group."
    ),
    FindingKind.UNMANAGED_GROUP: FindingWords(
        title="Rows outside every managed group",
        advice="Move them to a managed group's object ID, or add their group to the managed groups.",
    ),
    FindingKind.END_MOVED: FindingWords(
        title="Ends earlier than last night, with no entry in the ledger",
        advice="Somebody wrote the table directly: ask them, and restore the end date if it is wrong.",
    ),
    FindingKind.UNMATCHED_ROW: FindingWords(
        title="Ended, but no member has the address",
        advice="If a member without a row is meant, write the object ID; otherwise delete the row.",
    ),
}

_KINDS = {RunKind.SWEEP: "sweep", RunKind.OFFBOARD: "offboard now", RunKind.UNDO: "undo"}


def run_kind(run: Run) -> str:
    return _KINDS[run.kind]


def run_state(run: Run) -> str:
    """Return what became of a run; a held one is complete, although people wait for an approval."""
    if run.queued:
        return "queued"
    return "held" if run.holds and run.state is RunState.COMPLETE else run.state.value
