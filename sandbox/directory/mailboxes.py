"""How many requests for a mailbox are in progress: Exchange accepts few at a time from an application."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.directory.errors import GraphError
from sandbox.directory.messages import Call

# Per app; here all callers count as one. Source: Microsoft Graph throttling limits, Outlook service.
MOST_AT_ONCE = 4


class Mailboxes:
    def __init__(self) -> None:
        self._busy: Counter[str] = Counter()

    @contextmanager
    def entered(self, call: Call) -> Iterator[None]:
        """Take a slot of the mailbox from which a request sends mail. Raises GraphError (429)."""
        match call.segments:
            case ("users", user, "sendMail"):
                mailbox = user.lower()
            case _:
                yield
                return
        if self._busy[mailbox] >= MOST_AT_ONCE:
            raise GraphError(
                429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.", {}
            )
        self._busy[mailbox] += 1
        try:
            yield
        finally:
            self._busy[mailbox] -= 1
