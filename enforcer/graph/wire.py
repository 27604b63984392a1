"""The wire to Graph: single calls, each with one deadline around all of it, and one kind of error.

Whatever the libraries below do, a call ends when its time is up, and whatever they raise means "no answer":
the call may have taken effect and may be repeated. It uses HTTP/1.1: `$batch` already multiplexes, and over
HTTP/2 httpcore leaks anyio's exceptions when a connection is cut (encode/httpcore 808) and blocks its pool
forever when a server lowers its number of streams (encode/httpcore 1022).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from enforcer.concurrency import bounded
from enforcer.core.exceptions import AccessDeniedError, ReadError, UnavailableError
from enforcer.core.setting_values import LOOPBACK
from enforcer.core.settings import Settings
from enforcer.credentials import BoundedCredential, default_credential
from enforcer.graph.reply import Reply, Request, no_reply, not_sent, read_reply
from enforcer.renewable import Renewable
from enforcer.telemetry.calls import graph_call

if TYPE_CHECKING:
    import ssl

    import httpx
    from azure.core.credentials_async import AsyncTokenCredential
    from kiota_abstractions.request_information import RequestInformation
    from msgraph.graph_request_adapter import GraphRequestAdapter

READ_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_CONNECTIONS = 32


@dataclass(slots=True)
class _Client:
    """An HTTP client and its adapter, which keeps the credential it was created with."""

    http: httpx.AsyncClient
    adapter: GraphRequestAdapter | None = None

    async def close(self) -> None:
        await self.http.aclose()


class Wire:
    """Sends calls to Graph, for one event loop. Connects on the first call; `close` closes it.

    Args:
        settings: Where Graph is, and which identity to use.
        seconds: How long a call may take, including getting a token and waiting for a connection.
        credential: Used instead of the function's identity. It is not closed here.
    """

    def __init__(
        self, settings: Settings, *, seconds: float, credential: AsyncTokenCredential | None = None
    ) -> None:
        self._settings, self._seconds, self._given = settings, seconds, credential
        self._credential: BoundedCredential | None = None
        self._old_credentials: list[BoundedCredential] = []
        self._clients = Renewable(self._new_client, _Client.close)

    @property
    def url(self) -> str:
        """Graph's base URL, with the version."""
        return f"{self._settings.graph_url}/v1.0"

    async def close(self) -> None:
        """Close everything; the next use connects again."""
        await self._clients.close()
        self.renew_token()
        if self._given is None:
            for credential in self._old_credentials:
                await credential.close()
        self._old_credentials.clear()

    async def send(self, request: Request) -> Reply:
        """Make a call once.

        Raises:
            AccessDeniedError: This identity is refused a token.
            ReadError: The URL is not Graph's; the token is sent nowhere else.
        """
        import httpx

        call = self._prepared(request)
        with self._clients.using() as handle:
            try:
                with graph_call(request.method, request.path, request.parameters) as traced:
                    response = await bounded(self._response(call, handle.client), self._seconds)
                    traced.answered(response.status_code, request_id=response.headers.get("request-id", ""))
            except AccessDeniedError:
                raise
            except UnavailableError as error:
                return not_sent(error)
            except httpx.InvalidURL as error:
                raise ReadError(f"Graph's nextLink is not a URL: {error}") from error
            except httpx.HTTPError as error:
                return no_reply(error)
            except Exception as error:  # noqa: BLE001 -- time is up, or the library failed: its pool may be stuck
                self._clients.retire(handle)
                return no_reply(error)
        return read_reply(response.status_code, response.headers, response.content)

    async def token(self) -> str:
        """Return a token for Graph, as the adapter would send it.

        Raises:
            AccessDeniedError: This identity is refused a token.
            UnavailableError: The identity endpoint does not answer.
        """
        return (await self._current_credential().get_token(token_scope(self._settings.graph_url))).token

    def renew_token(self) -> None:
        """Drop the credential, whose cache may hold a token that Graph no longer accepts.

        Other calls may be using it, so it is closed only with the wire.
        """
        self._old_credentials += [self._credential] if self._credential is not None else []
        self._credential = None
        for client in self._clients.clients:
            client.adapter = None

    # One call --------------------------------------------------------------------------------------------

    def _prepared(self, request: Request) -> RequestInformation:
        from kiota_abstractions.method import Method
        from kiota_abstractions.native_response_handler import NativeResponseHandler
        from kiota_abstractions.request_information import RequestInformation
        from kiota_http.middleware.options import ResponseHandlerOption

        call = RequestInformation(
            Method(request.method), "{+baseurl}" + request.path, dict(request.parameters)
        )
        if "://" in request.path:
            self._require_graph(request.path)
            call.url = request.path
        if request.body:
            call.set_stream_content(request.body, "application/json")
        call.headers.try_add("Accept", "application/json")
        for name, value in request.headers.items():
            call.headers.try_add(name, value)
        call.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        return call

    async def _response(self, call: RequestInformation, client: _Client) -> httpx.Response:
        if client.adapter is None:
            client.adapter = self._new_adapter(client.http)
        response: httpx.Response = await client.adapter.send_primitive_async(call, "bytes", {})
        return response

    def _require_graph(self, url: str) -> None:
        """Refuse a nextLink that leads elsewhere: the token would be sent along."""
        try:
            wanted, given = urlsplit(self._settings.graph_url), urlsplit(url)
        except ValueError as error:
            raise ReadError(f"Graph's nextLink is not a URL: {error}") from error
        if (given.scheme, given.netloc.lower()) != (wanted.scheme, wanted.netloc.lower()):
            raise ReadError(f"Graph's nextLink leads to {given.scheme}://{given.netloc}, not to Graph")

    # The connection --------------------------------------------------------------------------------------

    def _current_credential(self) -> BoundedCredential:
        if self._credential is None:
            given = self._given
            self._credential = (
                BoundedCredential(given) if given else default_credential(self._settings.client_id)
            )
        return self._credential

    def _new_client(self) -> _Client:
        import httpx

        http = httpx.AsyncClient(
            base_url=self.url,
            timeout=httpx.Timeout(READ_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            verify=_trusted_authorities(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        )
        return _Client(http)

    def _new_adapter(self, http: httpx.AsyncClient) -> GraphRequestAdapter:
        from kiota_authentication_azure.azure_identity_authentication_provider import (
            AzureIdentityAuthenticationProvider,
        )
        from kiota_http.observability_options import ObservabilityOptions
        from msgraph.graph_request_adapter import GraphRequestAdapter

        url = self._settings.graph_url
        provider = AzureIdentityAuthenticationProvider(
            self._current_credential(),
            scopes=[token_scope(url)],
            allowed_hosts=[urlsplit(url).hostname or ""],
        )
        adapter = GraphRequestAdapter(provider, client=http)
        adapter.base_url = self.url
        # Full URLs would put names and mail addresses into the traces.
        adapter.observability_options = ObservabilityOptions(include_euii_attributes=False)
        return adapter


@cache
def _trusted_authorities(*_paths: str | None) -> ssl.SSLContext:
    """Load the certificates at these paths (SSL_CERT_FILE, SSL_CERT_DIR) once: it takes 70 milliseconds."""
    import httpx

    return httpx.create_ssl_context()


def token_scope(graph_url: str) -> str:
    """Return the scope of a token for this Graph; the sandbox accepts the public cloud's."""
    host = urlsplit(graph_url).hostname or ""
    loopback = host in LOOPBACK
    return "https://graph.microsoft.com/.default" if loopback else f"{graph_url}/.default"
