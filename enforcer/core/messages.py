"""A message to a sponsor or an operator, from being queued to being sent or given up.

It holds what to say, not the text, which is written when it is sent, from the register or the runs. Whoever
can write to the outbox could otherwise send anything in the company's name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

# Half the 24 hours between nightly runs, so that the next one retries whatever failed.
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=12)
GIVE_UP_AFTER = timedelta(days=5)


class Channel(StrEnum):
    MAIL = "mail"
    """To a sponsor; the recipient is an address."""
    OPERATORS = "operators"
    """To one of the operators' Apprise URLs; the recipient is that URL's fingerprint, never the URL."""


class Level(StrEnum):
    """How urgent a message to operators is, in Apprise's words."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


class MessageState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one recipient.

    Attributes:
        id: Identifies the contents: a second message with the same ID is never queued.
        says: To a sponsor, the keys of the notices in it, so that none is sent twice; to operators, the ID of
            a run and the groups that it was about.
        give_up_at: When it stops being of use.
        keep_until: How long to remember that it was sent.
        attempts: How often sending was attempted.
    """

    channel: Channel
    id: str
    recipient: str
    queued_at: datetime
    give_up_at: datetime
    keep_until: datetime
    says: tuple[str, ...] = ()
    state: MessageState = MessageState.WAITING
    attempts: int = 0
    next_attempt_at: datetime | None = None
    sent_at: datetime | None = None
    last_error: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether it is waiting and its next attempt is due."""
        waits = self.next_attempt_at is not None and now < self.next_attempt_at
        return self.state is MessageState.WAITING and not waits

    def is_stale(self, now: datetime) -> bool:
        return now >= self.give_up_at

    def begun(self, now: datetime) -> Message:
        """Count an attempt. Until its outcome is known, nobody else tries."""
        pause = min(_FIRST_PAUSE * 2 ** min(self.attempts, 16), _LONGEST_PAUSE)
        return replace(self, attempts=self.attempts + 1, next_attempt_at=now + pause)

    def sent(self, now: datetime) -> Message:
        return replace(self, state=MessageState.SENT, sent_at=now, last_error="", next_attempt_at=None)

    def failed(self, reason: str) -> Message:
        return replace(self, last_error=reason)

    def given_up(self, reason: str) -> Message:
        return replace(self, state=MessageState.GIVEN_UP, last_error=reason, next_attempt_at=None)
