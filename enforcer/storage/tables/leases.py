"""Table `leases`: one runner at a time works on a group, and a crashed runner blocks it only briefly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from enforcer.core.calendar.dates import instant
from enforcer.core.exceptions import AccessDeniedError, LeaseHeldError, LeaseLostError, UnavailableError
from enforcer.storage.tables.tables import LONG_AGO, Entity, Tables, Version, moment, text

TABLE = "leases"
_PARTITION = "lease"
_POLL_SECONDS = 1.0
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """A lease as the table has it."""

    holder: str
    expires_at: datetime
    version: Version


class Leases:
    """Takes and renews leases.

    Args:
        seconds: How long a lease lasts without being renewed.
        clock: Returns the current time (UTC).
    """

    def __init__(self, tables: Tables, *, seconds: float, clock: Callable[[], datetime]) -> None:
        self._tables, self._seconds, self._clock = tables, seconds, clock

    @asynccontextmanager
    async def holding(self, name: str, holder: str) -> AsyncIterator[Lease]:
        """Hold a lease, renew it in the background, and release it at the end.

        Args:
            name: What the lease is for: a managed group's ID, or other work.
            holder: Who holds it, as people are told.

        Raises:
            LeaseHeldError: Somebody else holds it and renews it.
        """
        lease = Lease(self, name, holder, await self._take(name, holder))
        renewing = asyncio.create_task(lease.keep_renewing(self._seconds / 3))
        try:
            yield lease
        finally:
            await lease.stop(renewing)
            await self._release(lease)

    async def _take(self, name: str, holder: str) -> LeaseRow:
        give_up_at = asyncio.get_running_loop().time() + self._seconds
        while True:
            found = await self._read(name)
            if found is None or found.expires_at <= self._clock():
                taken = await self.write(name, holder, found.version if found else None)
                if taken is not None:
                    return taken
            elif asyncio.get_running_loop().time() >= give_up_at:
                raise LeaseHeldError(name, found.holder, instant(found.expires_at))
            await asyncio.sleep(min(_POLL_SECONDS, self._seconds / 4))

    async def write(self, name: str, holder: str, version: Version | None) -> LeaseRow | None:
        """Take or renew the lease; return None if somebody else has taken it meanwhile."""
        expires_at = self._clock() + timedelta(seconds=self._seconds)
        entity: Entity = {
            "PartitionKey": _PARTITION,
            "RowKey": name,
            "Holder": holder,
            "ExpiresAt": expires_at,
        }
        written = await self._tables.write_unchanged(TABLE, entity, version)
        if written is None:
            return await self._ours(name, holder, expires_at)
        return LeaseRow(holder=holder, expires_at=expires_at, version=written)

    async def _ours(self, name: str, holder: str, expires_at: datetime) -> LeaseRow | None:
        """Return the lease if the faster writer was this call (see `Tables.write_unchanged`)."""
        found = await self._read(name)
        ours = found is not None and found.holder == holder and found.expires_at == expires_at
        return found if ours else None

    async def _read(self, name: str) -> LeaseRow | None:
        found = await self._tables.find(TABLE, _PARTITION, name)
        if found is None:
            return None
        entity, version = found
        # A lease whose end cannot be read would otherwise never end.
        expires_at = moment(entity, "ExpiresAt") or LONG_AGO
        return LeaseRow(holder=text(entity, "Holder"), expires_at=expires_at, version=version)

    async def _release(self, lease: Lease) -> None:
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError

        if lease.lost:
            return
        try:
            async with self._tables.table(TABLE) as table:
                await table.delete_entity(
                    _PARTITION,
                    lease.name,
                    etag=lease.row.version.etag,
                    match_condition=MatchConditions.IfNotModified,
                )
        except (HttpResponseError, AccessDeniedError, UnavailableError):
            return  # it expires by itself

    def is_over(self, row: LeaseRow) -> bool:
        return row.expires_at <= self._clock()


class Lease:
    """A lease that is held until it is `lost`; `taken_at` is by storage's own clock."""

    def __init__(self, leases: Leases, name: str, holder: str, row: LeaseRow) -> None:
        self._leases, self.name, self._holder, self.row = leases, name, holder, row
        self.taken_at = row.version.written_at
        self.lost = False
        # Of two concurrent renewals, one would fail and conclude that the lease is lost.
        self._renewing = asyncio.Lock()

    async def keep_renewing(self, every: float) -> None:
        while not self.lost:
            await asyncio.sleep(every)
            async with self._renewing:
                await self._renew()

    async def stop(self, renewing: asyncio.Task[None]) -> None:
        """Stop renewing, once a renewal in progress has finished: its answer is needed to release."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS), self._renewing:
                renewing.cancel()
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)

    async def require(self) -> None:
        """Make sure before a write that the lease is still held.

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
            renewed = await self._leases.write(self.name, self._holder, self.row.version)
        except UnavailableError:
            return  # there are two more attempts before it expires
        if renewed is None:
            self.lost = True
        else:
            self.row = renewed
