"""Let people through the brake, or not: decided and written in one step, before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from enforcer.core.begun_entries import Beginning
from enforcer.core.brake import Batch, Brake, Window
from enforcer.core.ledger import Entry, Head
from enforcer.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """They may be dealt with; the ledger has them.

    Attributes:
        sequences: The ledger's entry that names each, to be put into their record.
    """

    sequences: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """They need an approval first; nothing was written.

    Attributes:
        people: How many would be let through in the window, they among them.
        members: The largest membership in the window.
    """

    people: int
    members: int


async def admit(services: Services, beginning: Beginning, brake: Brake | None = None) -> Admitted | Held:
    """Let these people through, unless they are too many together with those of the last 22 hours.

    Give only people of whom nobody let through before has an unfinished record (`Begun.names`). Whom an
    approval releases (`beginning.approved`) is never held and does not count.

    Args:
        services: The adapters.
        beginning: Who begins with whom.
        brake: The bounds; by default those of the settings.

    Raises:
        AccessDeniedError, UnavailableError: Storage refuses, or does not answer. They may count nevertheless.
    """
    if not beginning.people:
        return Admitted()
    decision = _Decision(beginning, brake or services.settings.brake)
    first = await services.ledger.append_decided(beginning.group_id, decision.decide)
    if first is None:
        return decision.held()
    entries = beginning.entries()
    return Admitted(
        sequences={
            person: first.sequence + place
            for place, entry in enumerate(entries)
            for person in entry.note.split("\n")
        }
    )


async def would_be_held(services: Services, beginning: Beginning, brake: Brake | None = None) -> Held | None:
    """Return what `admit` would say now if it held them, without writing anything."""
    decision = _Decision(beginning, brake or services.settings.brake)
    window = await services.ledger.window(beginning.group_id)
    return decision.held() if decision.decide(window, Head()) is None else None


@dataclass(slots=True)
class _Decision:
    """Decides by the window; the ledger asks again where somebody else was faster."""

    beginning: Beginning
    brake: Brake
    window: Window = field(default_factory=Window)

    def decide(self, window: Window, head: Head) -> tuple[list[Entry], Window] | None:
        self.window, new = window, self.beginning
        fresh = 0 if new.approved else len(new.people)
        if self.brake.holds(new.way, fresh, new.members, window, new.at):
            return None
        batch = Batch(way=new.way, at=new.at, people=fresh, members=new.members, sequence=head.sequence + 1)
        return new.entries(), window.adding(batch)

    def held(self) -> Held:
        new = self.beginning
        lately = self.window.lately(new.at)
        return Held(
            people=lately.lately(new.at, new.way).people + len(new.people),
            members=max(new.members, lately.members),
        )
