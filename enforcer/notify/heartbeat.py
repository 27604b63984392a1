"""Heartbeats: a cron monitor elsewhere hears of each complete night, and raises the alarm after silence.

The second leg of alarm `no-complete-run`, which runs where the enforcer does. The URLs are secrets.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from enforcer.core.exceptions import UnavailableError
from enforcer.core.runs import RunKind, RunState
from enforcer.services import Services

if TYPE_CHECKING:
    from httpx import AsyncClient

# A night's sweeps, retries and approvals; yesterday's night is longer ago.
_NIGHT = timedelta(hours=12)
_SECONDS = 8.0
_TRIES = 3


async def beat(services: Services) -> None:
    """Call every heartbeat URL, if each managed group had a complete run this night.

    Raises:
        UnavailableError: Storage, or a URL after three tries, does not answer as it should.
    """
    urls = services.settings.heartbeat_urls
    if not urls or not await _is_complete(services):
        return
    import httpx

    async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
        silent = [url for url in urls if not await _is_heard(client, url)]
    if silent:
        raise UnavailableError(f"{len(silent)} of {len(urls)} heartbeat URLs do not answer")


async def _is_complete(services: Services) -> bool:
    for group_id in services.settings.group_ids:
        if not await _has_complete_run(services, group_id):
            return False
    return True


async def _has_complete_run(services: Services, group_id: str) -> bool:
    now, mode = services.now(), services.settings.mode
    return any(
        run.kind is RunKind.SWEEP
        and run.state is RunState.COMPLETE
        and not (run.held or run.out_of_time)
        and run.mode == mode
        and run.started_at > now - _NIGHT
        for run in await services.runs.of_group(group_id, now)
    )


async def _is_heard(client: AsyncClient, url: str) -> bool:
    from httpx import HTTPError

    for _ in range(_TRIES):
        try:
            if (await client.get(url)).is_success:
                return True
        except HTTPError:
            continue
    return False
