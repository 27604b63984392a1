"""Checks that a token is from our tenant and for this API, and says whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from enforcer.core.actors import Actor, actor_id
from enforcer.core.keys import is_key, normalised
from enforcer.core.plain_text import plain
from enforcer.core.settings import Settings
from enforcer.web.signing_keys import KeyRing

if TYPE_CHECKING:
    from jwt import PyJWK

# Entra signs with nothing else. What the token itself says is not trusted.
ALGORITHM = "RS256"
_LONGEST_NAME = 256
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
        actor: Who they are; what they may do follows from `roles` alone.
        roles: The app roles of this API that they hold.
        app_ids: The IDs of an application that calls for itself; empty for people.
    """

    actor: Actor
    roles: frozenset[str]
    app_ids: frozenset[str] = frozenset()


class TokenVerifier:
    """Checks tokens for one tenant and one audience."""

    def __init__(self, settings: Settings, keys: KeyRing) -> None:
        self._tenant_id = settings.tenant_id
        self._audiences = _audiences(settings.api_audience)
        self._issuers = issuers(settings)
        self._keys = keys

    async def verify(self, token: str) -> Caller:
        """Return whose access token this is.

        Raises:
            InvalidTokenError: It is malformed, not of our tenant, not for this API, not valid now, or not an
                access token.
            UnavailableError: It cannot be checked, because the keys cannot be fetched.
        """
        claims = await self._verified(token)
        if not (_text(claims, "scp").strip() or claims.get("idtyp") == "app"):
            raise InvalidTokenError("it is not an access token: it has neither scp nor idtyp=app")
        return _caller(claims)

    async def verify_session(self, token: str) -> Caller:
        """Return who is signed in to the page with this ID token. Raises: as `verify`."""
        claims = await self._verified(token)
        if claims.get("idtyp") == "app":
            raise InvalidTokenError("an application does not sign in to the page")
        return _caller(claims)

    async def _verified(self, token: str) -> dict[str, Any]:
        key = await self._keys.find(_key_id(token))
        if key is None:
            raise InvalidTokenError("the tenant publishes no key that could have signed it")
        return self._claims(token, key)

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


def issuers(settings: Settings) -> Sequence[str]:
    """Return the issuers of the tenant's tokens, of either version."""
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


# The first three are the same address in tokens of different versions; any may be missing.
_ADDRESSES = ("preferred_username", "upn", "unique_name", "email")


def _caller(claims: dict[str, Any]) -> Caller:
    """Return whose token this is (access token claims reference, Microsoft identity platform)."""
    object_id, client_id = _text(claims, "oid"), _text(claims, "azp") or _text(claims, "appid")
    is_app = claims.get("idtyp") == "app"
    if not (object_id or (is_app and client_id)):
        raise InvalidTokenError("it does not say whose it is")
    actor = Actor(
        id=actor_id(object_id=object_id or client_id, is_app=is_app),
        name=plain(_text(claims, "name"))[:_LONGEST_NAME].strip(),
        addresses=frozenset(normalised(text) for name in _ADDRESSES if is_key(text := _text(claims, name))),
    )
    app_ids = frozenset({object_id.lower(), client_id.lower()} - {""}) if is_app else frozenset()
    return Caller(actor=actor, roles=_roles(claims), app_ids=app_ids)


def _roles(claims: dict[str, Any]) -> frozenset[str]:
    roles = claims.get("roles")
    return (
        frozenset(role for role in roles if isinstance(role, str)) if isinstance(roles, list) else frozenset()
    )


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
