"""A run over one managed group: its services, lease, time limit and ledger."""

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

# Once time is up, requests in flight may still be answered; no wait that Graph asks for is sat out.
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRun:
    """A run over one managed group.

    Attributes:
        until: Event loop time after which nobody new is started.
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
        """Event loop time until which requests in flight may be answered, and are recorded."""
        return None if self.until is None else self.until + _GRACE_SECONDS

    def time_is_up(self) -> bool:
        return self.until is not None and asyncio.get_running_loop().time() >= self.until

    async def record(self, entries: Sequence[Entry]) -> None:
        """Append to the ledger; raises what `Ledger.append` raises."""
        await self.services.ledger.append(self.group_id, list(entries))

    async def forget(self, intent: OffboardingRecord, outcome: str) -> None:
        """Withdraw an intent: the person's access has not ended after all."""
        await self.record([self.entry(Action.WITHDRAW, intent, outcome=outcome)])
        await self.services.records.forget(self.group_id, intent.row_key)

    def entry(self, action: Action, about: OffboardingRecord | None = None, *, outcome: str) -> Entry:
        return self.context.entry(action, self.services.now(), outcome=outcome, about=about)

    @property
    def context(self) -> Context:
        return Context(
            group_id=self.group_id,
            run_id=self.run.run_id,
            actor=self.run.actor,
            actor_name=self.run.actor_name,
        )
