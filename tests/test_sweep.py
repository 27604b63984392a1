"""The sweep, end to end: real tables, a directory that behaves as Graph does."""

from __future__ import annotations

import pytest

from enforcer.core.enforcement import Sessions, State
from enforcer.core.plan import FindingKind
from sandbox.directory import Fault
from tests.world import ENDED, RUNNING, World

pytestmark = pytest.mark.anyio


async def test_whoever_is_due_leaves_the_group_with_sessions_revoked_and_nobody_else_does(
    world: World,
) -> None:
    ended, running = world.member("Anna Ended"), world.member("Ben Running")
    await world.register(ended.id, ENDED)
    await world.register(running.user_principal_name, RUNNING)

    report = await world.sweep()

    assert world.member_ids() == {running.id}
    assert world.is_revoked(ended, world.clock.moment)
    assert not world.is_revoked(running, world.clock.moment)
    assert (report.run.due, report.run.removed, report.run.revoked) == (1, 1, 1)


async def test_a_second_plan_is_empty_and_the_member_list_verifies_the_first(world: World) -> None:
    ended = world.member("Anna Ended")
    await world.register(ended.id, ENDED)
    await world.sweep()

    assert not (await world.plan()).offboard
    report = await world.sweep()

    assert (report.run.due, report.run.verified) == (0, 1)
    assert (await world.on_record(ended.id)).state is State.VERIFIED


async def test_a_guests_sessions_are_never_said_to_be_revoked(world: World) -> None:
    guest = world.guest("Gina Guest")
    await world.register(guest.mail or "", ENDED)

    report = await world.sweep()

    assert (await world.on_record(guest.mail or "")).sessions is Sessions.HOME_TENANT
    assert (report.run.removed, report.run.revoked) == (1, 0)


async def test_whoever_is_added_again_by_hand_is_found_and_offboarded_again(world: World) -> None:
    ended = world.member("Anna Ended")
    await world.register(ended.id, ENDED)
    await world.sweep()
    world.tenant.add_member(world.group, ended)

    report = await world.sweep()

    assert [found.kind for found in report.findings] == [FindingKind.RE_ADDED]
    assert world.member_ids() == set()


async def test_a_removal_that_is_not_visible_yet_keeps_its_time(world: World) -> None:
    anna = world.member("Anna")
    await world.register(anna.id, ENDED)
    await world.sweep()
    first = await world.on_record(anna.id)
    world.clock.advance(minutes=5)
    page = {"value": [{"@odata.type": "#microsoft.graph.user", "id": anna.id, "userPrincipalName": "a@b.c"}]}
    world.directory.sandbox.faults.add(Fault(method="GET", path=r"/members\?", status=200, body=page))

    report = await world.sweep()

    assert report.run.already_absent == 1
    assert (await world.on_record(anna.id)).removed_at == first.removed_at
