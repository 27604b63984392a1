"""The HTTP transport to the tables: a write whose connection broke is repeated.

After a lost connection azure-core repeats only what HTTP calls idempotent. Inserts, merges and transactions
are POST and PATCH, so that one broken connection, or one 429 or 502, would end the run. All writes of this
product may be repeated: an upsert changes nothing the second time, and after a conflict a conditional writer
checks whether the conflicting write was its own.
"""

from __future__ import annotations

import asyncio
from typing import Any

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import AsyncHttpResponse, HttpRequest
from azure.core.rest import HttpRequest as RestHttpRequest

from enforcer.storage.transport import BoundedTransport

_NOT_REPEATED_BY_AZURE_CORE = frozenset({"POST", "PATCH"})
# Those that azure-core's retries leave out where the method is one of these.
_PASSING = frozenset({429, 502})
_PAUSES = (0.0, 0.5, 2.0)


class PersistentTransport(BoundedTransport):
    """Repeats POST and PATCH after a broken connection, 429 or 502."""

    async def send(self, request: HttpRequest | RestHttpRequest, **config: Any) -> AsyncHttpResponse:
        pauses = _PAUSES if request.method in _NOT_REPEATED_BY_AZURE_CORE else ()
        for pause in pauses:
            try:
                response = await super().send(request, **config)
            except (ServiceRequestError, ServiceResponseError):
                await asyncio.sleep(pause)
                continue
            if response.status_code not in _PASSING:
                return response
            await asyncio.sleep(pause)
        return await super().send(request, **config)
