"""The errors that cross from one part of this project to another.

EnforcerError
├── SettingsError          a setting is wrong; names every wrong one
├── InputError             a caller's input cannot be used: a date, a file, a plan
│   ├── NotFoundError      nobody and nothing has that name
│   │   └── NoAccountError Entra has no account to offboard; names the rows that ended
│   ├── AmbiguousError     more than one has that name
│   ├── RefusedError       the settings forbid it
│   ├── MissingRoleError   whoever asks lacks the app role that this takes
│   ├── FourEyesError      this takes somebody else than whoever asks
│   ├── HeldError          the brake holds it until somebody approves it
│   ├── NotContractorError somebody to offboard is neither a member, nor registered, nor on record
│   └── FileError          a file to import; names every wrong line (register/feed/problems)
├── RunError               this run cannot continue; the next one may
│   ├── ReadError          register or members could not be read completely
│   ├── GroupError         the group is missing, or of a kind that cannot be managed
│   ├── AccessDeniedError  Graph or storage refuses this identity
│   ├── LeaseLostError     another runner has taken the group over
│   └── LeaseHeldError     another runner is at work on the group
├── UnavailableError       no answer for as long as we were willing to wait
└── ProblemError           how the HTTP API reports any of them (web/problems)

Outside the tree, because callers catch them at once: `ValueError` in `setting_values`, `UnreadableDateError`
in `calendar/dates` (its text becomes a finding, or an InputError), and what a shell keeps to itself:
`InvalidTokenError` (web/tokens) and the mistakes in a form (page/changes).
"""

from __future__ import annotations


def cause(error: Exception) -> Exception:
    """Return what really happened: a group's first error, preferably one whose text is for people."""
    if not isinstance(error, ExceptionGroup):
        return error
    causes = [cause(inner) for inner in error.exceptions]
    return next((inner for inner in causes if isinstance(inner, EnforcerError)), causes[0])


class EnforcerError(Exception):
    """Root of all errors of this project; its text is for people."""


class SettingsError(EnforcerError):
    """One or more settings are wrong."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{len(problems)} wrong setting{'s' if len(problems) > 1 else ''}:\n{lines}")


class InputError(EnforcerError):
    """A value given by the caller cannot be used.

    Args:
        message: What is wrong, with the value, and what would be right.
        field: The name of the field, option or column, if there is one.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        self.field = field
        super().__init__(message)


class NotFoundError(InputError):
    """Nobody and nothing has that name."""


class NoAccountError(NotFoundError):
    """Entra has no account of that name, so there is nobody to offboard; the register's rows have ended.

    Args:
        user: The name.
        ended_rows: The rows that ended now, as `group/row key`.
    """

    def __init__(self, user: str, ended_rows: tuple[str, ...]) -> None:
        self.ended_rows = ended_rows
        ended = f"ended now: {', '.join(ended_rows)}" if ended_rows else "no row of that name was running"
        super().__init__(f"Entra has no account {user}; {ended}", field="user")


class AmbiguousError(InputError):
    """More than one person or thing has that name."""


class RefusedError(InputError):
    """The settings forbid what is asked for."""


class MissingRoleError(InputError):
    """Whoever asks lacks the app role that this takes."""


class FourEyesError(InputError):
    """This takes somebody else than whoever asks, because it is about themselves or their own changes."""


class NotContractorError(InputError):
    """Whoever was to be offboarded is not a contractor: no member, without a row and without a record."""

    def __init__(self, user: str, why: str) -> None:
        super().__init__(f"{user} is not a contractor: {why}", field="user")


class HeldError(InputError):
    """The brake holds an offboarding on demand until somebody approves it.

    Args:
        digest: What to approve.
        people: How many would be offboarded within 22 hours.
        members: The largest number of members in that time.
    """

    def __init__(self, digest: str, *, people: int, members: int) -> None:
        self.digest = digest
        super().__init__(
            f"held by the brake: it would be {people} of {members} members within 22 hours. Ask somebody else"
            f" who may approve for `enforcer approve {digest}`, then try again"
        )


class RunError(EnforcerError):
    """The run cannot continue. Nothing further is written; the next run starts afresh."""


class ReadError(RunError):
    """Register or members could not be read completely, so nothing may be planned."""


class GroupError(RunError):
    """The managed group is missing or of a kind whose members cannot be managed."""


class AccessDeniedError(RunError):
    """Graph or storage refuses this identity: a permission, role or ownership is missing."""


class LeaseLostError(RunError):
    """Another runner has taken the group over; this one must stop writing."""


class LeaseHeldError(RunError):
    """Another runner is at work on the group."""

    def __init__(self, name: str, holder: str, expires_at: str) -> None:
        self.name, self.holder, self.expires_at = name, holder, expires_at
        super().__init__(f"{name} is being worked on by {holder} (lease until {expires_at})")


class UnavailableError(EnforcerError):
    """Graph or storage kept us waiting longer than we were willing to."""
