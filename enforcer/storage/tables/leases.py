"""Table `leases`: one runner at a time works on a group, and a crashed one does not block it for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from enforcer.core.calendar.dates import instant, utc
from enforcer.core.exceptions import AccessDeniedError, LeaseHeldError, LeaseLostError, UnavailableError
from enforcer.storage.tables.tables import LONG_AGO, Entity, Tables, moment, text

TABLE = "leases"
_PARTITION = "lease"
_POLL_SECONDS = 1.0
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """A lease as it lies in the table; `written_at` is by storage's own clock, whole seconds or finer."""

    holder: str
    expires_at: datetime
    etag: str
    written_at: datetime


class Leases:
    """Takes and renews leases.

    Args:
        seconds: How long a lease lives without being renewed.
        clock: Gives the present (UTC).
    """

    def __init__(self, tables: Tables, *, seconds: float, clock: Callable[[], datetime]) -> None:
        self._tables, self._seconds, self._clock = tables, seconds, clock

    @asynccontextmanager
    async def holding(self, name: str, holder: str) -> AsyncIterator[Lease]:
        """Hold a lease, renewed in the background, and give it back.

        Args:
            name: What is held: a managed group, by its ID, or some other work.
            holder: Who works on it, for people.

        Raises:
            LeaseHeldError: Somebody else holds it and renews it.
        """
        lease = Lease(self, name, holder, await self._take(name, holder))
        renewing = asyncio.create_task(lease.keep_renewing(self._seconds / 3))
        try:
            yield lease
        finally:
            await lease.stop(renewing)
            await self._give_back(lease)

    async def _take(self, name: str, holder: str) -> LeaseRow:
        give_up_at = asyncio.get_running_loop().time() + self._seconds
        while True:
            found = await self._read(name)
            if found is None or found.expires_at <= self._clock():
                taken = await self.write(name, holder, found.etag if found else "")
                if taken is not None:
                    return taken
            elif asyncio.get_running_loop().time() >= give_up_at:
                raise LeaseHeldError(name, found.holder, instant(found.expires_at))
            await asyncio.sleep(min(_POLL_SECONDS, self._seconds / 4))

    async def write(self, name: str, holder: str, etag: str) -> LeaseRow | None:
        """Take or renew on condition that nobody else has meanwhile; None where somebody has."""
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError

        expires_at = self._clock() + timedelta(seconds=self._seconds)
        entity: Entity = {
            "PartitionKey": _PARTITION,
            "RowKey": name,
            "Holder": holder,
            "ExpiresAt": expires_at,
        }
        async with self._tables.table(TABLE) as table:
            try:
                if etag:
                    written = await table.update_entity(
                        entity, etag=etag, match_condition=MatchConditions.IfNotModified, mode="replace"
                    )
                else:
                    written = await table.create_entity(entity)
            except HttpResponseError as error:
                if error.status_code in {404, 409, 412}:
                    return await self._ours(name, holder, expires_at)
                raise
        return LeaseRow(
            holder=holder,
            expires_at=expires_at,
            etag=str(written["etag"]),
            written_at=utc(written["date"]),
        )

    async def _ours(self, name: str, holder: str, expires_at: datetime) -> LeaseRow | None:
        """Find our own write, when its answer was lost and the SDK repeated it in vain."""
        found = await self._read(name)
        ours = found is not None and found.holder == holder and found.expires_at == expires_at
        return found if ours else None

    async def _read(self, name: str) -> LeaseRow | None:
        from azure.core.exceptions import ResourceNotFoundError

        async with self._tables.table(TABLE) as table:
            try:
                entity = await table.get_entity(_PARTITION, name)
            except ResourceNotFoundError:
                return None
        return LeaseRow(
            holder=text(entity, "Holder"),
            # A lease of which nobody can say when it ends would otherwise never end.
            expires_at=moment(entity, "ExpiresAt") or LONG_AGO,
            etag=str(entity.metadata["etag"]),
            written_at=utc(cast("datetime", entity.metadata["timestamp"])),
        )

    async def _give_back(self, lease: Lease) -> None:
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError

        if lease.lost:
            return
        try:
            async with self._tables.table(TABLE) as table:
                await table.delete_entity(
                    _PARTITION,
                    lease.name,
                    etag=lease.row.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
        except (HttpResponseError, AccessDeniedError, UnavailableError):
            return  # it runs out by itself

    def is_over(self, row: LeaseRow) -> bool:
        return row.expires_at <= self._clock()


class Lease:
    """A lease that we hold until it is `lost`; `taken_at` is by storage's own clock."""

    def __init__(self, leases: Leases, name: str, holder: str, row: LeaseRow) -> None:
        self._leases, self.name, self._holder, self.row = leases, name, holder, row
        self.taken_at = row.written_at
        self.lost = False
        # Two renewals at a time would be rivals, and one of them would believe the lease lost.
        self._renewing = asyncio.Lock()

    async def keep_renewing(self, every: float) -> None:
        while not self.lost:
            await asyncio.sleep(every)
            async with self._renewing:
                await self._renew()

    async def stop(self, renewing: asyncio.Task[None]) -> None:
        """End the renewing, but let one under way arrive: without its answer nothing is given back."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS), self._renewing:
                renewing.cancel()
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)

    async def require(self) -> None:
        """Make sure that the group is still ours, before writing.

        Raises:
            LeaseLostError: Another runner has taken it over.
        """
        async with self._renewing:
            if not self.lost and self._leases.is_over(self.row):
                await self._renew()
        if self.lost or self._leases.is_over(self.row):
            raise LeaseLostError(f"{self.name} was taken over by another runner")

    async def _renew(self) -> None:
        try:
            renewed = await self._leases.write(self.name, self._holder, self.row.etag)
        except UnavailableError:
            return  # there are two more tries before it runs out
        if renewed is None:
            self.lost = True
        else:
            self.row = renewed
