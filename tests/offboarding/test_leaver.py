"""What is recorded in which group of somebody offboarded on demand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enforcer.core.calendar.dates import instant
from enforcer.core.exceptions import UnavailableError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import OffboardingRecord, State
from enforcer.core.runs import RunKind, RunState
from enforcer.offboarding.on_demand import OffboardRequest, offboard_now
from sandbox.directory import Fault
from sandbox.directory.faults import Effect
from tests.support.leaving import RUN_ID, entries_of, offboard, run_of, second_group, steps_in_the_ledger
from tests.support.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


async def test_a_future_end_becomes_now_and_a_past_end_stays(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    await world.register(anna.id, RUNNING)
    await world.register(ben.id, ENDED)
    begun = world.clock.moment.replace(microsecond=0)

    ended = [(await offboard(world, user)).ended_rows for user in (anna, ben)]

    assert ended == [(f"{world.group.id}/{anna.id}",), ()]
    now, then = await world.on_record(anna.id), await world.on_record(ben.id)
    assert (now.end_date, now.due_at) == (instant(begun), begun)
    assert then.end_date == ENDED
    assert then.due_at is not None
    assert then.due_at < begun - timedelta(days=1000)


@pytest.mark.parametrize("start", ["2099-01-01", "2098-12-31T09:00:00+01:00"])
async def test_a_row_that_has_not_begun_ends_as_one_that_can_be_read(world: World, start: str) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, "2099-06-30", start_date=start, note="old")

    await offboard(world, anna)

    row = await world.services.register.whole_row(world.group.id, anna.id)
    assert row is not None
    assert row.start_date == ""
    assert row.note.startswith("old | offboarded at ")
    assert f"StartDate was {start}" in row.note
    assert (await world.plan()).findings == ()


@pytest.mark.parametrize("start", ["2019-01-01", "soon"])
async def test_a_start_that_is_past_or_cannot_be_read_stays(world: World, start: str) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, RUNNING, start_date=start)

    await offboard(world, anna)

    row = await world.services.register.whole_row(world.group.id, anna.id)
    assert row is not None
    assert row.start_date == start
    assert "StartDate" not in row.note


async def test_a_row_that_ends_before_it_begins_keeps_its_dates_to_be_fixed(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED, start_date=RUNNING)

    await offboard(world, anna)

    row = await world.services.register.whole_row(world.group.id, anna.id)
    assert row is not None
    assert (row.end_date, row.start_date) == (ENDED, RUNNING)


async def test_a_run_counts_a_person_once_with_reason_and_lag(world: World) -> None:
    anna = world.member("Anna")
    await offboard(world, anna)
    run = await run_of(world)
    assert (run.kind, run.state, run.reason, run.actor) == (
        RunKind.OFFBOARD,
        RunState.COMPLETE,
        "left",
        "cli:ann",
    )
    assert (run.due, run.removed, run.already_absent, run.skipped, run.revoked) == (1, 1, 0, 0, 1)
    assert run.lag_seconds.max is not None
    assert 0 <= run.lag_seconds.max < 2


async def test_a_group_without_the_person_or_their_row_is_not_concerned(world: World) -> None:
    anna = world.member("Anna")
    other = second_group(world)

    await offboard(world, anna)

    assert (await run_of(world, other)).due == 0
    assert await world.services.records.get(other.id, anna.id) is None
    assert await steps_in_the_ledger(world, other) == []
    assert (await world.on_record(anna.id)).state is State.OFFBOARDED


async def test_of_somebody_who_left_before_the_first_group_keeps_what_was_done(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    other = second_group(world)
    left = OffboardingRecord(row_key=anna.id, user_id=anna.id, state=State.VERIFIED, run_id="earlier")
    await world.services.records.save(other.id, [left])

    assert (await offboard(world, anna)).done

    assert await steps_in_the_ledger(world, world.group) == [
        (Action.REMOVE, "already_absent"),
        (Action.REVOKE, "revoked"),
    ]
    assert await steps_in_the_ledger(world, other) == []
    assert [await world.record_of(anna.id), (await run_of(world)).due] == [None, 0]


async def test_a_person_with_a_row_is_counted_although_already_out(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    await world.register(anna.id, RUNNING)
    await offboard(world, anna)
    run = await run_of(world)
    assert (run.due, run.already_absent, run.removed) == (1, 1, 0)
    assert (await world.on_record(anna.id)).state is State.OFFBOARDED


async def test_what_is_on_record_of_whoever_had_the_address_before_stays(world: World) -> None:
    ben = world.member("Ben", mail="office@x.example")
    await world.register("office@x.example", RUNNING)
    anna = world.tenant.add_user("Anna")
    annas = OffboardingRecord(
        row_key="office@x.example", user_id=anna.id, state=State.OFFBOARDING, attempts=2
    )
    await world.services.records.save(world.group.id, [annas])

    assert (await offboard(world, ben)).done

    assert await world.record_of("office@x.example") == annas
    assert (await world.on_record(ben.id)).state is State.OFFBOARDED


async def test_a_record_under_the_object_id_is_found_for_a_row_with_an_address(
    world: World,
) -> None:
    ben = world.member("Ben", mail="office@x.example")
    await world.register("office@x.example", RUNNING)
    anna = world.tenant.add_user("Anna")
    annas = OffboardingRecord(row_key="office@x.example", user_id=anna.id, state=State.OFFBOARDED)
    bens = OffboardingRecord(
        row_key=ben.id, user_id=ben.id, state=State.STUCK, attempts=6, due_at=world.clock()
    )
    await world.services.records.save(world.group.id, [annas, bens])
    world.directory.sandbox.faults.add(Fault(path="revokeSignInSessions", status=400))

    assert not (await offboard(world, ben)).done

    assert await world.record_of("office@x.example") == annas
    assert [(await world.on_record(ben.id)).attempts, (await run_of(world)).stuck] == [7, 1]


# Groups that are not concerned ---------------------------------------------------------------------------


async def test_groups_without_the_person_have_no_record_even_while_graph_is_down(world: World) -> None:
    ghost = world.member("Ghost")
    other = second_group(world)
    world.directory.sandbox.faults.add(Fault(method="DELETE|POST", status=503, times=None))
    with pytest.raises(UnavailableError):
        await offboard(world, ghost)
    world.directory.sandbox.faults.clear()

    told = await offboard(world, ghost)

    assert told.done
    assert await world.services.records.all_of_group(other.id) == []
    assert (await run_of(world)).removed == 1
    assert (await run_of(world, other)).due == 0


async def test_the_first_group_records_nothing_of_another_groups_member(world: World) -> None:
    anna = world.tenant.add_user("Anna")
    other = second_group(world, anna)

    await offboard(world, anna)

    assert await steps_in_the_ledger(world, world.group) == []
    assert await world.record_of(anna.id) is None
    assert [(await run_of(world)).due, (await run_of(world, other)).removed] == [0, 1]


async def test_a_group_refusing_a_removal_of_a_non_member_has_no_record(
    world: World,
) -> None:
    anna = world.member("Anna")
    other = second_group(world)
    world.directory.sandbox.faults.add(Fault(method="DELETE", path=other.id, status=403, times=None))
    assert not (await offboard(world, anna)).done
    failed = [entry async for entry in entries_of(world, other)]
    assert {(entry.end_date, entry.due_at) for entry in failed} == {("", "")}
    world.directory.sandbox.faults.clear()
    assert (await offboard(world, anna, "20261123T130000-abcdef")).done
    assert await world.services.records.all_of_group(other.id) == []


async def test_what_was_done_before_the_time_was_up_is_on_record_and_counted(world: World) -> None:
    anna = world.member("Anna")
    hanging = Fault(path="revokeSignInSessions", effect=Effect.DROP, seconds=3, times=None)
    world.directory.sandbox.faults.add(hanging)
    request = OffboardRequest(user=anna.id, reason="left", actor="http", run_id=RUN_ID, seconds=1.5)
    with pytest.raises(UnavailableError, match="revoke: no answer in time"):
        await offboard_now(world.services, request)
    assert (await world.on_record(anna.id)).removed_at is not None
    world.directory.sandbox.faults.clear()

    assert (await offboard(world, anna)).done

    run = await run_of(world)
    assert (run.removed, run.already_absent, run.revoked) == (1, 0, 1)
    assert (Action.REMOVE, "removed") in await steps_in_the_ledger(world, world.group)
