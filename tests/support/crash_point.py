"""A directory, storage and a process that can be killed at any call between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from enforcer.core.settings import load_settings
from enforcer.services import Services, open_services
from sandbox.azurite import StorageEndpoints
from sandbox.directory.faults import Effect, Fault, Faults
from sandbox.directory.log import Log
from sandbox.directory.server import DirectoryServer, running_directory
from sandbox.directory.settings import Quota
from sandbox.directory.settings import Settings as DirectorySettings
from sandbox.directory.tenant import Tenant
from sandbox.storage_proxy import ALL_CALLS, Moment, Reply, StorageProxy, running_storage_proxy_async
from sandbox.storage_proxy import Fault as StorageFault
from tests.support.fork_jobs import Exit, ForkServer, Job, Kind, running_fork_server
from tests.support.world import PERMISSIONS

# Two on a page, so that there is a second page. Each process may read the policies at once.
_SETTINGS = DirectorySettings(
    page_limit=2, enforce_permissions=True, conditional_access_quota=Quota(limit=1_000, seconds=1)
)


class Side(Enum):
    """Where a call goes."""

    STORAGE = "storage"
    GRAPH = "Graph"


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """Where a process is killed: at its n-th call to that side, before or after the call takes effect."""

    side: Side
    nth: int
    moment: Moment

    def __str__(self) -> str:
        return f"{self.moment.value} {self.side.value} call {self.nth}"


@dataclass(slots=True)
class Trap:
    """Snaps at the n-th call to Graph, counted from when it was set."""

    moment: Moment = Moment.BEFORE
    nth: int = 0
    snap: Callable[[], None] = lambda: None
    seen: int = 0

    def set(self, moment: Moment, nth: int, snap: Callable[[], None]) -> None:
        self.moment, self.nth, self.snap, self.seen = moment, nth, snap, 0

    def disarm(self) -> None:
        self.nth = self.seen = 0

    def step(self, moment: Moment, path: str) -> bool:
        """Whether this is the call that the trap was set for; if so, the trap has snapped."""
        if moment is not self.moment or not path.startswith("/v1.0"):
            return False
        self.seen += 1
        if self.seen != self.nth:
            return False
        self.snap()
        return True


class TrappedFaults(Faults):
    """Springs the trap before the directory carries out a call."""

    def __init__(self, trap: Trap) -> None:
        super().__init__()
        self._trap = trap

    def strike(self, method: str, path: str, *, batched: bool) -> Fault | None:
        if self._trap.step(Moment.BEFORE, path):
            return Fault(effect=Effect.DROP)
        return super().strike(method, path, batched=batched)


class TrappedLog(Log):
    """Springs the trap after the directory has carried out a call, before it answers."""

    def __init__(self, trap: Trap) -> None:
        super().__init__()
        self._trap = trap

    def record(
        self,
        at: datetime,
        method: str,
        path: str,
        status: int,
        fault: str | None = None,
        **particulars: Any,
    ) -> None:
        super().record(at, method, path, status, fault, **particulars)
        self._trap.step(Moment.AFTER, path)


@dataclass(slots=True)
class CrashWorld:
    """One directory, one route to storage and one process; nothing here affects another world.

    Attributes:
        tables: The product's storage adapters, bypassing the proxy; not for Graph.
    """

    directory: DirectoryServer
    proxy: StorageProxy
    fork_server: ForkServer
    tables: Services
    trap: Trap
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def tenant(self) -> Tenant:
        return self.directory.tenant

    @property
    def log(self) -> Log:
        return self.directory.sandbox.log

    def settings_for(self, group_ids: tuple[str, ...], **more: str) -> dict[str, str]:
        return {**self.environ, "ENFORCER_GROUP_IDS": ",".join(group_ids), **more}

    def services(self, environ: Mapping[str, str]) -> Services:
        return replace(self.tables, settings=load_settings(environ))

    async def run(self, job: Job) -> Exit:
        return await self.fork_server.run(job)

    async def run_and_kill(self, job: Job, point: CrashPoint) -> Exit:
        """Run a job and kill it at that point, if it gets that far."""
        if point.side is Side.GRAPH:
            self.trap.set(point.moment, point.nth, self.fork_server.kill)
        else:
            reply = Reply.DROPPED if point.moment is Moment.BEFORE else None
            self.proxy.set_fault(
                StorageFault(nth=point.nth, moment=point.moment, act=self.fork_server.kill, reply=reply)
            )
        try:
            return await self.run(job)
        finally:
            self.trap.disarm()
            self.proxy.clear()

    async def count_calls(self, job: Job) -> dict[Side, int]:
        """Run a job to its end and count its calls."""
        self.proxy.clear()
        self.trap.set(Moment.BEFORE, -1, self.fork_server.kill)
        assert await self.run(job) is Exit.DONE
        return {Side.STORAGE: self.proxy.count(ALL_CALLS), Side.GRAPH: self.trap.seen}


@asynccontextmanager
async def running_crash_world(azurite: StorageEndpoints) -> AsyncIterator[CrashWorld]:
    tenant = Tenant()
    tenant.add_managed_identity("enforcer", *PERMISSIONS)
    group = tenant.add_group("Nobody")
    trap = Trap()
    async with AsyncExitStack() as stack:
        directory = await stack.enter_async_context(running_directory(tenant, _SETTINGS))
        directory.sandbox.faults, directory.sandbox.log = TrappedFaults(trap), TrappedLog(trap)
        proxy = await stack.enter_async_context(running_storage_proxy_async(azurite))
        environ = {
            **directory.environment,
            "EnforcerStorage": proxy.endpoints.connection_string,
            "ENFORCER_MODE": "enforce",
            "ENFORCER_LEASE_SECONDS": "1",
        }
        direct = {**environ, "EnforcerStorage": azurite.connection_string, "ENFORCER_GROUP_IDS": group.id}
        tables = await stack.enter_async_context(open_services(load_settings(direct)))
        warm_up = Job(kind=Kind.SWEEP, about=group.id, environ={**environ, "ENFORCER_GROUP_IDS": group.id})
        fork_server = await stack.enter_async_context(running_fork_server(warm_up))
        yield CrashWorld(directory, proxy, fork_server, tables, trap, environ)
