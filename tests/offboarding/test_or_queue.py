"""What cannot be done at once is recorded, and then queued: never one without the other."""

from __future__ import annotations

import pytest

from enforcer.core.batch_answer import PersonStatus
from enforcer.core.exceptions import NotContractorError
from enforcer.core.runs import RunKind, RunState
from enforcer.offboarding.many import BatchRequest
from enforcer.offboarding.on_demand import OffboardRequest
from enforcer.offboarding.or_queue import Budget, QueuedOffboarding, many_or_queue, offboard_or_queue
from enforcer.storage.queues import OFFBOARDINGS
from sandbox.directory import Fault
from tests.support.leaving import RUN_ID
from tests.support.world import World

pytestmark = pytest.mark.anyio

_BUDGET = Budget(now=20, queue=2, note=2)
_AWAY = Fault(path="revokeSignInSessions", status=503, times=None)


def _request(user: str) -> OffboardRequest:
    return OffboardRequest(user=user, reason="left", actor="cli:ann", run_id=RUN_ID, seconds=20)


async def test_what_is_queued_has_a_run_that_says_who_asked_for_whom_and_why(world: World) -> None:
    anna = world.member("Anna")
    world.directory.sandbox.faults.add(_AWAY)
    before = await world.services.queues.waiting(OFFBOARDINGS)

    answer = await offboard_or_queue(world.services, _request(anna.id), _BUDGET)

    assert isinstance(answer, QueuedOffboarding)
    run = await world.services.runs.asked(RUN_ID, [world.group.id], RunKind.OFFBOARD)
    assert run is not None
    assert (run.queued, run.actor, run.reason, run.asked_for) == (True, "cli:ann", "left", (anna.id,))
    assert await world.services.queues.waiting(OFFBOARDINGS) == before + 1


async def test_whoever_is_not_a_contractor_is_never_queued(world: World) -> None:
    stranger = world.tenant.add_user("Break Glass")
    with pytest.raises(NotContractorError):
        await offboard_or_queue(world.services, _request(stranger.id), _BUDGET)
    assert await world.services.runs.of_id(RUN_ID, [world.group.id]) == []


async def test_a_batch_queues_just_those_whom_entra_does_not_let_go(world: World) -> None:
    anna, ben = world.member("Anna"), world.member("Ben")
    world.directory.sandbox.faults.add(Fault(path=f"{ben.id}.*revoke", status=503, times=None))
    request = BatchRequest(
        users=(anna.id, ben.id), reason="breach", actor="cli:ann", run_id=RUN_ID, seconds=20
    )

    answer = await many_or_queue(world.services, request, _BUDGET)

    assert [person.status for person in answer.people] == [PersonStatus.DONE, PersonStatus.QUEUED]
    queued = await world.services.runs.asked(answer.people[1].run_id, [world.group.id], RunKind.OFFBOARD)
    assert queued is not None
    assert (queued.asked_for, queued.state) == ((ben.id,), RunState.RUNNING)
