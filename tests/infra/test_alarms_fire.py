"""The alarms' own queries, run by a KQL engine over the events of nights in the sandbox."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import duckdb_kql
import pytest
from duckdb import DuckDBPyConnection

from enforcer.core.actors import Actor
from enforcer.core.exceptions import AccessDeniedError, UnavailableError
from enforcer.core.runs import Occasion, Report
from enforcer.core.settings import Mode
from enforcer.sweep.approval import approve
from enforcer.sweep.sweep import SweepRequest, sweep
from enforcer.telemetry.run_events import announce_poisoned
from sandbox.directory import Fault
from tests.infra.test_alarms import workbook_queries
from tests.support.bicep import INFRA, ROOT
from tests.support.deployment import deployment
from tests.support.world import World

pytestmark = pytest.mark.anyio
ONE, OTHER = deployment("everything").app_settings["ENFORCER_GROUP_IDS"].split(",")
# The deployment enforces two groups; here the world's takes the place of one, and the other is left out.
QUERIES = {
    name: rule["criteria"]["allOf"][0]["query"]
    for name, rule in deployment("everything").alarms.items()
    if OTHER not in name
}
LANGUAGE_SERVICE = ROOT.parent / "shared/tools/check_kql.js"
MISSED = f"no-complete-run-{ONE}"
held_by_two = pytest.mark.parametrize(
    "environ", [{"ENFORCER_BRAKE_COUNT": "1", "ENFORCER_BRAKE_PERCENT": "1"}], ids=["brake-of-one"]
)


@dataclass(eq=False)
class Workspace(logging.Handler):
    """Table AppEvents, filled with the events that the product emits; alarms look at it `hours` later."""

    world: World
    table: DuckDBPyConnection = field(default_factory=duckdb_kql.connect)

    def __post_init__(self) -> None:
        super().__init__()
        self.table.sql("CREATE TABLE AppEvents (TimeGenerated TIMESTAMP, Name VARCHAR, Properties JSON)")

    def emit(self, record: logging.LogRecord) -> None:
        ordinary = logging.makeLogRecord({}).__dict__
        fields = {key: value for key, value in record.__dict__.items() if key not in ordinary}
        name = fields.pop("microsoft.custom_event.name")
        row = [_naive(self.world.clock.moment), name, json.dumps(fields)]
        self.table.execute("INSERT INTO AppEvents VALUES (?, ?, ?)", row)

    def firing(self, hours: float = 1) -> set[str]:
        """Return the alarms that fire by Azure's rule: none of one row or more; all others on any row."""
        now = _naive(self.world.clock.moment + timedelta(hours=hours))
        return {name for name, query in QUERIES.items() if self._rows(query, now) == (name != MISSED)}

    def _rows(self, query: str, now: datetime) -> bool:
        query = query.replace(ONE, self.world.group.id)
        return bool(duckdb_kql.query(self.table, query, query_now=now).fetchall())


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


@pytest.fixture
def workspace(world: World) -> Iterator[Workspace]:
    there = Workspace(world)
    events = logging.getLogger("enforcer.events")
    events.addHandler(there)
    yield there
    events.removeHandler(there)


async def ended(world: World, *names: str) -> None:
    """Add members whose access ended an hour ago."""
    for name in names:
        await world.register(world.member(name).id, (world.clock.moment - timedelta(hours=1)).isoformat())


async def night(world: World, reason: str = Occasion.NIGHTLY, *, only_look: bool = False) -> Report:
    request = SweepRequest(group_id=world.group.id, actor="timer", reason=reason, only_look=only_look)
    return await sweep(world.services, request)


async def test_a_complete_night_raises_no_alarm_until_the_next_is_missed(
    world: World, workspace: Workspace
) -> None:
    await ended(world, "Anna")
    assert (await night(world)).run.removed == 1
    assert workspace.firing() == set()
    assert workspace.firing(hours=25) == set()
    assert workspace.firing(hours=27) == {MISSED}


async def test_without_any_event_the_missed_night_is_seen(workspace: Workspace) -> None:
    assert workspace.firing() == {MISSED}


@held_by_two
async def test_a_held_night_raises_its_alarm_until_it_is_approved(world: World, workspace: Workspace) -> None:
    await ended(world, "Anna", "Ben")
    held = await night(world)
    assert held.run.held
    assert workspace.firing() == {"held", MISSED}

    await approve(world.services, held.run.digest, actor=Actor(id="cli:ann"))
    assert (await night(world, reason="approved")).run.removed == 2
    assert workspace.firing() == set()


@held_by_two
async def test_a_look_at_a_held_plan_does_not_end_its_alarm(world: World, workspace: Workspace) -> None:
    await ended(world, "Anna", "Ben")
    await night(world)
    enforcing = world.services.settings
    world.configure(mode=Mode.REPORT)
    await night(world, reason="a look", only_look=True)
    world.configure(mode=enforcing.mode)
    assert "held" in workspace.firing()


async def test_whoever_leaves_a_day_late_raises_the_alarm(world: World, workspace: Workspace) -> None:
    await world.register(world.member("Anna").id, (world.clock.moment - timedelta(hours=30)).isoformat())
    await night(world)
    assert workspace.firing() == {"lag"}


async def test_a_refused_night_raises_its_alarms(world: World, workspace: Workspace) -> None:
    world.directory.sandbox.faults.add(Fault(path="/members", times=None, status=403))
    with suppress(AccessDeniedError):
        await night(world)
    assert workspace.firing() == {"permission-denied", MISSED}


async def test_a_night_that_failed_every_time_raises_its_alarms(world: World, workspace: Workspace) -> None:
    world.directory.sandbox.faults.add(Fault(path="/members", times=None, status=503))
    with suppress(UnavailableError):
        await night(world)
    announce_poisoned("sweeps", "message", world.group.id)
    assert workspace.firing() == {"poison", MISSED}


async def test_a_night_that_only_reports_where_it_enforced_is_seen(
    world: World, workspace: Workspace
) -> None:
    await night(world)
    world.clock.advance(hours=24)
    world.configure(mode=Mode.REPORT)
    await night(world)
    assert workspace.firing(hours=1) == {"mode-changed"}
    assert workspace.firing(hours=3) == {"mode-changed", MISSED}


async def test_leavers_whom_nothing_blocks_raise_the_alarm(world: World, workspace: Workspace) -> None:
    assert world.tenant.identity is not None
    world.tenant.grant(world.tenant.identity, "Policy.Read.All")
    await night(world)
    assert workspace.firing() == {"policy-drift"}


def test_every_query_binds() -> None:
    """By the engine's grammar; and by Microsoft's own language service, where it is at hand."""
    for query in (*QUERIES.values(), *workbook_queries()):
        duckdb_kql.parse(query)  # raises where it cannot
    if LANGUAGE_SERVICE.is_file():
        command = ["node", str(LANGUAGE_SERVICE), str(INFRA)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- no shell
        assert done.returncode == 0, done.stdout + done.stderr
