"""Access control: every request brings a token, and a browser's must come from our own page."""

from __future__ import annotations

import os
from enum import StrEnum
from urllib.parse import urlsplit

from enforcer.core.settings import Settings
from enforcer.web.messages import Request
from enforcer.web.problems import Code, ProblemError
from enforcer.web.signing_keys import KeyRing
from enforcer.web.tokens import Caller, InvalidTokenError, TokenVerifier

READ_ROLE = "Contractors.Read"

# App Service authentication puts the ID token of the browser's session here. The header beside it,
# X-MS-CLIENT-PRINCIPAL, is not signed: anybody can write it, so it is never read.
SESSION_TOKEN = "x-ms-token-aad-id-token"  # noqa: S105
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Access(StrEnum):
    """What a route requires of its caller."""

    ANYBODY = "anybody"
    LOOK = "look"
    CHANGE = "change"


class Gate:
    """Admits callers, or says why not."""

    def __init__(self, settings: Settings, keys: KeyRing) -> None:
        self._settings = settings
        self._verifier = TokenVerifier(settings, keys)

    async def admit(self, request: Request, access: Access) -> Caller:
        """Return the caller, if they are allowed in.

        Raises:
            ProblemError: They are not (401, 403).
            UnavailableError: It cannot be decided, because the tenant's keys cannot be fetched.
        """
        if access is Access.ANYBODY:
            return Caller(actor="", roles=frozenset())
        self._require_configuration()
        caller = await self._identify(_token(request))
        _require_role(caller, self._roles(access))
        return caller

    def _require_configuration(self) -> None:
        if not self._settings.tenant_id or not self._settings.api_audience:
            raise ProblemError(
                403,
                Code.NOT_CONFIGURED,
                "The HTTP API is not configured, so it admits nobody: set ENFORCER_TENANT_ID and"
                " ENFORCER_API_AUDIENCE to the tenant and audience of its tokens.",
            )

    async def _identify(self, token: str) -> Caller:
        try:
            return await self._verifier.verify(token)
        except InvalidTokenError as error:
            raise ProblemError(
                401,
                Code.INVALID_TOKEN,
                f"The token is not accepted: {error}.",
                headers={"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{error}"'},
            ) from error

    def _roles(self, access: Access) -> tuple[str, ...]:
        change = self._settings.api_role
        return (change,) if access is Access.CHANGE else (change, READ_ROLE)


def _token(request: Request) -> str:
    """Return the request's token: its own, or that of the browser's session."""
    authorization = request.headers.get("authorization", "").strip()
    if authorization:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
    elif session := request.headers.get(SESSION_TOKEN, "").strip():
        require_own_page(request)
        return session
    raise ProblemError(
        401,
        Code.NO_TOKEN,
        "Send an access token of this tenant for this API: Authorization: Bearer …",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _require_role(caller: Caller, wanted: tuple[str, ...]) -> None:
    if caller.roles.isdisjoint(wanted):
        raise ProblemError(
            403,
            Code.MISSING_ROLE,
            f"This requires the app role {' or '.join(wanted)}; {caller.actor} does not hold it.",
            headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
        )


def require_own_page(request: Request) -> None:
    """Make sure that a request with a session comes from our own page.

    The browser adds the session's cookie to every request that any site makes it send. It also says where
    the request comes from, in headers that a page cannot write (Fetch Metadata; RFC 6454). A link to a `GET`
    is harmless, because no other site can read the answer.

    Raises:
        ProblemError: It comes from elsewhere, or does not say where it comes from (403).
    """
    site = request.headers.get("sec-fetch-site", "")
    if request.method.upper() in _SAFE_METHODS:
        own = site in {"", "same-origin", "none"} or request.headers.get("sec-fetch-mode") == "navigate"
    elif site:
        own = site == "same-origin"
    else:
        own = _names_us(request)
    if not own:
        raise ProblemError(403, Code.OTHER_SITE, "The request does not come from this site's own page.")


def _names_us(request: Request) -> bool:
    """Whether `Origin` is us, for browsers that do not send Fetch Metadata."""
    origin = urlsplit(request.headers.get("origin", "")).netloc.lower()
    # No page can write any of these; behind App Service's front ends `Host` need not be the public name.
    names = (
        request.headers.get("host", ""),
        request.headers.get("x-forwarded-host", ""),
        os.environ.get("WEBSITE_HOSTNAME", ""),
    )
    return origin != "" and origin in {name.lower() for name in names if name}
