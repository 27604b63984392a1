"""The nightly timer: one message per managed group, so that Azure scales with the queue."""

from __future__ import annotations

import azure.functions as func

from enforcer.core.actors import Actor
from enforcer.core.runs import Occasion
from enforcer.functions.runtime import invocation, settings
from enforcer.sweep.requesting import request_sweep, requested

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.timer_trigger(
    arg_name="timer", schedule=settings().schedule, run_on_startup=False, use_monitor=True
)
@blueprint.retry(strategy="fixed_delay", max_retry_count="3", delay_interval="00:01:00")
async def nightly(timer: func.TimerRequest) -> None:
    """Ask for the sweep of every managed group."""
    reason = Occasion.LATE if timer.past_due else Occasion.NIGHTLY
    async with invocation() as services:
        for group_id in services.settings.group_ids:
            run = requested(services, group_id, actor=Actor(id="timer"), reason=reason)
            await request_sweep(services, run)
