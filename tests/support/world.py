"""A small world for tests: a tenant behind the directory server, a register in Azurite, the real product."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from enforcer.core.actors import Actor
from enforcer.core.contractors import RegisterRow
from enforcer.core.ledger import Entry
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.plan import Finding, GroupPlan
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import Report, Run, RunState
from enforcer.core.settings import load_settings
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.pacer import Pacer
from enforcer.graph.retries import RetryBudget
from enforcer.services import Services, open_services
from enforcer.sweep.planning import make_whole_plan
from enforcer.sweep.sweep import SweepRequest, sweep
from sandbox.directory.objects import Group, User
from sandbox.directory.server import DirectoryServer, running_directory
from sandbox.directory.settings import Quota
from sandbox.directory.settings import Settings as DirectorySettings
from sandbox.directory.tenant import Tenant

PERMISSIONS = (
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "User.Read.All",
    "User.RevokeSessions.All",
    "User.EnableDisableAccount.All",
    "Mail.Send",
)
_UNHURRIED = Quota(limit=1_000, seconds=1)
ENDED, RUNNING = "2020-01-31", "2099-01-31"


@dataclass
class Clock:
    """The current time, moved by hand; each reading adds a microsecond, so that no two are equal."""

    moment: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        self.moment += timedelta(microseconds=1)
        return self.moment

    def advance(self, **by: float) -> None:
        self.moment += timedelta(**by)


@dataclass
class World:
    """What a test inspects and changes; nothing in it replaces a part of the product."""

    directory: DirectoryServer
    group: Group
    environ: dict[str, str]
    services: Services
    clock: Clock

    @property
    def tenant(self) -> Tenant:
        return self.directory.tenant

    def configure(self, **settings: Any) -> None:
        """Continue with these settings, as the product does after a restart."""
        changed = replace(self.services.settings, **settings)
        self.services = replace(self.services, settings=changed)

    def member(self, name: str, **properties: object) -> User:
        """Add a user of the tenant to the managed group."""
        user = self.tenant.add_user(name, **properties)
        self.tenant.add_member(self.group, user)
        return user

    def guest(self, name: str, **properties: object) -> User:
        """Add a guest to the managed group."""
        mail = f"{name.lower().replace(' ', '.')}@partner.example"
        user = self.tenant.add_guest(name, mail, **properties)
        self.tenant.add_member(self.group, user)
        return user

    async def register(self, row_key: str, end: object, **more: Any) -> None:
        """Write a row of the register."""
        row = RegisterRow(group_id=self.group.id, row_key=row_key, end_date=end, **more)
        await self.services.register.save(row)

    async def plan(self) -> GroupPlan:
        return (await make_whole_plan(self.services)).groups[0]

    async def sweep(self, **more: object) -> Report:
        request = SweepRequest(group_id=self.group.id, actor="test", reason="test", **more)  # type: ignore[arg-type]
        return await sweep(self.services, request)

    async def sweep_as(self, actor: Actor) -> Report:
        request = SweepRequest(group_id=self.group.id, actor=actor.id, actor_name=actor.name, reason="test")
        return await sweep(self.services, request)

    async def record(self, findings: Sequence[Finding], state: RunState = RunState.COMPLETE) -> Run:
        """Record a sweep of this moment with these findings."""
        now = self.clock()
        run = Run(
            run_id=new_run_id(now),
            group_id=self.group.id,
            started_at=now,
            finished_at=now,
            state=state,
            mode="enforce",
            findings=len(findings),
        )
        await self.services.runs.save(Report(run=run, findings=tuple(findings)))
        return run

    def member_ids(self) -> set[str]:
        """Return who really is in the group, whatever reads show."""
        return set(self.tenant.members[self.group.id])

    def is_revoked(self, user: User, since: datetime) -> bool:
        """Whether the user's sessions were revoked since then."""
        return user.sign_in_sessions_valid_from_date_time >= since

    async def record_of(self, row_key: str) -> OffboardingRecord | None:
        return await self.services.records.get(self.group.id, row_key)

    async def on_record(self, row_key: str) -> OffboardingRecord:
        """Return the record of somebody who must have one."""
        found = await self.record_of(row_key)
        assert found is not None, f"there is no record of {row_key}"
        return found

    async def ledger(self) -> list[Entry]:
        return [link.entry async for link in self.services.ledger.links(self.group.id)]

    def graph_writes(self) -> list[str]:
        """Return all calls that could have changed the directory, as `METHOD /path`."""
        return [
            f"{entry.method} {entry.path}"
            for entry in self.directory.sandbox.log.entries
            if entry.method != "GET" and entry.path.startswith("/v1.0") and "$batch" not in entry.path
        ]


@asynccontextmanager
async def running_world(
    connection_string: str,
    setenv: Callable[[str, str], None],
    *,
    environ: Mapping[str, str] | None = None,
    retry_budget: RetryBudget | None = None,
) -> AsyncIterator[World]:
    """Run a world; `environ` holds settings in addition to the required ones."""
    tenant = Tenant()
    tenant.add_managed_identity("enforcer", *PERMISSIONS)
    group = tenant.add_group("Contractors")
    clock = Clock()
    # Entra answers one request a second about policies; that has its own tests.
    unhurried = DirectorySettings(enforce_permissions=True, conditional_access_quota=_UNHURRIED)
    async with running_directory(tenant, unhurried) as directory:
        for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
            setenv(name, directory.environment[name])
        settings = {
            **directory.environment,
            "ENFORCER_GROUP_IDS": group.id,
            "ENFORCER_MODE": "enforce",
            "EnforcerStorage": connection_string,
            "ENFORCER_LEASE_SECONDS": "2",
            **(environ or {}),
        }
        opening = open_services(
            load_settings(settings),
            retry_budget=retry_budget or RetryBudget(failures=3, throttling=10),
            now=clock,
        )
        async with opening as services:
            pacer = Pacer(writes=int(_UNHURRIED.limit), window=_UNHURRIED.seconds)
            quick = ConditionalAccess(services.graph, pacer)
            yield World(directory, group, settings, replace(services, conditional_access=quick), clock)
