"""What is recorded of somebody who is offboarded a second time, here or in another group."""

from __future__ import annotations

import pytest

from enforcer.core.exceptions import UnavailableError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.runs import RunState
from sandbox.directory import Fault
from tests.support.leaving import RUN_ID, offboard, run_of, second_group, steps_in_the_ledger
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("by_address", [False, True])
async def test_called_again_what_was_on_record_about_the_first_time_stays(
    world: World, *, by_address: bool
) -> None:
    anna = world.member("Anna")
    key = anna.user_principal_name if by_address else anna.id
    await world.register(key, RUNNING)
    await offboard(world, anna)
    first = await world.on_record(key)
    world.clock.advance(hours=1)

    await offboard(world, anna, "20261123T130000-abcdef")

    assert await world.on_record(key) == first
    assert len(await world.services.records.all_of_group(world.group.id)) == 1


AGAIN = "20261123T130000-abcdef"


async def test_called_again_without_a_row_the_first_record_stays(
    world: World,
) -> None:
    ghost = world.member("Ghost")
    await offboard(world, ghost)
    first = await world.on_record(ghost.id)
    world.clock.advance(hours=1)

    await offboard(world, ghost, AGAIN)

    assert await world.on_record(ghost.id) == first
    [again] = await world.services.runs.of_id(AGAIN, [world.group.id])
    assert (again.state, again.due, again.removed, again.already_absent) == (RunState.COMPLETE, 0, 0, 0)


@pytest.mark.parametrize("registered", [True, False])
async def test_called_again_a_revocation_that_fails_is_left_to_the_next_sweep(
    world: World, *, registered: bool
) -> None:
    anna = world.member("Anna")
    if registered:
        await world.register(anna.id, RUNNING)
    await offboard(world, anna)
    first = await world.on_record(anna.id)
    world.clock.advance(hours=1)
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=400))

    assert not (await offboard(world, anna, AGAIN)).done

    left = await world.on_record(anna.id)
    assert (left.state, left.attempts, left.revoked_at) == (State.OFFBOARDING, 1, None)
    assert left.last_error.startswith("revoke: 400")
    since = world.clock.moment
    await world.sweep()
    done = await world.on_record(anna.id)
    assert (done.state, done.removed_at) == (State.OFFBOARDED, left.removed_at)
    assert done.revoked_at is not None
    assert first.revoked_at is not None
    assert done.revoked_at > since > first.revoked_at


@pytest.mark.parametrize("registered", [True, False])
async def test_a_person_removed_again_is_recorded_with_the_second_removal(
    world: World, *, registered: bool
) -> None:
    anna = world.member("Anna")
    if registered:
        await world.register(anna.id, RUNNING)
    await offboard(world, anna)
    first = await world.on_record(anna.id)
    world.clock.advance(hours=1)
    world.tenant.add_member(world.group, anna)

    assert (await offboard(world, anna, AGAIN)).done

    second = await world.on_record(anna.id)
    assert first.removed_at is not None
    assert first.revoked_at is not None
    assert second.removed_at is not None
    assert second.revoked_at is not None
    assert (second.run_id, second.state) == (AGAIN, State.OFFBOARDED)
    assert second.removed_at > first.removed_at
    assert second.revoked_at > first.revoked_at
    # With a row it is the same end of access; without one, the new access ends now.
    assert (second.end_date == first.end_date) is registered
    [run] = await world.services.runs.of_id(AGAIN, [world.group.id])
    assert (run.due, run.removed, run.already_absent) == (1, 1, 0)


@pytest.mark.parametrize("state", [State.OFFBOARDED, State.VERIFIED])
async def test_what_is_on_record_in_a_group_left_earlier_stays(world: World, state: State) -> None:
    anna = world.tenant.add_user("Anna")
    other = second_group(world, anna)
    long_ago = world.clock()
    earlier = OffboardingRecord(
        row_key=anna.id,
        user_id=anna.id,
        state=state,
        end_date=ENDED,
        removed_at=long_ago,
        revoked_at=long_ago,
        run_id="earlier",
    )
    await world.services.records.save(world.group.id, [earlier])

    assert (await offboard(world, anna)).done

    assert await world.on_record(anna.id) == earlier
    assert ((await run_of(world)).due, (await run_of(world, other)).removed) == (0, 1)
    left = await world.services.records.get(other.id, anna.id)
    assert left is not None
    assert (left.run_id, left.state) == (RUN_ID, State.OFFBOARDED)

    # Now that Anna is in no group, the first one keeps the run; its earlier record stays.
    assert (await offboard(world, anna, AGAIN)).done
    assert await world.on_record(anna.id) == earlier


async def test_what_a_run_left_unfinished_in_another_group_is_finished_there(world: World) -> None:
    anna = world.member("Anna")
    other = second_group(world)
    begun = OffboardingRecord(
        row_key=anna.id,
        user_id=anna.id,
        state=State.STUCK,
        end_date=ENDED,
        due_at=world.clock(),
        attempts=6,
        run_id="earlier",
    )
    await world.services.records.save(other.id, [begun])

    assert (await offboard(world, anna)).done

    for group in (world.group, other):
        known = await world.services.records.get(group.id, anna.id)
        assert known is not None
        assert (known.state, known.attempts, known.run_id) == (State.OFFBOARDED, 0, RUN_ID)
    assert [(await run_of(world, group)).already_absent for group in (world.group, other)] == [0, 1]


async def test_a_removal_by_somebody_else_between_two_tries_is_not_counted(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    world.directory.sandbox.faults.add(Fault(method="DELETE", path=anna.id, status=400))
    assert not (await offboard(world, anna)).done
    world.tenant.remove_member(world.group, anna)

    assert (await offboard(world, anna)).done

    run = await run_of(world)
    assert (run.due, run.removed, run.already_absent) == (1, 0, 1)
    assert (await steps_in_the_ledger(world, world.group))[-2:] == [
        (Action.REMOVE, "already_absent"),
        (Action.REVOKE, "revoked"),
    ]


async def test_a_retried_run_keeps_its_counts_in_another_group(
    world: World,
) -> None:
    anna = world.member("Anna")
    other = second_group(world, anna)
    away = Fault(method="DELETE", path=world.group.id, status=503, times=None)
    world.directory.sandbox.faults.add(away)
    with pytest.raises(UnavailableError):
        await offboard(world, anna)
    world.directory.sandbox.faults.clear()

    assert (await offboard(world, anna)).done

    run = await run_of(world, other)
    assert (run.due, run.removed, run.state) == (1, 1, RunState.COMPLETE)


async def test_called_again_it_is_no_second_end_of_access(world: World) -> None:
    ghost = world.member("Ghost")
    await offboard(world, ghost)
    world.clock.advance(minutes=5)
    await offboard(world, ghost, "20261123T121000-abcdef")
    ends = {entry.end_date for entry in await world.ledger() if entry.action is Action.REMOVE}
    assert len(ends) == 1


async def test_a_retried_run_keeps_the_count_and_time_of_its_removal(
    world: World,
) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING)
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=503, times=None))
    with pytest.raises(UnavailableError):
        await offboard(world, anna)
    world.directory.sandbox.faults.clear()
    first = await world.on_record(anna.id)
    world.clock.advance(minutes=5)

    await offboard(world, anna)

    run = await run_of(world)
    assert (run.removed, run.already_absent, run.revoked) == (1, 0, 1)
    assert (await world.on_record(anna.id)).removed_at == first.removed_at
