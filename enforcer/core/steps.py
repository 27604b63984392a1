"""The result of one step of an offboarding or an undo."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto


class StepOutcome(StrEnum):
    DONE = auto()
    ABSENT = auto()
    """There was nothing to do: not a member, or already one."""
    NO_ACCOUNT = auto()
    """The account no longer exists."""
    FAILED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """The result of one step for one person.

    Attributes:
        request_id: Graph's ID of the call, for Microsoft's support.
        explanation: What Graph said if the step failed.
        forbidden: Graph refuses this identity.
        uncertain: Graph said that there was nothing to do, but may be wrong: an earlier attempt got no answer
            and may have taken effect, or another call says otherwise.
        unavailable: Graph did not answer, or asked for too long a wait; the call may have taken effect.
    """

    outcome: StepOutcome
    request_id: str = ""
    explanation: str = ""
    forbidden: bool = False
    unavailable: bool = False
    uncertain: bool = False

    @property
    def settled(self) -> bool:
        return self.outcome is not StepOutcome.FAILED
