"""The queue functions: sweeps, and offboardings that had to wait."""

from __future__ import annotations

import azure.functions as func

from enforcer.functions.runtime import SWEEP_SECONDS, invocation
from enforcer.offboarding import queued as queued_offboardings
from enforcer.storage.queues import OFFBOARDINGS, SWEEPS, read_offboard_message, read_sweep_message
from enforcer.sweep import queued as queued_sweeps

CONNECTION = "EnforcerStorage"

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.queue_trigger(arg_name="message", queue_name=SWEEPS, connection=CONNECTION)
@blueprint.function_name("sweep")
async def sweep_group(message: func.QueueMessage) -> None:
    """Sweep one managed group. If it raises, the platform delivers the message again."""
    async with invocation() as services:
        await queued_sweeps.work_off(services, read_sweep_message(message.get_body()), SWEEP_SECONDS)


@blueprint.queue_trigger(arg_name="message", queue_name=OFFBOARDINGS, connection=CONNECTION)
async def offboard_queued(message: func.QueueMessage) -> None:
    """Offboard a person whom the HTTP function could not, because Graph or storage did not answer."""
    async with invocation() as services:
        await queued_offboardings.work_off(services, read_offboard_message(message.get_body()))
