"""The wire to Graph: one call at a time, with one deadline around all of it, and errors of one kind.

Whatever the libraries below do, a call has ended when its time is up, and whatever they raise is "no answer":
the call may have taken effect, and may be repeated. It is HTTP/1.1, because `$batch` multiplexes already,
and over HTTP/2 exceptions of anyio leave the client when a connection is cut (encode/httpcore 808), and a
server that lowers its number of streams blocks the pool for ever (encode/httpcore 1022).
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from enforcer.concurrency import bounded
from enforcer.credentials import BoundedCredential, default_credential
from enforcer.exceptions import AccessDeniedError, ReadError, UnavailableError
from enforcer.graph.priority import priority_header
from enforcer.graph.reply import Reply, Request, no_reply, not_sent, read_reply
from enforcer.settings import Settings
from enforcer.telemetry import graph_call
from enforcer.values import LOOPBACK

if TYPE_CHECKING:
    import ssl

    import httpx
    from azure.core.credentials_async import AsyncTokenCredential
    from kiota_abstractions.request_information import RequestInformation
    from msgraph.graph_request_adapter import GraphRequestAdapter

READ_SECONDS = 30.0
_CONNECT_SECONDS = 10.0
_CLOSING_SECONDS = 5.0
_CONNECTIONS = 32


@dataclass(slots=True)
class _Line:
    """One HTTP client. After it was given up it lives until the last of its calls has ended."""

    http: httpx.AsyncClient
    adapter: GraphRequestAdapter | None = None
    calls: int = 0
    given_up: bool = False


class Wire:
    """Sends calls to Graph, for one event loop; connects at the first, and closes with `close`.

    Args:
        settings: Where Graph is and who asks.
        seconds: How long a call may take, with its token and its wait for a connection.
        credential: Who asks, where it is not the function's identity. It is not closed here.
    """

    def __init__(
        self, settings: Settings, *, seconds: float, credential: AsyncTokenCredential | None = None
    ) -> None:
        self._settings, self._seconds, self._given = settings, seconds, credential
        self._credential: BoundedCredential | None = None
        self._old_credentials: list[BoundedCredential] = []
        self._line: _Line | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Graph's base URL, with the version."""
        return f"{self._settings.graph_url}/v1.0"

    async def close(self) -> None:
        """Close everything; it connects anew when it is used again."""
        if self._line is not None:
            await _close(self._line.http)
        await asyncio.gather(*self._closing)
        self.renew_token()
        if self._given is None:
            for credential in self._old_credentials:
                await credential.close()
        self._line = None
        self._old_credentials.clear()

    async def send(self, request: Request) -> Reply:
        """Make one call once.

        Raises:
            AccessDeniedError: This identity is refused a token.
            ReadError: The address is not Graph's: the token goes nowhere else.
        """
        import httpx  # noqa: PLC0415 -- heavy: loaded by the first call, not by the function app's start

        call, line = self._prepared(request), self._connected()
        line.calls += 1
        try:
            with graph_call(request.method, request.path, request.parameters) as traced:
                response = await bounded(self._answered(call, line), self._seconds)
                traced.answered(response.status_code, request_id=response.headers.get("request-id", ""))
        except AccessDeniedError:
            raise
        except UnavailableError as error:
            return not_sent(error)
        except httpx.InvalidURL as error:
            raise ReadError(f"Graph's nextLink is not an address: {error}") from error
        except httpx.HTTPError as error:
            return no_reply(error)
        except Exception as error:  # noqa: BLE001 -- time is up, or the library has failed: its pool may be stuck
            self._give_up(line)
            return no_reply(error)
        finally:
            line.calls -= 1
            self._close_if_done(line)
        return read_reply(response.status_code, response.headers, response.content)

    async def token(self) -> str:
        """Return a token for Graph, as the adapter would send it.

        Raises:
            AccessDeniedError: This identity is refused one.
            UnavailableError: Whoever gives tokens does not answer.
        """
        return (await self._asking().get_token(token_scope(self._settings.graph_url))).token

    def renew_token(self) -> None:
        """Forget the credential, whose cache may hold a token that Graph no longer takes.

        Others may be asking it just now, so it is closed in the end only.
        """
        self._old_credentials += [self._credential] if self._credential is not None else []
        self._credential = None
        if self._line is not None:
            self._line.adapter = None

    # One call --------------------------------------------------------------------------------------------

    def _prepared(self, request: Request) -> RequestInformation:
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
        for name, value in priority_header(request.priority).items():
            call.headers.try_add(name, value)
        call.add_request_options([ResponseHandlerOption(NativeResponseHandler())])
        return call

    async def _answered(self, call: RequestInformation, line: _Line) -> httpx.Response:
        response: httpx.Response = await self._adapted(line).send_primitive_async(call, "bytes", {})
        return response

    def _require_graph(self, url: str) -> None:
        """Refuse a nextLink that leads elsewhere: the token would go with it."""
        try:
            wanted, given = urlsplit(self._settings.graph_url), urlsplit(url)
        except ValueError as error:
            raise ReadError(f"Graph's nextLink is not an address: {error}") from error
        if (given.scheme, given.netloc.lower()) != (wanted.scheme, wanted.netloc.lower()):
            raise ReadError(f"Graph's nextLink leads to {given.scheme}://{given.netloc}, not to Graph")

    # The connection --------------------------------------------------------------------------------------

    def _asking(self) -> BoundedCredential:
        """Return the credential of who asks."""
        if self._credential is None:
            given = self._given
            self._credential = (
                BoundedCredential(given) if given else default_credential(self._settings.client_id)
            )
        return self._credential

    def _connected(self) -> _Line:
        if self._line is None:
            self._line = _Line(self._new_client())
        return self._line

    def _new_client(self) -> httpx.AsyncClient:
        import httpx  # noqa: PLC0415

        return httpx.AsyncClient(
            base_url=self.url,
            timeout=httpx.Timeout(READ_SECONDS, connect=_CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            verify=_trusted_authorities(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        )

    def _adapted(self, line: _Line) -> GraphRequestAdapter:
        if line.adapter is None:
            line.adapter = self._new_adapter(line.http)
        return line.adapter

    def _new_adapter(self, http: httpx.AsyncClient) -> GraphRequestAdapter:
        from kiota_authentication_azure.azure_identity_authentication_provider import (  # noqa: PLC0415
            AzureIdentityAuthenticationProvider,
        )
        from kiota_http.observability_options import ObservabilityOptions  # noqa: PLC0415
        from msgraph.graph_request_adapter import GraphRequestAdapter  # noqa: PLC0415

        url = self._settings.graph_url
        provider = AzureIdentityAuthenticationProvider(
            self._asking(), scopes=[token_scope(url)], allowed_hosts=[urlsplit(url).hostname or ""]
        )
        adapter = GraphRequestAdapter(provider, client=http)
        adapter.base_url = self.url
        # The full URL would put names and mail addresses into the traces.
        adapter.observability_options = ObservabilityOptions(include_euii_attributes=False)
        return adapter

    def _give_up(self, line: _Line) -> None:
        """Use this client for no new call: what is stuck in its pool would keep those waiting, too."""
        line.given_up = True
        if self._line is line:
            self._line = None

    def _close_if_done(self, line: _Line) -> None:
        if line.given_up and not line.calls:
            closing = asyncio.create_task(_close(line.http))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)


async def _close(http: httpx.AsyncClient) -> None:
    """Close a client; one that cannot be closed is left to itself."""
    with suppress(Exception):
        await bounded(http.aclose(), _CLOSING_SECONDS)


@cache
def _trusted_authorities(*_places: str | None) -> ssl.SSLContext:
    """Load the certificates of these places (SSL_CERT_FILE, SSL_CERT_DIR) once: it takes 70 milliseconds."""
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context()


def token_scope(graph_url: str) -> str:
    """Return the scope of a token for this Graph; the sandbox takes the public cloud's."""
    host = urlsplit(graph_url).hostname or ""
    loopback = host in LOOPBACK
    return "https://graph.microsoft.com/.default" if loopback else f"{graph_url}/.default"
