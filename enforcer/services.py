"""The adapters that a command or function uses, for one event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from enforcer import clock
from enforcer.core.settings import Settings
from enforcer.graph.client import GraphClient
from enforcer.graph.conditional_access import ConditionalAccess
from enforcer.graph.directory import Directory
from enforcer.graph.pacer import Pacer
from enforcer.graph.retries import RetryBudget
from enforcer.graph.steps import DirectorySteps
from enforcer.storage.queues import Queues
from enforcer.storage.tables.ends import Ends
from enforcer.storage.tables.enforcements import Enforcements
from enforcer.storage.tables.leases import Leases
from enforcer.storage.tables.ledger import Ledger
from enforcer.storage.tables.outbox import Outbox
from enforcer.storage.tables.plans import Plans
from enforcer.storage.tables.register import Register
from enforcer.storage.tables.runs import Runs
from enforcer.storage.tables.seen_policies import PolicyMemory
from enforcer.storage.tables.tables import Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The adapters."""

    settings: Settings
    now: Callable[[], datetime]
    graph: GraphClient
    directory: Directory
    steps: DirectorySteps
    conditional_access: ConditionalAccess
    tables: Tables
    register: Register
    records: Enforcements
    ledger: Ledger
    runs: Runs
    leases: Leases
    plans: Plans
    ends: Ends
    outbox: Outbox
    policy_memory: PolicyMemory
    queues: Queues


@asynccontextmanager
async def open_services(
    settings: Settings,
    *,
    retry_budget: RetryBudget | None = None,
    pacer: Pacer | None = None,
    now: Callable[[], datetime] = clock.now,
) -> AsyncIterator[Services]:
    """Open all adapters without connecting yet, and close them at the end."""
    async with AsyncExitStack() as stack:
        graph = await stack.enter_async_context(GraphClient(settings, retry_budget=retry_budget, pacer=pacer))
        directory = Directory(graph)
        queues = await stack.enter_async_context(Queues(settings.storage))
        tables = await stack.enter_async_context(Tables(settings.storage))
        yield Services(
            settings=settings,
            now=now,
            graph=graph,
            directory=directory,
            steps=DirectorySteps(graph, directory),
            conditional_access=ConditionalAccess(graph),
            tables=tables,
            register=Register(tables),
            records=Enforcements(tables),
            ledger=Ledger(tables),
            runs=Runs(tables),
            leases=Leases(tables, seconds=settings.lease_seconds, clock=now),
            plans=Plans(tables),
            ends=Ends(tables),
            outbox=Outbox(tables),
            policy_memory=PolicyMemory(tables),
            queues=queues,
        )
