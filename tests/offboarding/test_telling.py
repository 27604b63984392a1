"""Operators are told about offboardings on demand, once, with counts and no names."""

from __future__ import annotations

import logging

import pytest

from enforcer.core.exceptions import HeldError
from enforcer.offboarding.many import BatchRequest, offboard_many
from tests.support.leaving import RUN_ID, offboard
from tests.support.messaging import running_webhook
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def test_operators_hear_once_of_each_offboarding_without_names(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    anna = world.member("Anna Novak")
    async with running_webhook() as hook:
        world.configure(notify_urls=(hook.url,))
        for _ in range(2):
            await offboard(world, anna)
    [sent] = hook.got
    assert RUN_ID in sent["message"]
    assert "1 removed" in sent["title"]
    assert "Anna" not in str(sent)
    assert (
        f"offboarded_on_demand run_id={RUN_ID} user_id={anna.id} actor=cli:ann done=true removed=1"
        in caplog.text
    )


async def test_a_batch_is_one_message_and_a_held_one_another(world: World) -> None:
    world.configure(brake_count=3, brake_percent=0.0)
    people = [world.member(f"Person {number}").id for number in range(6)]
    async with running_webhook() as hook:
        world.configure(notify_urls=(hook.url,))
        for place, some in enumerate((people[:3], people[3:])):
            run_id = f"20261123T12000{place}-abcdef"
            request = BatchRequest(users=tuple(some), reason="breach", actor="cli:ann", run_id=run_id)
            await offboard_many(world.services, request)
        with pytest.raises(HeldError):
            await offboard(world, world.tenant.user(people[3]) or world.member("Nobody"))
    assert len(hook.got) == 3
    assert "3 removed" in hook.got[0]["title"]


async def test_a_message_that_cannot_be_sent_undoes_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    anna = world.member("Anna")
    world.configure(notify_urls=("json://127.0.0.1:9/",))
    assert (await offboard(world, anna)).done
    assert world.member_ids() == set()
