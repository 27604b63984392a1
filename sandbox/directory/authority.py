"""Entra as an authority: its published signing keys, and the client credentials grant.

Source: Microsoft identity platform, OpenID Connect and the client credentials flow.
"""

from dataclasses import dataclass

from aiohttp import web

from sandbox.directory.state import Sandbox
from sandbox.directory.tokens import TokenRequest

_DEFAULT_SCOPE = "/.default"


@dataclass(slots=True)
class Authority:
    sandbox: Sandbox

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/{tenant}/v2.0/.well-known/openid-configuration", self.configuration),
            web.get("/{tenant}/discovery/v2.0/keys", self.published_keys),
            web.post("/{tenant}/oauth2/v2.0/token", self.token),
        ]

    async def configuration(self, request: web.Request) -> web.Response:
        if not self._knows(request):
            return self._stranger(request)
        base = f"{self.sandbox.url}/{self.sandbox.tenant.tenant_id}"
        return web.json_response(
            {
                "issuer": self.sandbox.tokens.issuer,
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
                "response_types_supported": ["code", "id_token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "oid", "name", "roles"],
            }
        )

    async def published_keys(self, request: web.Request) -> web.Response:
        if not self._knows(request):
            return self._stranger(request)
        issuer = self.sandbox.tokens.issuer
        return web.json_response({"keys": [key.published(issuer) for key in self.sandbox.keys.keys]})

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        client_id, secret = str(form.get("client_id", "")), form.get("client_secret")
        scope = str(form.get("scope", ""))
        if form.get("grant_type") != "client_credentials" or not scope.endswith(_DEFAULT_SCOPE):
            return _refusal(400, "invalid_request", "AADSTS1002012: only client credentials for /.default.")
        try:
            application = self.sandbox.tenant.application(client_id)
        except LookupError:
            return _refusal(400, "unauthorized_client", "AADSTS700016: Application was not found.")
        if application.secret is None or secret != application.secret:
            return _refusal(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        token_request = TokenRequest(audience=scope.removesuffix(_DEFAULT_SCOPE), app=application.app_id)
        return web.json_response(
            {
                "token_type": "Bearer",
                "expires_in": token_request.seconds,
                "ext_expires_in": token_request.seconds,
                "access_token": self.sandbox.tokens.issue(token_request),
            }
        )

    def _knows(self, request: web.Request) -> bool:
        tenant = self.sandbox.tenant
        return request.match_info["tenant"].lower() in (
            tenant.tenant_id,
            tenant.domain,
            "common",
            "organizations",
        )

    def _stranger(self, request: web.Request) -> web.Response:
        name = request.match_info["tenant"]
        return _refusal(400, "invalid_tenant", f"AADSTS90002: Tenant '{name}' not found.")


def _refusal(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)
