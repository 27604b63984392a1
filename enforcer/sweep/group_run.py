"""A run at work on one managed group: what it may use, how long, and how it keeps the record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from enforcer.core.ledger import Action, Entry
from enforcer.core.ledger_entries import Context
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.runs import Run
from enforcer.services import Services
from enforcer.storage.tables.leases import Lease

# When time is up, what is on its way may still arrive; pauses of Graph are not sat out.
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRun:
    """A run at work.

    Attributes:
        until: Time of the event loop's clock after which nobody new is begun.
    """

    services: Services
    lease: Lease
    run: Run
    until: float | None = None

    @property
    def group_id(self) -> str:
        return self.run.group_id

    @property
    def last_call(self) -> float | None:
        """Time of the event loop's clock until which what is on its way may arrive, to be recorded."""
        return None if self.until is None else self.until + _GRACE_SECONDS

    def time_is_up(self) -> bool:
        return self.until is not None and asyncio.get_running_loop().time() >= self.until

    async def record(self, entries: Sequence[Entry]) -> None:
        """Append to the ledger. Raises: as `Ledger.append`."""
        await self.services.ledger.append(self.group_id, list(entries))

    async def forget(self, enforcement: OffboardingRecord, outcome: str) -> None:
        """Take an intent back: his access has not ended after all."""
        await self.record([self.entry(Action.WITHDRAW, enforcement, outcome=outcome)])
        await self.services.enforcements.forget(self.group_id, enforcement.row_key)

    def entry(self, action: Action, about: OffboardingRecord | None = None, *, outcome: str) -> Entry:
        return self.context.entry(action, self.services.now(), outcome=outcome, about=about)

    @property
    def context(self) -> Context:
        return Context(group_id=self.group_id, run_id=self.run.run_id, actor=self.run.actor)
