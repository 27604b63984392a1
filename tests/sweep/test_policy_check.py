"""Whom a run asks Entra about, and what it makes of the answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from enforcer.core.members import Member
from enforcer.core.offboarding_record import OffboardingRecord, Proof, State
from enforcer.core.plan import FindingKind
from enforcer.core.planning.planner import GroupSnapshot
from enforcer.core.runs import Outcome, Result
from enforcer.sweep.policy_check import PolicyCheck
from tests.support.group_run import open_group_run
from tests.support.world import World

pytestmark = pytest.mark.anyio
NOW = datetime.now(UTC)


@pytest.fixture
def world(world: World) -> World:
    """A world whose enforcer may ask Entra; no policy blocks anybody in it."""
    assert world.tenant.identity is not None
    world.tenant.grant(world.tenant.identity, "Policy.Read.All")
    return world


def out(user_id: str, result: Result = Result.REMOVED) -> Outcome:
    known = OffboardingRecord(row_key=user_id, user_id=user_id, state=State.OFFBOARDED, removed_at=NOW)
    return Outcome(result=result, record=known, finished=True)


def snapshot(
    world: World, *, members: tuple[str, ...] = (), known: tuple[OffboardingRecord, ...] = ()
) -> GroupSnapshot:
    listed = [Member(id=user_id) for user_id in members]
    return GroupSnapshot(group_id=world.group.id, rows=(), members=listed, records=known)


def asked(world: World) -> int:
    return sum("evaluate" in entry.path for entry in world.directory.sandbox.log.entries)


async def test_whoever_this_run_took_out_and_nothing_blocks_is_a_finding(world: World) -> None:
    user = world.tenant.add_user("Anna")
    await world.services.records.save(world.group.id, [out(user.id).record])
    async with open_group_run(world) as group_run:
        policy_check = PolicyCheck(group_run)
        await policy_check.prove(snapshot(world), [out(user.id)])

    not_blocked = [item for item in policy_check.findings if item.kind is FindingKind.NOT_BLOCKED]
    assert [item.user_id for item in not_blocked] == [user.id]
    assert (policy_check.count(Proof.NOT_BLOCKED), policy_check.count(Proof.BLOCKED)) == (1, 0)
    (completed,) = policy_check.completed([out(user.id)])
    assert completed.record.proof is Proof.NOT_BLOCKED


async def test_nobody_is_asked_about_whom_this_run_did_not_take_out(world: World) -> None:
    skipped = out(world.tenant.add_user("Anna").id, Result.SKIPPED)
    stuck = out(world.tenant.add_user("Ben").id, Result.STUCK)
    stuck = replace(stuck, record=replace(stuck.record, removed_at=None))
    async with open_group_run(world) as group_run:
        policy_check = PolicyCheck(group_run)
        await policy_check.prove(snapshot(world), [skipped, stuck])
    assert (asked(world), policy_check.proven) == (0, [])


async def test_of_those_out_before_only_who_is_still_out_is_asked_about(world: World) -> None:
    gone, back = world.tenant.add_user("Anna"), world.tenant.add_user("Ben")
    known = (out(gone.id).record, out(back.id).record)
    async with open_group_run(world) as group_run:
        policy_check = PolicyCheck(group_run)
        await policy_check.prove(snapshot(world, members=(back.id,), known=known), [])
    assert [item.user_id for item in policy_check.proven] == [gone.id]


async def test_after_many_removals_the_verifying_sweep_asks(world: World) -> None:
    people = [out(f"user-{number}") for number in range(31)]
    async with open_group_run(world) as group_run:
        policy_check = PolicyCheck(group_run)
        await policy_check.prove(snapshot(world), people)
    assert (asked(world), policy_check.proven) == (0, [])
    assert [entry.outcome for entry in await world.ledger()] == [
        "not_asked: about 31 people: the time for asking was up"
    ]


async def test_when_time_is_up_nobody_is_asked_about(world: World) -> None:
    async with open_group_run(world, until=asyncio.get_running_loop().time()) as group_run:
        policy_check = PolicyCheck(group_run)
        await policy_check.prove(snapshot(world), [out(world.tenant.add_user("Anna").id)])
    assert (asked(world), policy_check.proven, policy_check.findings) == (0, [], [])
