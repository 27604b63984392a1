"""Evidence: for every contractor whose access ended in a period, whether, when and how it was removed.

These nouns are also those of the files. `verdicts` judges a case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from enforcer.core.contractors import InvalidRow
from enforcer.core.evidence.period import Period
from enforcer.core.ledger import CheckedChain
from enforcer.core.runs import Lag


class Verdict(StrEnum):
    IN_TIME = "in_time"
    LATE = "late"
    PENDING = "pending"
    OVERDUE = "overdue"
    UNPROVEN = "unproven"
    UNKNOWN = "unknown"
    WITHDRAWN = "withdrawn"
    NO_END_DATE = "no_end_date"


# These count for the SLA; it does not apply to the others, or not yet.
JUDGED = frozenset({Verdict.IN_TIME, Verdict.LATE, Verdict.OVERDUE, Verdict.UNPROVEN, Verdict.UNKNOWN})


class Membership(StrEnum):
    MEMBER = "member"
    NOT_A_MEMBER = "not_a_member"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One end of access. The fields are those of the files; times are UTC.

    Attributes:
        removed_at: When the enforcer removed the person, or first found them to be out.
        removed_by: Who did it; `not the enforcer` if they were already out.
        lag_seconds: From the end of access to the removal, if the enforcer made it.
        sessions: `revoked`, `home_tenant` (only the home tenant can revoke them) or `no_account`.
        revoked_at: When the sessions were revoked; None if they were not.
        proof: What Entra's own evaluation said about the next sign-in.
        verified_at: When a later member list no longer had the person.
        membership: Whether they are in the group at the time of the export.
        entries: Numbers of the ledger entries about this.
    """

    group_id: str
    user_id: str
    row_key: str
    display_name: str
    company: str
    sponsor: str
    end_date: str
    due_at: datetime | None
    verdict: Verdict
    removed_at: datetime | None
    removed_by: str
    lag_seconds: float | None
    sessions: str
    revoked_at: datetime | None
    disabled_at: datetime | None
    proof: str
    proof_policy: str
    verified_at: datetime | None
    membership: Membership
    state: str
    remark: str
    runs: tuple[str, ...]
    entries: tuple[int, ...]
    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The cases, counted: `population` is the sum of `verdicts`.

    Attributes:
        judged: To how many of them the SLA applies.
        in_time_percent: How many of those were in time; None if there are none.
    """

    population: int
    verdicts: dict[Verdict, int]
    judged: int
    in_time_percent: float | None
    lag_seconds: Lag


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything handed to an auditor about a period.

    Attributes:
        unreadable: Rows that may belong to the population; nobody can tell.
        chains: The ledgers that the cases rest on, checked.
        members_unread: Groups whose members could not be read, and why.
        left_out: Groups that have a ledger but are no longer managed: none of their people are included.
    """

    period: Period
    sla: timedelta
    cases: tuple[Case, ...]
    summary: Summary
    unreadable: tuple[InvalidRow, ...]
    chains: tuple[CheckedChain, ...]
    members_unread: dict[str, str]
    left_out: tuple[str, ...] = ()


def summarise(found: Sequence[Case]) -> Summary:
    """Count the cases."""
    counts = Counter(case.verdict for case in found)
    judged = sum(counts[verdict] for verdict in JUDGED)
    return Summary(
        population=len(found),
        verdicts={verdict: counts[verdict] for verdict in Verdict},
        judged=judged,
        in_time_percent=round(100 * counts[Verdict.IN_TIME] / judged, 1) if judged else None,
        lag_seconds=Lag.of(case.lag_seconds for case in found),
    )
