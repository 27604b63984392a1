"""The answer to whoever offboards several people on demand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from enforcer.core.offboard_answer import Offboarded


class PersonStatus(StrEnum):
    """What became of one person of a batch."""

    DONE = "done"
    UNFINISHED = "unfinished"
    """A step was refused; every sweep from now on tries again."""
    QUEUED = "queued"
    HELD = "held"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    NOT_A_CONTRACTOR = "not_a_contractor"
    REFUSED = "refused"
    FAILED = "failed"
    """Entra or storage refuses this app."""
    UNAVAILABLE = "unavailable"
    """Neither Entra nor the queue answered: call again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonAnswer:
    """What became of one person of a batch.

    Attributes:
        user: The name by which they were asked for.
        run_id: `GET /runs/{run_id}` shows it; empty where nothing was begun.
        detail: Why it is not done; empty if it is.
        ended_rows: The register's rows under the name of somebody whom Entra does not know, which end now.
        offboarding: What was done, step by step.
    """

    user: str
    status: PersonStatus
    run_id: str = ""
    detail: str = ""
    ended_rows: tuple[str, ...] = ()
    offboarding: Offboarded | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswer:
    """What became of everybody, in the order in which they were asked for.

    Attributes:
        run_id: The batch's own run, which adds up those of the people.
        digest: What to approve, if the brake holds the batch; else empty.
        detail: Why it is held.
    """

    run_id: str
    people: tuple[PersonAnswer, ...]
    digest: str = ""
    detail: str = ""

    def has(self, status: PersonStatus) -> bool:
        return any(person.status is status for person in self.people)

    def are_all(self, status: PersonStatus) -> bool:
        return all(person.status is status for person in self.people)
