"""Adding contractors whose access has begun, where `ENFORCER_ONBOARD` says so."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from enforcer.core.contractors import RegisterRow
from enforcer.core.exceptions import InputError, LeaseLostError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import State
from enforcer.core.plan import FindingKind
from enforcer.graph.retries import RetryBudget
from enforcer.offboarding.undo import plan_undo
from enforcer.sweep.joiners import Joiners
from sandbox.azurite import StorageEndpoints
from sandbox.directory import Effect, Fault
from tests.support.group_run import open_group_run
from tests.support.world import ENDED, RUNNING, World, running_world

pytestmark = pytest.mark.anyio


@pytest.fixture
def environ() -> dict[str, str]:
    """A world in which joiners are added, also to an empty group."""
    return {"ENFORCER_ONBOARD": "add", "ENFORCER_BRAKE_PERCENT": "100"}


async def test_a_joiner_is_added_by_any_name_and_recorded_in_the_ledger(world: World) -> None:
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


async def test_a_joiner_is_left_alone_once_added(world: World) -> None:
    await world.register(world.tenant.add_user("Anna").id, RUNNING)
    await world.sweep()
    assert (await world.sweep()).run.added == 0


async def test_nobody_is_added_before_their_start(world: World) -> None:
    await world.register(world.tenant.add_user("Anna").id, RUNNING, start_date="2099-01-01")
    assert (await world.sweep()).run.added == 0
    assert world.member_ids() == set()


async def test_an_unknown_joiner_is_a_finding_and_holds_up_nobody(world: World) -> None:
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


async def test_a_protected_person_is_not_added_by_an_address(world: World) -> None:
    boss = world.tenant.add_user("Bea Boss")
    world.configure(protected_ids=frozenset({boss.id}))
    await world.register(boss.user_principal_name, RUNNING)

    report = await world.sweep()

    assert world.member_ids() == set()
    assert "ENFORCER_PROTECTED_IDS" in report.findings[0].detail


async def test_a_member_of_a_protected_group_is_not_added(world: World) -> None:
    boss, chief = world.tenant.add_user("Bea Boss"), world.tenant.add_user("Cleo Chief")
    protected = world.tenant.add_group("Break glass", members=[boss, chief])
    world.configure(protected_group_ids=(protected.id,))
    await world.register(boss.user_principal_name, RUNNING)
    await world.register(chief.id, RUNNING)

    report = await world.sweep()

    assert world.member_ids() == set()
    assert any("ENFORCER_PROTECTED_GROUP_IDS" in found.detail for found in report.findings)


@pytest.mark.parametrize("other", [RUNNING, ENDED, "never"])
async def test_a_joiner_with_two_rows_is_not_added(world: World, other: str) -> None:
    anna = world.tenant.add_user("Anna")
    await world.register(anna.id, RUNNING)
    await world.register(anna.user_principal_name, other)

    report = await world.sweep()

    assert (world.member_ids(), report.run.added) == (set(), 0)
    unclear = [found for found in report.findings if found.kind is FindingKind.AMBIGUOUS_ROW]
    assert anna.id in {found.row_key for found in unclear}
    assert {found.user_id for found in unclear} == {anna.id}


@pytest.mark.parametrize("wrap", ["{{{}}}", "<{}>"])
async def test_a_joiner_with_an_unreadable_second_row_is_not_added(world: World, wrap: str) -> None:
    anna = world.tenant.add_user("Anna")
    await world.register(anna.user_principal_name, RUNNING)
    await world.register(wrap.format(anna.id), ENDED)

    report = await world.sweep()

    assert (world.member_ids(), report.run.added) == (set(), 0)
    assert anna.user_principal_name in {
        found.row_key for found in report.findings if found.kind is FindingKind.AMBIGUOUS_ROW
    }


async def test_a_joiner_with_another_row_under_a_capitalised_group_is_not_added(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    await world.register(anna.user_principal_name, RUNNING)
    row = RegisterRow(group_id=world.group.id.upper(), row_key=anna.id, end_date=ENDED)
    await world.services.register.save(row)

    report = await world.sweep()

    assert (world.member_ids(), report.run.added) == (set(), 0)
    assert FindingKind.AMBIGUOUS_ROW in {found.kind for found in report.findings}


async def test_an_addition_whose_answer_was_lost_is_an_addition(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    await world.register(anna.id, RUNNING)
    world.directory.sandbox.faults.add(
        Fault(method="POST", path=r"/members/\$ref", effect=Effect.DROP_AFTER_EFFECT)
    )

    report = await world.sweep()

    assert (world.member_ids(), report.run.added) == ({anna.id}, 1)
    assert [entry.outcome for entry in await world.ledger() if entry.action is Action.ADD] == ["added"]


async def test_access_ending_before_the_addition_adds_nobody(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    await world.register(anna.id, RUNNING)
    throttled = Fault(method="POST", path=r"/members/\$ref", status=429, headers={"Retry-After": "1"})
    world.directory.sandbox.faults.add(throttled)

    sweeping = asyncio.create_task(world.sweep())
    while not throttled.struck:  # noqa: ASYNC110 -- nothing to wait on
        await asyncio.sleep(0.01)
    await world.register(anna.id, ENDED)

    assert (await sweeping).run.added == 0
    assert world.member_ids() == set()
    assert {entry.action for entry in await world.ledger()} == {Action.BEGIN}


@pytest.mark.parametrize("row_goes", [False, True])
async def test_access_ending_during_the_addition_is_offboarded_at_once(
    world: World, *, row_goes: bool
) -> None:
    anna = world.tenant.add_user("Anna")
    await world.register(anna.id, RUNNING)
    slow = Fault(method="POST", path=r"/members/\$ref", effect=Effect.DELAY, seconds=0.5)
    world.directory.sandbox.faults.add(slow)

    began = datetime.now(UTC)
    sweeping = asyncio.create_task(world.sweep())
    while not slow.struck:  # noqa: ASYNC110 -- nothing to wait on
        await asyncio.sleep(0.01)
    if row_goes:
        await world.services.register.remove(world.group.id, anna.id)
    else:
        await world.register(anna.id, ENDED)
    report = await sweeping

    assert world.member_ids() == set()
    assert world.is_revoked(anna, began)
    (found,) = report.findings
    assert (found.kind, found.user_id) == (FindingKind.RE_ADDED, anna.id)
    assert (report.run.added, report.run.due, report.run.incomplete) == (0, 0, 0)
    assert [(entry.action, entry.outcome) for entry in await world.ledger()] == [
        (Action.BEGIN, "onboard: 1 of 0 members"),
        (Action.ADD, "added"),
        (Action.REMOVE, "removed"),
        (Action.REVOKE, "revoked"),
    ]
    assert (await world.on_record(anna.id)).state is State.OFFBOARDED
    with pytest.raises(InputError, match="nothing to undo"):
        await plan_undo(world.services, report.run.run_id)
    assert (await world.sweep()).run.verified == 1


async def test_a_failed_second_offboarding_is_left_to_the_next_run(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    await world.register(anna.id, RUNNING)
    slow = Fault(method="POST", path=r"/members/\$ref", effect=Effect.DELAY, seconds=0.5)
    world.directory.sandbox.faults.add(slow)
    world.directory.sandbox.faults.add(Fault(method="DELETE", status=400))

    sweeping = asyncio.create_task(world.sweep())
    while not slow.struck:  # noqa: ASYNC110 -- nothing to wait on
        await asyncio.sleep(0.01)
    await world.register(anna.id, ENDED)
    report = await sweeping

    (found,) = report.findings
    assert found.detail.startswith("was added while their access was being ended; not yet offboarded again")
    assert (world.member_ids(), report.run.incomplete) == ({anna.id}, 1)
    assert (await world.sweep()).run.removed == 1


async def test_an_unanswered_addition_is_undone_where_access_ended_meanwhile(
    azurite: StorageEndpoints, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    opening = running_world(
        azurite.connection_string, monkeypatch.setenv, environ=environ, retry_budget=RetryBudget(failures=1)
    )
    async with opening as world:
        anna = world.tenant.add_user("Anna")
        await world.register(anna.id, RUNNING)
        silent = Fault(
            method="POST", path=r"/members/\$ref", effect=Effect.ANSWER_AFTER_EFFECT, status=503, times=None
        )
        world.directory.sandbox.faults.add(silent)

        sweeping = asyncio.create_task(world.sweep())
        while not silent.struck:  # noqa: ASYNC110 -- nothing to wait on
            await asyncio.sleep(0.01)
        await world.register(anna.id, ENDED)
        report = await sweeping

        assert world.member_ids() == set()
        assert report.run.added == 0
        assert (await world.on_record(anna.id)).state is State.OFFBOARDED


async def test_a_run_that_lost_its_lease_adds_nobody(world: World) -> None:
    await world.register(world.tenant.add_user("Anna").id, RUNNING)
    joiners = (await world.plan()).onboard
    async with open_group_run(world) as group_run:
        world.clock.advance(seconds=60)
        async with world.services.leases.holding(world.group.id, "another"):
            with pytest.raises(LeaseLostError):
                await Joiners(group_run).add(joiners, ())
    assert world.member_ids() == set()
    assert world.graph_writes() == []


async def test_a_joiner_already_in_the_group_is_not_reported_as_added(world: World) -> None:
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


@pytest.mark.parametrize("key", ["anna\u200b@x.example", "anna@x.example;ben@x.example", "Anna%40x.example"])
async def test_a_joiner_whom_an_unreadable_row_may_mean_is_not_added(world: World, key: str) -> None:
    anna = world.tenant.add_user("Anna", mail="anna@x.example")
    await world.register(anna.id, RUNNING)
    await world.register(key, ENDED)

    report = await world.sweep()

    assert world.member_ids() == set()
    assert {found.kind for found in report.findings} == {FindingKind.AMBIGUOUS_ROW, FindingKind.INVALID_ROW}


async def test_a_newcomer_is_found_by_any_address_that_entra_has(world: World) -> None:
    gus = world.tenant.add_guest("Gus", "gus@partner.example", other_mails=["gus@home.example"])
    await world.register("gus@home.example", RUNNING)
    assert (await world.sweep()).run.added == 1
    assert world.member_ids() == {gus.id}
