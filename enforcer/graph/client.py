"""Calls to Microsoft Graph through the SDK's adapter, with retries of our own.

The SDK's retry handler never retries 500, 502 or a lost connection, gives up at once when told to wait for
three minutes or more, and lets every worker wait for itself; so it is left out, as is its redirect handler,
which would carry the token elsewhere. Of the SDK we use the adapter, its authentication (with continuous
access evaluation) and its telemetry; the answers are taken as they come over the wire, because building the
SDK's models costs 1.5 seconds at their first use.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from enforcer.exceptions import AccessDeniedError, ReadError
from enforcer.graph.pacer import Pacer
from enforcer.graph.reply import TOO_MANY, Reply, ReplyKind, Request, no_reply, read_reply
from enforcer.graph.retries import Patience, Retries
from enforcer.settings import Settings
from enforcer.telemetry import graph_call
from enforcer.values import LOOPBACK

if TYPE_CHECKING:
    import ssl

    import httpx
    from azure.core.credentials_async import AsyncTokenCredential
    from msgraph.graph_request_adapter import GraphRequestAdapter

READ_SECONDS = 30.0


class GraphClient:
    """Graph for one event loop; connects at the first call. Use as a context manager, or call `close`.

    Args:
        settings: Where Graph is and who asks.
        pacer: Shared by all clients of the process.
        patience: How long a call is tried again.
        credential: Who asks, where it is not the function's identity.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        pacer: Pacer | None = None,
        patience: Patience | None = None,
        credential: AsyncTokenCredential | None = None,
    ) -> None:
        self._settings = settings
        self._patience = patience or Patience()
        self._given_credential = credential
        self._credential: AsyncTokenCredential | None = None
        self._old_credentials: list[AsyncTokenCredential] = []
        self._token_number = 0
        self._http: httpx.AsyncClient | None = None
        self._adapter: GraphRequestAdapter | None = None
        self.pacer = pacer or Pacer()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
        for credential in (self._credential, *self._old_credentials):
            if credential is not None and credential is not self._given_credential:
                await credential.close()
        self._http = self._adapter = self._credential = None
        self._old_credentials.clear()

    async def read(self, path: str, **parameters: str) -> Reply:
        """GET a path below `/v1.0`, or a nextLink as it came.

        Raises:
            UnavailableError: Graph did not answer in time.
            AccessDeniedError: Graph does not know us (401).
            ReadError: The address is not Graph's: the token goes nowhere else.
        """
        return await self.call(Request(method="GET", path=path, parameters=parameters))

    async def call(self, request: Request) -> Reply:
        """Make one call, again where that may help; give the last answer, whatever it is.

        Raises: as `read`.
        """
        return await self.persist(lambda: self.attempt(request))

    async def persist(self, attempt: Callable[[], Awaitable[Reply]]) -> Reply:
        """Make these attempts until one is answered for good: some time apart, and with one new token.

        Raises:
            UnavailableError: Graph did not answer in time.
            AccessDeniedError: Graph does not take the new token either.
        """
        retries = Retries(self._patience)
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
                if token == self._token_number:  # or somebody else has renewed it meanwhile
                    await self.renew_token()

    async def attempt(self, request: Request, *, writes: int | None = None) -> Reply:
        """Make one call once. `writes` is what it costs, where it is not 1 for all but GET."""
        if (refusal := self.refusal()) is not None:
            return refusal
        cost = writes if writes is not None else int(request.method != "GET")
        async with self.pacer.writing(cost):
            return await self.send(request)

    def refusal(self) -> Reply | None:
        """Stand for Graph's answer where it has asked everybody to wait for longer than we are ready to."""
        if (wait := self.pacer.pause_left()) <= self._patience.throttling:
            return None
        return Reply(status=TOO_MANY, message="Graph has asked everybody to wait", retry_after=wait)

    async def send(self, request: Request) -> Reply:
        """Make one call now; the pacer has let it through."""
        import httpx  # noqa: PLC0415 -- heavy: loaded by the first call, not by the function app's start
        from azure.core.exceptions import AzureError, ClientAuthenticationError  # noqa: PLC0415

        try:
            with graph_call(request.method, request.path, request.parameters) as traced:
                response: httpx.Response = await self._native_response(request)
                traced.answered(response.status_code, request_id=response.headers.get("request-id", ""))
        except httpx.HTTPError as error:
            return no_reply(error)
        except httpx.InvalidURL as error:
            raise ReadError(f"Graph's nextLink is no address: {error}") from error
        except ClientAuthenticationError as error:
            raise AccessDeniedError(f"no token for Graph: {error.message}") from error
        except AzureError as error:
            return no_reply(error)
        return read_reply(response.status_code, response.headers, response.content)

    async def token(self) -> str:
        """Give a token for Graph, as the adapter would send it.

        Raises:
            AccessDeniedError: There is none to be had.
        """
        from azure.core.exceptions import AzureError  # noqa: PLC0415

        try:
            return (await self._asking().get_token(token_scope(self._settings.graph_url))).token
        except AzureError as error:
            raise AccessDeniedError(f"no token for Graph: {error.message}") from error

    @property
    def url(self) -> str:
        """Graph's base URL, with the version."""
        return f"{self._settings.graph_url}/v1.0"

    async def renew_token(self) -> None:
        """Forget the credential, whose cache may hold a token that Graph no longer takes.

        Others may be asking it just now, so it is closed in the end only.
        """
        self._token_number += 1
        self._old_credentials += [self._credential] if self._credential is not None else []
        self._credential = self._adapter = None

    async def _native_response(self, request: Request) -> httpx.Response:
        from kiota_abstractions.method import Method  # noqa: PLC0415
        from kiota_abstractions.native_response_handler import NativeResponseHandler  # noqa: PLC0415
        from kiota_abstractions.request_information import RequestInformation  # noqa: PLC0415
        from kiota_http.middleware.options import ResponseHandlerOption  # noqa: PLC0415

        call = RequestInformation(
            Method(request.method), "{+baseurl}" + request.path, dict(request.parameters)
        )
        if "://" in request.path:
            self._require_graph(request.path)
            call.url = request.path
        if request.body:
            call.set_stream_content(request.body, "application/json")
        call.headers.try_add("Accept", "application/json")
        call.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        response: httpx.Response = await self._connected().send_primitive_async(call, "bytes", {})
        return response

    def _require_graph(self, url: str) -> None:
        """Refuse a nextLink that leads elsewhere: the token would go with it."""
        try:
            wanted, given = urlsplit(self._settings.graph_url), urlsplit(url)
        except ValueError as error:
            raise ReadError(f"Graph's nextLink is no address: {error}") from error
        if (given.scheme, given.netloc.lower()) != (wanted.scheme, wanted.netloc.lower()):
            raise ReadError(f"Graph's nextLink leads to {given.scheme}://{given.netloc}, not to Graph")

    def _asking(self) -> AsyncTokenCredential:
        """Give the credential of who asks."""
        if self._credential is None:
            from enforcer.credentials import default_credential  # noqa: PLC0415

            self._credential = self._given_credential or default_credential(self._settings.client_id)
        return self._credential

    def _connected(self) -> GraphRequestAdapter:
        if self._adapter is None:
            self._adapter = self._connect()
        return self._adapter

    def _connect(self) -> GraphRequestAdapter:
        import httpx  # noqa: PLC0415
        from kiota_authentication_azure.azure_identity_authentication_provider import (  # noqa: PLC0415
            AzureIdentityAuthenticationProvider,
        )
        from kiota_http.observability_options import ObservabilityOptions  # noqa: PLC0415
        from msgraph.graph_request_adapter import GraphRequestAdapter  # noqa: PLC0415

        url = self._settings.graph_url
        provider = AzureIdentityAuthenticationProvider(
            self._asking(), scopes=[token_scope(url)], allowed_hosts=[urlsplit(url).hostname or ""]
        )
        if self._http is None:
            limits = httpx.Limits(max_connections=32, max_keepalive_connections=32)
            self._http = httpx.AsyncClient(
                base_url=self.url,
                http2=True,
                timeout=httpx.Timeout(READ_SECONDS, connect=10),
                limits=limits,
                verify=_trusted_authorities(),
            )
        adapter = GraphRequestAdapter(provider, client=self._http)
        adapter.base_url = self.url
        # The full URL would put names and mail addresses into the traces.
        adapter.observability_options = ObservabilityOptions(include_euii_attributes=False)
        return adapter


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Load the certificates once: it takes 70 milliseconds."""
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context()


def token_scope(graph_url: str) -> str:
    """Give the scope of a token for this Graph; the sandbox takes the public cloud's."""
    host = urlsplit(graph_url).hostname or ""
    loopback = host in LOOPBACK
    return "https://graph.microsoft.com/.default" if loopback else f"{graph_url}/.default"
