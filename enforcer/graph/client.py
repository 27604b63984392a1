"""Calls to Microsoft Graph through the SDK's adapter, with our own retries.

The SDK's retry handler never retries 500, 502 or a lost connection, gives up at once if told to wait three
minutes or more, and lets every worker wait for itself. It is left out, and so is the redirect handler, which
would carry the token elsewhere. We use the SDK's adapter, authentication (with continuous access evaluation)
and telemetry, but read responses from the wire: building the SDK's models costs 1.5 seconds on first use.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from enforcer.core.exceptions import AccessDeniedError
from enforcer.core.settings import Settings
from enforcer.graph.pacer import Pacer
from enforcer.graph.reply import TOO_MANY, Reply, ReplyKind, Request
from enforcer.graph.retries import Retries, RetryBudget
from enforcer.graph.wire import Wire

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


class GraphClient:
    """Graph for one event loop; connects on the first call. Use as a context manager, or call `close`.

    Args:
        settings: Where Graph is, and which identity to use.
        pacer: Shared by all clients of the process.
        retry_budget: How long a call may take, and how long it is retried.
        credential: Used instead of the function's identity.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        pacer: Pacer | None = None,
        retry_budget: RetryBudget | None = None,
        credential: AsyncTokenCredential | None = None,
    ) -> None:
        self._retry_budget = retry_budget or RetryBudget()
        self._wire = Wire(settings, seconds=self._retry_budget.call, credential=credential)
        self._token_number = 0
        self.pacer = pacer or Pacer()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; the next call connects again."""
        await self._wire.close()

    async def read(self, path: str, **parameters: str) -> Reply:
        """GET a path below `/v1.0`, or a nextLink.

        Raises:
            UnavailableError: Graph did not answer in time.
            AccessDeniedError: Graph rejects our token (401).
            ReadError: The URL is not Graph's; the token is sent nowhere else.
        """
        return await self.call(Request(method="GET", path=path, parameters=parameters))

    async def call(self, request: Request) -> Reply:
        """Make a call, retrying where that may help, and return the last answer. Raises: as `read`."""
        return await self.call_with_retries(lambda: self.attempt(request))

    async def call_with_retries(self, attempt: Callable[[], Awaitable[Reply]]) -> Reply:
        """Repeat the attempt, with pauses and at most one new token, until its answer is final.

        Raises:
            UnavailableError: Graph did not answer in time.
            AccessDeniedError: Graph rejects the new token, too.
        """
        retries = Retries(self._retry_budget)
        renewed = repeated = False
        while True:
            token = self._token_number
            reply = await attempt()
            if reply.kind is ReplyKind.RETRY:
                repeated = repeated or reply.may_have_taken_effect
                await retries.wait(reply, self.pacer)
            elif reply.kind is not ReplyKind.RUN:
                return replace(reply, repeated=repeated)
            elif renewed:
                raise AccessDeniedError(f"Graph refuses the token: {reply.explanation}")
            else:
                renewed = True
                if token == self._token_number:  # otherwise another call has renewed it meanwhile
                    self._token_number += 1
                    self._wire.renew_token()

    async def attempt(self, request: Request, *, writes: int | None = None) -> Reply:
        """Make a call once. `writes` overrides its share of the directory's write quota."""
        if (refusal := self.refusal()) is not None:
            return refusal
        async with self.pacer.writing(request.writes if writes is None else writes):
            return await self.send(request)

    def refusal(self) -> Reply | None:
        """Return a 429 of our own if Graph asked for a longer pause than the retry budget allows."""
        if (wait := self.pacer.pause_left()) <= self._retry_budget.throttling:
            return None
        return Reply(status=TOO_MANY, message="Graph has asked all callers to wait", retry_after=wait)

    async def send(self, request: Request) -> Reply:
        """Make a call now, once the pacer has let it through. Raises: as `Wire.send`."""
        return await self._wire.send(request)

    async def token(self) -> str:
        """Return a token for Graph. Raises: as `Wire.token`."""
        return await self._wire.token()

    @property
    def url(self) -> str:
        """Graph's base URL, with the version."""
        return self._wire.url
