"""Writes the ledger's entries about people whose access ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from enforcer.core.actors import Actor
from enforcer.core.calendar.dates import instant
from enforcer.core.ledger import Action, Entry
from enforcer.core.offboarding_record import OffboardingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """In which managed group and run something is done, by whom, and why.

    Attributes:
        note: The reason that a person gave; empty if it was the calendar.
    """

    group_id: str
    run_id: str
    actor: str
    note: str = ""
    actor_name: str = ""

    @property
    def by(self) -> Actor:
        return Actor(id=self.actor, name=self.actor_name)

    def entry(
        self,
        action: Action,
        at: datetime,
        *,
        outcome: str,
        about: OffboardingRecord | None = None,
        request_id: str = "",
    ) -> Entry:
        """Return an entry about a person, or (without one) about the group."""
        return Entry(
            at=instant(at),
            actor=self.actor,
            actor_name=self.actor_name,
            action=action,
            group=self.group_id,
            user=about.user_id if about else "",
            row_key=about.row_key if about else "",
            run=self.run_id,
            end_date=about.end_date if about else "",
            due_at=instant(about.due_at) if about and about.due_at else "",
            outcome=outcome,
            request_id=request_id,
            note=self.note,
        )
