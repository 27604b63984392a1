"""The managed identity endpoint of App Service and Functions.

Source: App Service, managed identities, REST endpoint reference.
"""

from dataclasses import dataclass, field

from aiohttp import web

from sandbox.directory.ids import new_id
from sandbox.directory.objects import ServicePrincipal
from sandbox.directory.state import Sandbox
from sandbox.directory.tenant import Json
from sandbox.directory.tokens import TokenRequest

API_VERSION = "2019-08-01"


@dataclass(slots=True)
class _Issued:
    token: Json
    at: float


@dataclass(slots=True)
class IdentityEndpoint:
    """`header` is the secret that a process must send in X-IDENTITY-HEADER."""

    sandbox: Sandbox
    header: str = field(default_factory=new_id)
    _issued: dict[tuple[str, str], _Issued] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        if request.headers.get("X-IDENTITY-HEADER") != self.header:
            return _refusal(401, "The identity header is missing or wrong.")
        if request.query.get("api-version") != API_VERSION or not request.query.get("resource"):
            return _refusal(400, f"api-version {API_VERSION} and a resource are required.")
        identity = self._identity(request.query.get("client_id"))
        if identity is None:
            return _refusal(
                400, "No User Assigned or Delegated Managed Identity found for specified ClientId."
            )
        return web.json_response(self._token(identity, request.query["resource"]))

    def _identity(self, client_id: str | None) -> ServicePrincipal | None:
        if not client_id:
            return self.sandbox.tenant.identity
        try:
            found = self.sandbox.tenant.application(client_id)
        except LookupError:
            return None
        return found if found.service_principal_type == "ManagedIdentity" else None

    def _token(self, identity: ServicePrincipal, resource: str) -> Json:
        # The platform keeps returning its cached token: new permissions take effect late.
        known = self._issued.get((identity.id, resource))
        now = self.sandbox.clock.seconds()
        if known and now - known.at < self.sandbox.settings.identity_cache_seconds:
            return known.token
        seconds = self.sandbox.settings.token_seconds
        token_request = TokenRequest(audience=resource, app=identity.app_id, seconds=seconds)
        token = {
            "access_token": self.sandbox.tokens.issue(token_request),
            "client_id": identity.app_id,
            "expires_on": str(int(self.sandbox.clock.now().timestamp()) + seconds),
            "not_before": str(int(self.sandbox.clock.now().timestamp())),
            "resource": resource,
            "token_type": "Bearer",
        }
        self._issued[identity.id, resource] = _Issued(token, now)
        return token


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"statusCode": status, "message": message}, status=status)
