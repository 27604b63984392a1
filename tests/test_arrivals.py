"""Adding contractors whose time has begun, where `ENFORCER_ONBOARD` says so."""

from __future__ import annotations

import asyncio

import pytest

from enforcer.core.ledger import Action
from enforcer.core.plan import FindingKind
from sandbox.directory import Fault
from tests.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


@pytest.fixture
def environ() -> dict[str, str]:
    """Newcomers are added."""
    return {"ENFORCER_ONBOARD": "add"}


async def test_a_newcomer_is_added_whatever_name_his_row_has_and_it_is_in_the_ledger(world: World) -> None:
    anna, gina = world.tenant.add_user("Anna"), world.tenant.add_guest("Gina", "gina@partner.example")
    await world.register(anna.id, RUNNING)
    await world.register("gina@partner.example", RUNNING)

    report = await world.sweep()

    assert world.member_ids() == {anna.id, gina.id}
    assert (report.run.added, report.findings) == (2, ())
    added = {entry.user: entry for entry in await world.ledger() if entry.action is Action.ADD}
    assert {entry.outcome for entry in added.values()} == {"added"}
    assert (added[gina.id].row_key, added[gina.id].end_date) == ("gina@partner.example", RUNNING)
    assert all(entry.request_id for entry in added.values())


async def test_once_added_he_is_left_alone(world: World) -> None:
    await world.register(world.tenant.add_user("Anna").id, RUNNING)
    await world.sweep()
    assert (await world.sweep()).run.added == 0


async def test_before_his_time_nobody_is_added(world: World) -> None:
    await world.register(world.tenant.add_user("Anna").id, RUNNING, start_date="2099-01-01")
    assert (await world.sweep()).run.added == 0
    assert world.member_ids() == set()


async def test_whom_nobody_knows_is_a_finding_and_keeps_nobody_else_waiting(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    for key in ("nobody@x.example", anna.id):
        await world.register(key, RUNNING)

    report = await world.sweep()

    assert world.member_ids() == {anna.id}
    (missed,) = report.findings
    assert (missed.kind, missed.row_key) == (FindingKind.MISSING_MEMBER, "nobody@x.example")
    assert missed.detail.startswith("could not be added: nobody in this tenant")


async def test_a_refusal_is_a_finding_and_in_the_ledger(world: World) -> None:
    await world.register(world.tenant.add_user("Anna").id, RUNNING)
    world.directory.sandbox.faults.add(
        Fault(method="POST", path="/members", status=400, code="Denied", times=None)
    )

    report = await world.sweep()

    assert (report.run.added, "400 Denied" in report.findings[0].detail) == (0, True)
    (entry,) = [entry for entry in await world.ledger() if entry.action is Action.ADD]
    assert entry.outcome.startswith("failed: 400 Denied")


async def test_nobody_protected_is_added_though_his_row_names_him_by_his_address(world: World) -> None:
    boss = world.tenant.add_user("Bea Boss")
    world.configure(protected_ids=frozenset({boss.id}))
    await world.register(boss.user_principal_name, RUNNING)

    report = await world.sweep()

    assert world.member_ids() == set()
    assert "ENFORCER_PROTECTED_IDS" in report.findings[0].detail


@pytest.mark.parametrize("other", [RUNNING, ENDED, "never"])
async def test_whoever_has_two_rows_is_not_added_on_account_of_either(world: World, other: str) -> None:
    anna = world.tenant.add_user("Anna")
    await world.register(anna.id, RUNNING)
    await world.register(anna.user_principal_name, other)

    report = await world.sweep()

    assert (world.member_ids(), report.run.added) == (set(), 0)
    unclear = [found for found in report.findings if found.kind is FindingKind.AMBIGUOUS_ROW]
    assert anna.id in {found.row_key for found in unclear}
    assert {found.user_id for found in unclear} == {anna.id}


async def test_whoever_is_in_already_is_not_said_to_be_added(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    world.directory.sandbox.faults.add(
        Fault(method="GET", path=r"/members\?", status=200, body={"value": []})
    )

    report = await world.sweep()

    assert report.run.added == 0
    outcomes = [entry.outcome for entry in await world.ledger() if entry.action is Action.ADD]
    assert outcomes == ["already a member"]


async def test_when_time_is_up_graphs_pauses_are_not_sat_out(world: World) -> None:
    await world.register(world.tenant.add_user("Anna").id, RUNNING)
    world.directory.sandbox.faults.add(
        Fault(method="POST", path=r"/members/\$ref", status=429, headers={"Retry-After": "9"})
    )
    loop = asyncio.get_running_loop()
    begun = loop.time()

    report = await world.sweep(until=begun + 1)

    assert loop.time() - begun < 9
    assert report.out_of_time
