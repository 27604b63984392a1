"""A timer that has stopped: what the last night left on the queue takes its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from enforcer.core.runs import Run
from enforcer.core.settings import Settings
from enforcer.storage.queues import SweepMessage
from enforcer.sweep.queued import work_off
from tests.functions.conftest import RUN_ID, App, Put, run_of, wanted
from tests.support.world import ENDED

pytestmark = pytest.mark.anyio
NIGHT = datetime(2026, 12, 1, 0, 30, 2, tzinfo=UTC)
HOUR = 3600


@pytest.fixture
async def after(app: App) -> SweepMessage:
    """The message that the night of 1 December has left."""
    app.world.clock.moment = NIGHT
    message = await wanted(app)
    await work_off(app.world.services, message, 60)
    return SweepMessage(group_id=app.world.group.id, reason="", after=message.run_id)


async def nights(app: App) -> list[Run]:
    return [run for run in await app.runs() if run.reason.startswith("nightly")]


async def test_a_night_leaves_a_message_for_the_next(app: App, after: SweepMessage) -> None:
    (put,) = app.put()
    # To one o'clock, half an hour after the timer should have come.
    assert put.queue == "sweeps"
    assert 24.45 * HOUR < put.after_seconds <= 24.5 * HOUR
    assert (await run_of(app, after.after)).reason == "nightly"


async def test_a_night_without_a_timer_is_swept_once(app: App, after: SweepMessage) -> None:
    anna = app.world.member("Anna")
    await app.world.register(anna.id, ENDED)
    app.world.clock.advance(hours=24.5)
    await work_off(app.world.services, after, 60)
    await work_off(app.world.services, after, 60)
    assert app.world.member_ids() == set()
    _, night = await nights(app)
    assert (night.reason, night.actor, night.removed) == ("nightly, without the timer", "timer", 1)
    # The verification, and for the night after that one message more.
    assert len([put for put in app.put() if put.after_seconds > 20 * HOUR]) == 2


async def test_a_night_whose_timer_came_is_left_alone(app: App, after: SweepMessage) -> None:
    app.world.clock.advance(hours=24)
    await work_off(app.world.services, await wanted(app, run_id="20261202T003002-0f9a3c"), 60)
    app.world.clock.advance(minutes=30)
    count = len(app.put())
    await work_off(app.world.services, after, 60)
    assert len(await nights(app)) == 2
    assert len(app.put()) == count


async def test_a_message_that_comes_too_early_waits_on(app: App, after: SweepMessage) -> None:
    app.world.clock.advance(hours=20)
    await work_off(app.world.services, after, 60)
    assert len(await nights(app)) == 1
    assert app.put()[-1].after_seconds == pytest.approx(4.5 * HOUR, abs=60)


async def test_a_weekly_night_waits_in_more_than_one_piece(app: App) -> None:
    app.world.clock.moment = NIGHT
    settings: Settings = replace(app.world.services.settings, schedule="0 30 0 1 * *")
    await work_off(replace(app.world.services, settings=settings), await wanted(app), 60)
    assert app.put() == [Put("sweeps", 7 * 24 * HOUR)]


@pytest.mark.parametrize("forged", ["20261101T003000-aaaaaa", "not a night", "another group"])
async def test_a_message_brings_about_no_night_that_is_not_due(
    app: App, after: SweepMessage, forged: str
) -> None:
    app.world.clock.advance(hours=25)
    group_id, run_id = after.group_id, after.after
    if forged == "another group":
        group_id = "99999999-0000-0000-0000-000000000000"
    elif forged == "not a night":
        run = replace(await run_of(app, RUN_ID), run_id="20261201T100000-aaaaaa", reason="verification")
        await app.world.services.runs.ask(run)
        run_id = run.run_id
    else:
        run_id = forged
    await work_off(app.world.services, SweepMessage(group_id=group_id, reason="", after=run_id), 60)
    assert len(await nights(app)) == 1
