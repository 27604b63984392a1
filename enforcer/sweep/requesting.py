"""Ask for a sweep: its record first, then the queue message that names it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from enforcer.core.actors import Actor
from enforcer.core.exceptions import AccessDeniedError, EnforcerError, UnavailableError
from enforcer.core.run_ids import new_run_id
from enforcer.core.runs import Report, Run, RunState
from enforcer.services import Services
from enforcer.storage.queues import SweepMessage


def requested(services: Services, group_id: str, *, actor: Actor, reason: str) -> Run:
    """Return a new run over one group, in the mode of the settings, that is yet to begin."""
    now = services.now()
    return Run(
        run_id=new_run_id(now),
        group_id=group_id,
        started_at=now,
        mode=services.settings.mode.value,
        reason=reason,
        actor=actor.id,
        actor_name=actor.name,
    )


async def request_sweep(
    services: Services, run: Run, *, after_seconds: int = 0, within: float | None = None
) -> None:
    """Record who asks for a sweep, and why, and queue the message that names it.

    Args:
        services: The adapters.
        run: What is asked for.
        after_seconds: When the message becomes visible.
        within: Seconds that the queue has to answer.

    Raises:
        AccessDeniedError, UnavailableError: The tables or the queue refuse, or do not answer. If it is the
            queue, the run is recorded as failed.
    """
    await services.runs.ask(run)
    message = SweepMessage(group_id=run.group_id, reason=run.reason, run_id=run.run_id)
    try:
        async with asyncio.timeout(within):
            await services.queues.ask_for_sweep(message, after_seconds=after_seconds)
    except (UnavailableError, AccessDeniedError, TimeoutError) as error:
        failed = replace(run, state=RunState.FAILED, finished_at=services.now(), error="could not be queued")
        with suppress(EnforcerError):  # the error of the queue says more
            await services.runs.save(Report(run=failed))
        if isinstance(error, TimeoutError):
            raise UnavailableError(f"the queue did not answer within {within:g} s") from error
        raise
