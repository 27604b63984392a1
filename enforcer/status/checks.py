"""Check everything that a nightly run needs, and say what is wrong and how to fix it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

from enforcer.core.exceptions import EnforcerError, UnavailableError, cause
from enforcer.services import Services
from enforcer.status import entra_checks, register_checks, running_checks, setting_checks
from enforcer.status.check import Check, CheckFunction, failed
from enforcer.storage.blobs import CONTAINER

_REACH = "make Graph and the storage account reachable from here: addresses, firewall, private endpoints"
_REPORT = "this is a bug in the enforcer; report it with this line"


async def run_checks(services: Services, *, seconds: float = 90.0) -> AsyncIterator[Check]:
    """Run all checks concurrently; none stops the others.

    Args:
        services: All adapters.
        seconds: Time limit for each check; a run would retry a silent service for minutes.
    """
    checks: dict[str, CheckFunction] = {
        "settings": setting_checks.setting_names,
        "identity": entra_checks.permissions,
        "groups": entra_checks.groups,
        "owners": entra_checks.owners,
        "protected groups": entra_checks.protected_groups,
        "leavers' group": entra_checks.leavers_group,
        "register": register_checks.rows,
        "ends at midnight": register_checks.midnight_ends,
        "runs": running_checks.last_runs,
        "queues": running_checks.queues,
        CONTAINER: running_checks.reports,
        "conditional access": entra_checks.policies,
        "HTTP API": setting_checks.http_api,
        "four eyes": setting_checks.four_eyes,
        "alarms": setting_checks.alarms,
        "warnings to sponsors": register_checks.sponsors,
        "time zone": setting_checks.clock,
    }
    guarded = (_guarded(name, check(services), seconds) for name, check in checks.items())
    for results in await asyncio.gather(*guarded):
        for result in results:
            yield result


async def _guarded(name: str, check: Awaitable[list[Check]], seconds: float) -> list[Check]:
    try:
        async with asyncio.timeout(seconds):
            return await check
    except TimeoutError:
        return [failed(name, f"no answer within {seconds:g} seconds", _REACH)]
    except UnavailableError as error:
        return [failed(name, str(error), _REACH)]
    except Exception as error:  # noqa: BLE001 -- whatever one check raises, the others go on
        first = cause(error)
        if isinstance(first, EnforcerError):
            return [failed(name, str(first), "see the message")]
        return [failed(name, f"this check failed to run: {type(first).__name__}: {first}", _REPORT)]
