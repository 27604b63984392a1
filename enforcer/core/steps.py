"""What came of one step of an offboarding, or of taking one back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto


class StepOutcome(StrEnum):
    DONE = auto()
    ABSENT = auto()
    """There was nothing to do: not a member, or a member already."""
    NO_ACCOUNT = auto()
    """The account does not exist any more."""
    FAILED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What came of one step for one person.

    Attributes:
        request_id: Graph's ID of the call, by which Microsoft's support finds it.
        explanation: What Graph said, where the step failed.
        forbidden: Graph said that this identity may not.
        uncertain: Graph said that there was nothing to do, but that may not be so: an earlier attempt got no
            answer and may have taken effect, or another call says otherwise.
        unavailable: Graph did not answer, or asked to wait for too long; the call may have taken effect.
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
