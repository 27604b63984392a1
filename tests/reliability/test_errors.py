"""Errors come in four kinds: retry, this person, this run, a bug."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from enforcer.core.exceptions import AccessDeniedError, GroupError, UnavailableError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import Sessions, State
from enforcer.core.plan import FindingKind
from enforcer.core.runs import Report, RunState
from enforcer.offboarding.undo import plan_undo
from enforcer.status.group_status import read_status
from sandbox.azurite import StorageEndpoints
from sandbox.directory.faults import Effect
from sandbox.storage_proxy import Fault, Reply, StorageProxy
from tests.reliability.conftest import OpenWorld
from tests.support.ledger_entries import break_in
from tests.support.people import heal, leavers, mark, offboard, recorded, removal_of, strike, tried
from tests.support.world import World

pytestmark = pytest.mark.anyio

PAGE = r"members\?"
REMOVAL = r"members/[^/]+/\$ref"
REVOCATION = "revokeSignInSessions"


# Retry ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "effect", "status"),
    [
        (PAGE, Effect.ANSWER, 500),
        (PAGE, Effect.TRUNCATE, 0),
        (REMOVAL, Effect.ANSWER, 502),
        (REMOVAL, Effect.ANSWER_AFTER_EFFECT, 504),
        (REMOVAL, Effect.DROP, 0),
        (REMOVAL, Effect.TRUNCATE, 0),
        (REVOCATION, Effect.ANSWER, 503),
        (REVOCATION, Effect.DROP_AFTER_EFFECT, 0),
    ],
)
async def test_what_may_go_away_is_tried_again_in_the_same_run(
    open_world: OpenWorld, path: str, effect: Effect, status: int
) -> None:
    world = await open_world()
    [leaver] = await leavers(world, 1)
    strike(world, path=path, effect=effect, status=status)

    report = await world.sweep()

    assert world.member_ids() == set()
    assert world.is_revoked(leaver, world.clock.moment)
    assert (report.run.due, report.run.removed + report.run.already_absent, report.run.revoked) == (1, 1, 1)


@pytest.mark.parametrize("effect", [Effect.DROP_AFTER_EFFECT, Effect.ANSWER_AFTER_EFFECT])
async def test_a_removal_whose_answer_was_lost_is_a_removal_and_can_be_undone(
    open_world: OpenWorld, effect: Effect
) -> None:
    world = await open_world()
    people = await leavers(world, 6)
    strike(world, path=r"\$batch", effect=effect, status=503)

    report = await world.sweep()

    assert (report.run.removed, report.run.already_absent) == (6, 0)
    planned = await plan_undo(world.services, report.run.run_id)
    assert {item.user_id for item in planned} == {person.id for person in people}


async def test_a_revocation_that_graph_denies_is_not_reported_as_made(
    open_world: OpenWorld,
) -> None:
    world = await open_world()
    [leaver] = await leavers(world, 1)
    strike(world, path=REVOCATION, status=200, body={"value": False})

    report = await world.sweep()

    assert report.run.revoked == 0
    assert (await world.on_record(leaver.id)).revoked_at is None
    await world.sweep()
    assert (await world.on_record(leaver.id)).sessions is Sessions.REVOKED


async def test_retries_for_a_person_are_bounded_and_keep_nobody_waiting(
    open_world: OpenWorld,
) -> None:
    world = await open_world()
    people = await leavers(world, 5)
    strike(world, path=removal_of(people[0]), status=503, times=None)

    report = await world.sweep()

    assert world.member_ids() == {people[0].id}
    assert (
        2
        <= len([done for done in tried(world) if done.fact == "removed" and done.user_id == people[0].id])
        <= 5
    )
    assert _counts(report) == (5, 4, 0, 1, 0)
    assert report.run.incomplete == 1


# This person ---------------------------------------------------------------------------------------------


async def test_a_refusal_for_one_person_affects_nobody_else(open_world: OpenWorld) -> None:
    world = await open_world()
    people = await leavers(world, 5)
    strike(world, path=removal_of(people[0]), status=403, code="Authorization_RequestDenied", times=None)

    report = await world.sweep()

    assert world.member_ids() == {people[0].id}
    assert report.run.state is RunState.COMPLETE
    assert _counts(report) == (5, 4, 0, 1, 0)
    record = await world.record_of(people[0].id)
    assert record is not None
    assert (record.state, record.attempts) == (State.OFFBOARDING, 1)
    assert "Authorization_RequestDenied" in record.last_error


async def test_whose_account_is_gone_is_done(open_world: OpenWorld) -> None:
    world = await open_world()
    leaver, other = await leavers(world, 2)
    strike(world, path=removal_of(leaver), status=404, code="Request_ResourceNotFound", times=None)
    strike(world, path=f"users/{leaver.id}", status=404, times=None)

    report = await world.sweep()

    assert _counts(report) == (2, 1, 1, 0, 0)
    record = await world.record_of(leaver.id)
    assert record is not None
    assert (record.state, record.sessions) == (State.OFFBOARDED, Sessions.NO_ACCOUNT)
    assert world.is_revoked(other, world.clock.moment)


async def test_an_account_wrongly_said_to_be_gone_is_revoked_by_the_next_run(
    open_world: OpenWorld,
) -> None:
    world = await open_world()
    [leaver] = await leavers(world, 1)
    strike(world, path=f"{leaver.id}/revokeSignInSessions", status=404)

    report = await world.sweep()
    assert (report.run.removed, report.run.incomplete) == (1, 1)
    await world.sweep()

    assert world.is_revoked(leaver, world.clock.moment)


async def test_after_six_failed_runs_somebody_is_stuck_and_tried_once_a_day(
    open_world: OpenWorld,
) -> None:
    world = await open_world()
    leaver, other = await leavers(world, 2)
    strike(world, path=removal_of(leaver), status=403, code="Authorization_RequestDenied", times=None)
    reports = [await world.sweep() for _ in range(6)]
    assert [_counts(report) for report in reports[1:5]] == [(1, 0, 0, 1, 0)] * 4
    assert _counts(reports[5]) == (1, 0, 0, 0, 1)
    assert _stuck(reports[5]) == [leaver.id]

    # The same day: named and counted, but not tried.
    since = mark(world)
    world.clock.advance(hours=23)
    report = await world.sweep()
    assert tried(world, since) == []
    assert (_counts(report), _stuck(report)) == ((1, 0, 0, 0, 1), [leaver.id])
    assert report.run.incomplete == 1
    [group] = (await read_status(world.services)).groups
    assert [item.user_id for item in group.stuck] == [leaver.id]
    assert "Authorization_RequestDenied" in group.stuck[0].last_error

    # Every day from then on, once.
    for _ in range(3):
        since = mark(world)
        world.clock.advance(hours=25)
        await world.sweep()
        await world.sweep()
        assert len([done for done in tried(world, since) if done.fact == "removed"]) == 1

    heal(world)
    world.clock.advance(hours=25)
    assert _counts(await world.sweep()) == (1, 1, 0, 0, 0)
    assert world.member_ids() == set()
    assert world.is_revoked(leaver, world.clock.moment - timedelta(days=10))
    assert world.is_revoked(other, world.clock.moment - timedelta(days=10))


async def test_a_new_end_date_starts_afresh(open_world: OpenWorld) -> None:
    world = await open_world()
    [leaver] = await leavers(world, 1)
    strike(world, path=removal_of(leaver), status=403, times=None)
    for _ in range(6):
        await world.sweep()

    await world.register(leaver.id, "2020-02-15")
    report = await world.sweep()

    assert _counts(report) == (1, 0, 0, 1, 0)
    record = await world.record_of(leaver.id)
    assert record is not None
    assert (record.state, record.attempts, record.end_date) == (
        State.OFFBOARDING,
        1,
        "2020-02-15",
    )


async def test_who_was_half_offboarded_and_added_again_is_revoked_again(open_world: OpenWorld) -> None:
    world = await open_world(ENFORCER_DISABLE_ACCOUNTS="all")
    [leaver] = await leavers(world, 1)
    strike(world, method="PATCH", status=403, times=None)
    await world.sweep()
    assert world.member_ids() == set()
    world.tenant.add_member(world.group, leaver)
    strike(world, path="revokeSignInSessions", status=403)
    await world.sweep()
    assert world.member_ids() == set()

    since = mark(world)
    heal(world)
    await world.sweep()

    assert [done.fact for done in tried(world, since)] == ["changed", "revoked"]


# This run ------------------------------------------------------------------------------------------------


async def test_a_refusal_of_everybody_ends_the_run_and_counts_as_nobodys_attempt(
    open_world: OpenWorld,
) -> None:
    world = await open_world()
    people = await leavers(world, 8)
    strike(world, path=REMOVAL, status=403, code="Authorization_RequestDenied", times=None)

    for _ in range(7):
        with pytest.raises(AccessDeniedError, match=r"GroupMember\.ReadWrite\.All"):
            await world.sweep()

    assert world.member_ids() == {person.id for person in people}
    for person in people:
        record = await world.record_of(person.id)
        assert record is not None
        assert (record.state, record.attempts) == (State.OFFBOARDING, 0)
    runs = await world.services.runs.of_group(world.group.id, world.clock.moment)
    assert {run.state for run in runs} == {RunState.FAILED}
    assert {(run.due, run.skipped) for run in runs} == {(8, 8)}
    # What was tried before that became clear is still on record.
    assert len(await recorded(world, Action.REMOVE)) == 7 * 8


async def test_an_earlier_failure_proves_nothing_when_all_are_refused(
    open_world: OpenWorld,
) -> None:
    world = await open_world()
    people = await leavers(world, 4)
    strike(world, path=REMOVAL, status=503, times=None)
    await world.sweep()
    heal(world)
    strike(world, path=REMOVAL, status=403, code="Authorization_RequestDenied", times=None)

    with pytest.raises(AccessDeniedError):
        await world.sweep()

    assert {(await world.on_record(person.id)).attempts for person in people} == {1}


async def test_a_few_who_are_refused_keep_nobody_else_in(open_world: OpenWorld) -> None:
    world = await open_world()
    people = await leavers(world, 8)
    refused = {person.id for person in people[:3]}
    for person in people[:3]:
        strike(world, path=removal_of(person), status=403, code="Authorization_RequestDenied", times=None)

    for _ in range(6):
        report = await world.sweep()

    assert world.member_ids() == refused
    assert report.run.stuck == 3
    for user_id in refused:
        assert (await world.on_record(user_id)).state is State.STUCK


async def test_a_token_that_is_refused_is_renewed_once_for_everybody(open_world: OpenWorld) -> None:
    world = await open_world(ENFORCER_BRAKE_COUNT="1000")
    await leavers(world, 60)
    await world.plan()
    strike(world, path=r"\$ref", status=401, code="InvalidAuthenticationToken", skip=3, times=15)
    before = _token_requests(world)

    report = await world.sweep()

    assert _counts(report) == (60, 60, 0, 0, 0)
    assert 1 <= _token_requests(world) - before <= 2


async def test_a_token_that_is_refused_for_good_ends_the_run(open_world: OpenWorld) -> None:
    world = await open_world(ENFORCER_BRAKE_COUNT="1000")
    people = await leavers(world, 60)
    strike(world, path=r"\$ref|revoke", status=401, skip=20, times=None)

    with pytest.raises(AccessDeniedError, match="refuses the token"):
        await world.sweep()

    [run] = await world.services.runs.of_group(world.group.id, world.clock.moment)
    assert run.state is RunState.FAILED
    assert (run.due, run.removed + run.skipped) == (60, 60)
    assert run.removed == 60 - len(world.member_ids()) > 0
    for person in people:
        record = await world.record_of(person.id)
        assert record is not None
        assert record.attempts == 0
    heal(world)
    await world.sweep()
    assert world.member_ids() == set()
    assert all(world.is_revoked(person, world.clock.moment) for person in people)


async def test_a_deleted_group_ends_the_run_and_is_not_a_success(open_world: OpenWorld) -> None:
    world = await open_world()
    [leaver] = await leavers(world, 1)
    strike(
        world,
        path=f"groups/{world.group.id}",
        status=404,
        code="Request_ResourceNotFound",
        skip=2,
        times=None,
    )

    with pytest.raises(GroupError, match="does not exist"):
        await world.sweep()

    record = await world.record_of(leaver.id)
    assert record is not None
    assert (record.state, record.removed_at) == (State.OFFBOARDING, None)
    heal(world)
    await world.sweep()
    assert world.member_ids() == set()
    assert world.is_revoked(leaver, world.clock.moment)


async def test_a_member_wrongly_said_to_be_absent_is_removed_on_demand(
    open_world: OpenWorld,
) -> None:
    """No read of the member list follows soon to show otherwise."""
    world = await open_world()
    [leaver] = await leavers(world, 1)
    strike(world, path=REMOVAL, status=404, code="Request_ResourceNotFound")

    done = await offboard(world, leaver)

    assert done.done
    assert world.member_ids() == set()


async def test_a_deleted_group_does_not_stop_an_offboarding_on_demand(
    open_world: OpenWorld,
) -> None:
    world = await open_world()
    [leaver] = await leavers(world, 1)
    strike(world, path=f"groups/{world.group.id}", status=404, code="Request_ResourceNotFound", times=None)

    done = await offboard(world, leaver)

    assert not done.done
    assert [(step.step, step.outcome) for step in done.steps] == [("remove", "failed"), ("revoke", "done")]
    assert world.is_revoked(leaver, world.clock.moment)


@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")  # azure-data-tables
async def test_storage_that_refuses_ends_the_run_before_anything_is_written(
    open_world: OpenWorld, azurite: StorageEndpoints
) -> None:
    world = await open_world()
    await leavers(world, 1)
    wrong = azurite.connection_string.replace("AccountKey=E", "AccountKey=F")
    refused = await open_world(ENFORCER_GROUP_IDS=world.group.id, EnforcerStorage=wrong)

    with pytest.raises(AccessDeniedError, match="storage refuses"):
        await refused.sweep()

    assert tried(refused) == []


async def test_storage_that_fails_midway_ends_the_run_and_the_next_finishes(
    open_world: OpenWorld, proxy: StorageProxy
) -> None:
    world = await open_world(proxy.endpoints)
    people = await leavers(world, 8)
    strike(world, path=r"\$ref", effect=Effect.DELAY, seconds=0.5, skip=1, times=None)

    running = asyncio.create_task(world.sweep())
    while len(world.member_ids()) == 8:  # noqa: ASYNC110 -- nothing to wait on
        await asyncio.sleep(0.002)
    proxy.set_fault(Fault(nth=1, times=1_000, reply=Reply.REFUSED))
    with pytest.raises(AccessDeniedError, match="storage refuses"):
        await running
    heal(world)
    proxy.clear()
    assert 0 < len(world.member_ids()) < 8

    world.clock.advance(seconds=5)
    await world.sweep()
    assert world.member_ids() == set()
    assert all(world.is_revoked(person, world.clock.moment - timedelta(minutes=1)) for person in people)
    assert await break_in(world.services.ledger, world.group.id) is None


async def test_a_lost_answer_of_storage_does_not_end_the_run(
    open_world: OpenWorld, proxy: StorageProxy
) -> None:
    world = await open_world(proxy.endpoints)
    await leavers(world, 3)
    await world.plan()
    proxy.clear()
    for nth in range(1, 40, 3):
        proxy.set_fault(Fault(nth=nth, reply=Reply.DROPPED))

    report = await world.sweep()

    assert _counts(report) == (3, 3, 0, 0, 0)
    assert await break_in(world.services.ledger, world.group.id) is None
    assert len(await recorded(world, Action.REMOVE)) == 3


# A bug ---------------------------------------------------------------------------------------------------


async def test_a_bug_ends_the_run_loudly_and_on_record(open_world: OpenWorld, proxy: StorageProxy) -> None:
    world = await open_world(proxy.endpoints)
    await leavers(world, 1)
    # No working table answers like this: it represents the unforeseen.
    proxy.set_fault(Fault(nth=12, reply=Reply.CONDITION_NOT_MET, times=50))

    with pytest.raises(Exception, match=r"fault of the sandbox") as raised:
        await world.sweep()
    proxy.clear()

    assert not isinstance(raised.value, UnavailableError)


def _counts(report: Report) -> tuple[int, int, int, int, int]:
    run = report.run
    return run.due, run.removed, run.already_absent, run.skipped, run.stuck


def _stuck(report: Report) -> list[str | None]:
    return [found.user_id for found in report.findings if found.kind is FindingKind.STUCK]


def _token_requests(world: World) -> int:
    return sum(entry.path.startswith("/msi/token") for entry in world.directory.sandbox.log.entries)
