"""Checks that a token is from our tenant and for this API, and says whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from enforcer.core.settings import Settings
from enforcer.web.signing_keys import KeyRing

if TYPE_CHECKING:
    from jwt import PyJWK

# Entra signs with nothing else. What the token itself says is not trusted.
ALGORITHM = "RS256"
LEEWAY_SECONDS = 60  # clocks differ a little
_REQUIRED = ["aud", "exp", "iat", "iss", "nbf", "tid"]

# The issuers of version 1.0 tokens in each cloud; the API's app registration chooses the version.
_ISSUERS_V1 = {
    "login.microsoftonline.com": "https://sts.windows.net",
    "login.microsoftonline.us": "https://sts.windows.net",
    "login.partner.microsoftonline.cn": "https://sts.chinacloudapi.cn",
}


class InvalidTokenError(Exception):
    """The token is not accepted; the text says why, and quotes none of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller of a request.

    Attributes:
        actor: `user:` or `app:` and the object ID in our tenant, for the ledger.
        roles: The app roles of this API that they hold.
    """

    actor: str
    roles: frozenset[str]


class TokenVerifier:
    """Checks tokens for one tenant and one audience."""

    def __init__(self, settings: Settings, keys: KeyRing) -> None:
        self._tenant_id = settings.tenant_id
        self._audiences = _audiences(settings.api_audience)
        self._issuers = _issuers(settings)
        self._keys = keys

    async def verify(self, token: str) -> Caller:
        """Return whose token this is.

        Raises:
            InvalidTokenError: It is malformed, not of our tenant, not for this API, or not valid now.
            UnavailableError: It cannot be checked, because the keys cannot be fetched.
        """
        key = await self._keys.find(_key_id(token))
        if key is None:
            raise InvalidTokenError("the tenant publishes no key that could have signed it")
        return _caller(self._claims(token, key))

    def _claims(self, token: str, key: PyJWK) -> dict[str, Any]:
        import jwt

        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._audiences,
                issuer=self._issuers,
                leeway=LEEWAY_SECONDS,
                options={"require": _REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise InvalidTokenError(_reason(error)) from error
        if str(claims["tid"]).lower() != self._tenant_id:
            raise InvalidTokenError("it is from another tenant")
        return claims


def _key_id(token: str) -> str:
    import jwt

    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise InvalidTokenError("it is not a JSON Web Token") from error
    if header.get("alg") != ALGORITHM:
        raise InvalidTokenError(f"it is not signed with {ALGORITHM}")
    return str(header.get("kid", ""))


def _audiences(audience: str) -> Sequence[str]:
    """Return both forms of the audience: version 2.0 tokens have the bare client ID, others the URI."""
    bare = audience.removeprefix("api://")
    return (bare, f"api://{bare}")


def _issuers(settings: Settings) -> Sequence[str]:
    issuer = f"{settings.authority_url}/{settings.tenant_id}/v2.0"
    older = _ISSUERS_V1.get(urlsplit(settings.authority_url).hostname or "")
    return (issuer, f"{older}/{settings.tenant_id}/") if older else (issuer,)


def _reason(error: Exception) -> str:
    import jwt

    reasons: dict[type[Exception], str] = {
        jwt.ExpiredSignatureError: "it has expired",
        jwt.ImmatureSignatureError: "it is not valid yet",
        jwt.InvalidAudienceError: "it is for another audience",
        jwt.InvalidIssuerError: "it is from another issuer",
        jwt.InvalidSignatureError: "its signature is wrong",
        jwt.MissingRequiredClaimError: "it lacks a claim that every Entra token has",
    }
    return next((text for kind, text in reasons.items() if isinstance(error, kind)), "it is not well-formed")


def _caller(claims: dict[str, Any]) -> Caller:
    object_id, client_id = _text(claims, "oid"), _text(claims, "azp") or _text(claims, "appid")
    roles = claims.get("roles")
    held = frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else ()
    if _is_app(claims) and (object_id or client_id):
        return Caller(actor=f"app:{object_id or client_id}", roles=frozenset(held))
    if object_id:
        return Caller(actor=f"user:{object_id}", roles=frozenset(held))
    raise InvalidTokenError("it does not say whose it is")


def _is_app(claims: dict[str, Any]) -> bool:
    """Whether this is an application's own token, not a person's.

    `idtyp` says so where the API's app registration requests that claim; without it, an application's token
    has its object ID as subject and no scopes (access token claims reference, Microsoft identity platform).
    """
    kind = claims.get("idtyp")
    if kind is not None:
        return bool(kind == "app")
    return "scp" not in claims and claims.get("sub") == claims.get("oid")


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
