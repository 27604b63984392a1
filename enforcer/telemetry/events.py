"""The events, one class each. `infra/queries` and `infra/workbook.json` use these names and fields.

Object IDs only: no names, no addresses, no exception messages, which quote both.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, get_args


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCompleted:
    """A run of one managed group finished.

    `complete`: register and members were read completely, the plan was not held, and everyone who was due has
    an outcome; in report mode, everything was read, planned and recorded. A run that ran out of time or waits
    for approval is not complete: the alarm for a missed night counts complete runs only.
    """

    name: ClassVar[str] = "run_completed"
    level: ClassVar[int] = logging.INFO

    run_id: str
    group_id: str
    reason: str
    mode: str
    complete: bool
    started_at: datetime
    finished_at: datetime
    due: int
    removed: int
    already_absent: int
    revoked: int
    disabled: int
    verified: int
    skipped: int
    stuck: int
    held: bool
    findings: int
    unregistered: int
    ending_soon: int
    lag_p50_seconds: float | None = None
    """From the end of access to the removal; like the next two, None if nobody was removed."""
    lag_p95_seconds: float | None = None
    lag_max_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed:
    """A run failed; the queue delivers its message again."""

    name: ClassVar[str] = "run_failed"
    level: ClassVar[int] = logging.ERROR

    run_id: str
    group_id: str
    reason: str
    error: str
    """The name of the exception class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHeld:
    """A plan waits for an approval: its people are neither offboarded nor added until it has one.

    Every complete run of the group says so again for each such plan, also one that only looks or verifies: a
    plan that the newest complete run does not name is approved, or nobody needs it any more.
    """

    name: ClassVar[str] = "plan_held"
    level: ClassVar[int] = logging.WARNING

    run_id: str
    group_id: str
    digest: str
    count: int
    """How many people the plan would offboard."""
    members: int
    """How many members the group has."""
    joiners: int = 0
    """How many people the plan would add."""
    held_at: datetime | None = None
    """When a run last held it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAppended:
    """Entries were appended to a ledger: its end, out of reach of whoever can write the tables."""

    name: ClassVar[str] = "ledger_appended"
    level: ClassVar[int] = logging.INFO

    group_id: str
    sequence: int
    """The number of the newest entry."""
    hash: str
    """The hash of that entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffboardedOnDemand:
    """Somebody was offboarded on demand, by the API, the page, the command line or the queue."""

    name: ClassVar[str] = "offboarded_on_demand"
    level: ClassVar[int] = logging.WARNING

    run_id: str
    user_id: str
    actor: str
    done: bool
    """Whether every step is settled."""
    removed: int
    """From how many managed groups this run removed them."""
    disabled: bool
    """Whether this run disabled the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonStuck:
    """Six runs could not offboard this person; from now on they are retried once a day."""

    name: ClassVar[str] = "person_stuck"
    level: ClassVar[int] = logging.ERROR

    run_id: str
    group_id: str
    user_id: str
    attempts: int
    error: str
    """Graph's error code, such as Authorization_RequestDenied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionDenied:
    """A sweep failed because Graph or storage refuses this identity."""

    name: ClassVar[str] = "permission_denied"
    level: ClassVar[int] = logging.ERROR

    group_id: str
    what: str
    """What could not be done: always `sweep`. For anything else, the caller gets the error."""
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePoisoned:
    """A queue message was delivered as often as allowed, and failed every time."""

    name: ClassVar[str] = "message_poisoned"
    level: ClassVar[int] = logging.ERROR

    queue: str
    """The original queue, without `-poison`."""
    message_id: str
    group_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDrift:
    """The Conditional Access policies no longer block people who are offboarded."""

    name: ClassVar[str] = "policy_drift"
    level: ClassVar[int] = logging.ERROR

    group_id: str
    kind: str
    """As in `policies check`; `not_blocked` if Entra would still let somebody in."""
    policy_id: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFailed:
    """A message to sponsors or operators could not be sent; it will be retried."""

    name: ClassVar[str] = "notification_failed"
    level: ClassVar[int] = logging.WARNING

    channel: str
    """`mail`, or the scheme of the Apprise URL: never the URL, which carries a secret."""
    attempts: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailsLeft:
    """A night's mails to sponsors have reached their limit; the others wait for the next night."""

    name: ClassVar[str] = "mails_left"
    level: ClassVar[int] = logging.WARNING

    left: int
    """How many mails wait."""
    most: int
    """How many are sent within 22 hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRunFailed:
    """A task after a sweep failed; the removals are done and recorded."""

    name: ClassVar[str] = "post_run_failed"
    level: ClassVar[int] = logging.WARNING

    part: str
    """`report`, `warnings`, `summary`, `alarm`, `sending`, `heartbeat` or `next night`."""
    error: str
    """The name of the exception class."""


type Event = (
    RunCompleted
    | RunFailed
    | PlanHeld
    | LedgerAppended
    | OffboardedOnDemand
    | PersonStuck
    | PermissionDenied
    | MessagePoisoned
    | PolicyDrift
    | NotificationFailed
    | MailsLeft
    | PostRunFailed
)

EVENTS: tuple[type[Event], ...] = get_args(Event.__value__)
