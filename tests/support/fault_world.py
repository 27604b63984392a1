"""The world of the random schedules: real tables and directory, injected faults, a clock set by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from enforcer.core.calendar.dates import UnreadableDateError, ends_at
from enforcer.core.contractors import RegisterRow
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.runs import Run
from enforcer.core.settings import load_settings
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.pacer import Pacer
from enforcer.graph.retries import RetryBudget
from enforcer.services import Services, open_services
from enforcer.storage.tables.leases import Leases
from sandbox.azurite import StorageEndpoints
from sandbox.directory.faults import Fault as GraphFault
from sandbox.directory.members import Lag
from sandbox.directory.objects import User
from sandbox.directory.server import DirectoryServer, running_directory
from sandbox.directory.settings import Quota
from sandbox.directory.settings import Settings as DirectorySettings
from sandbox.directory.tenant import Tenant
from sandbox.storage_proxy import Fault as StorageFault
from sandbox.storage_proxy import StorageProxy, running_storage_proxy_async
from tests.support.directory_facts import DirectoryChange, DirectoryFact, attempts, changes_made, numbers
from tests.support.world import PERMISSIONS, Clock

type AnyFault = GraphFault | StorageFault

# Failed steps are retried by the next run; within a run only the pauses that Graph asks for are waited for.
_RETRY_BUDGET = RetryBudget(failures=0, throttling=2)
_SETTINGS = DirectorySettings(
    page_limit=3, enforce_permissions=True, conditional_access_quota=Quota(limit=10_000, seconds=1)
)


@dataclass(slots=True)
class FaultWorld:
    """What all schedules share: one directory and two routes to storage, one of them through a proxy."""

    directory: DirectoryServer
    proxy: StorageProxy
    direct: Services
    proxied: Services

    def new_schedule(self, **settings: str) -> FaultSchedule:
        """Create a world with a managed group of its own."""
        sandbox = self.directory.sandbox
        sandbox.faults.clear()
        sandbox.log.clear()
        sandbox.settings.removal_lag = sandbox.settings.addition_lag = Lag()
        group = sandbox.tenant.add_group("Contractors")
        return FaultSchedule(self, group.id, Clock(datetime(2026, 11, 23, 12, tzinfo=UTC)), settings)


@dataclass(slots=True)
class FaultSchedule:
    """The world of one schedule."""

    world: FaultWorld
    group_id: str
    clock: Clock
    settings: dict[str, str]

    @property
    def tenant(self) -> Tenant:
        return self.world.directory.tenant

    @property
    def services(self) -> Services:
        return self._at(self.world.direct)

    @property
    def other_services(self) -> Services:
        """Return separate adapters, as another process would have."""
        return self._at(self.world.proxied)

    def services_in(self, faults: tuple[AnyFault, ...]) -> Services:
        """Return services that meet these faults."""
        for fault in faults:
            if isinstance(fault, StorageFault):
                self.world.proxy.set_fault(replace(fault))
            else:
                self.world.directory.sandbox.faults.add(fault)
        through_proxy = any(isinstance(fault, StorageFault) for fault in faults)
        return self._at(self.world.proxied if through_proxy else self.world.direct)

    def clear_up(self) -> None:
        self.world.proxy.clear()
        self.world.directory.sandbox.faults.clear()

    def _at(self, services: Services) -> Services:
        environ = {
            **self.world.directory.environment,
            "ENFORCER_GROUP_IDS": self.group_id,
            "ENFORCER_MODE": "enforce",
            "EnforcerStorage": services.settings.storage.connection_string,
            "ENFORCER_LEASE_SECONDS": "5",
            **self.settings,
        }
        leases = Leases(services.tables, seconds=5, clock=self.clock)
        return replace(services, settings=load_settings(environ), now=self.clock, leases=leases)

    # The register -----------------------------------------------------------------------------------------

    async def write_row(self, key: str, end: str) -> None:
        row = RegisterRow(group_id=self.group_id, row_key=key, end_date=end)
        await self.services.register.save(row)

    async def rows(self) -> dict[str, object]:
        return {row.row_key: row.end_date async for row in self.services.register.rows(self.group_id)}

    def day(self, days: int) -> str:
        return (self.clock.moment + timedelta(days=days)).date().isoformat()

    def is_due(self, end: object) -> bool | None:
        """Whether this end of access is over; None where it cannot be read."""
        try:
            return self.clock.moment >= ends_at(end, self.services.settings.zone)
        except UnreadableDateError:
            return None

    # The directory ----------------------------------------------------------------------------------------

    def user(self, name: str, *, guest: bool) -> User:
        number = len(self.tenant.objects)
        if guest:
            return self.tenant.add_guest(f"{name} {number}", f"{name}.{number}@partner.example".lower())
        return self.tenant.add_user(f"{name} {number}")

    def is_member(self, user: User) -> bool:
        return self.is_member_id(user.id)

    def is_member_id(self, user_id: str) -> bool:
        return user_id in self.tenant.members[self.group_id]

    def add(self, user: User) -> None:
        if not self.is_member(user):
            self.tenant.add_member(self.group_id, user)

    def remove(self, user: User) -> None:
        if self.is_member(user):
            self.tenant.remove_member(self.group_id, user)

    async def list_members(self) -> list[str]:
        return [member.id async for member in self.services.directory.members(self.group_id)]

    def lag(self, reads: int) -> None:
        """Let that many more reads show removed members."""
        self.world.directory.sandbox.settings.removal_lag = Lag(reads=reads)

    @property
    def mark(self) -> int:
        """The current position in the directory's log."""
        return len(self.world.directory.sandbox.log.entries)

    def attempts_since(self, mark: int) -> list[DirectoryChange]:
        return attempts(self.world.directory.sandbox.log.after(mark))

    def is_revoked_since_removal(self, user: User) -> bool:
        """Whether the last removal by the product, if any, was followed by a revocation."""
        done = changes_made(self.world.directory.sandbox.log.entries)
        removed = numbers(done, DirectoryFact.REMOVED, user.id)
        return not removed or max(numbers(done, DirectoryFact.REVOKED, user.id), default=0) > max(removed)

    # What the product has recorded ------------------------------------------------------------------------

    async def records(self) -> list[OffboardingRecord]:
        return [item async for item in self.services.records.of_group(self.group_id)]

    async def runs(self) -> list[Run]:
        return await self.services.runs.of_group(self.group_id, self.clock.moment)


@asynccontextmanager
async def opened_fault_world(azurite: StorageEndpoints) -> AsyncIterator[FaultWorld]:
    tenant = Tenant()
    tenant.add_managed_identity("enforcer", *PERMISSIONS)
    group = tenant.add_group("Nobody")
    async with AsyncExitStack() as stack:
        directory = await stack.enter_async_context(running_directory(tenant, _SETTINGS))
        proxy = await stack.enter_async_context(running_storage_proxy_async(azurite))
        opened = []
        for endpoints in (azurite, proxy.endpoints):
            environ = {
                **directory.environment,
                "ENFORCER_GROUP_IDS": group.id,
                "ENFORCER_MODE": "enforce",
                "EnforcerStorage": endpoints.connection_string,
            }
            opening = open_services(load_settings(environ), retry_budget=_RETRY_BUDGET)
            services = await stack.enter_async_context(opening)
            # This sandbox allows more than one request for the policies a second.
            policies = ConditionalAccess(services.graph, Pacer(writes=10_000, window=1), _RETRY_BUDGET)
            opened.append(replace(services, conditional_access=policies))
        yield FaultWorld(directory, proxy, *opened)
