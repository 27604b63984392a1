"""Access control: every request brings a token, and a browser's must come from our own page."""

from __future__ import annotations

import os
from dataclasses import replace
from urllib.parse import urlsplit

from enforcer.core.actors import Actor
from enforcer.core.settings import Settings
from enforcer.web.messages import Request
from enforcer.web.problems import Code, ProblemError, missing_role
from enforcer.web.roles import Access, sufficient_roles
from enforcer.web.signing_keys import KeyRing
from enforcer.web.tokens import Caller, InvalidTokenError, TokenVerifier

# App Service authentication puts the ID token of the browser's session here. The header beside it,
# X-MS-CLIENT-PRINCIPAL, is not signed: anybody can write it, so it is never read.
SESSION_TOKEN = "x-ms-token-aad-id-token"  # noqa: S105
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


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
            return Caller(actor=Actor(id=""), roles=frozenset())
        self._require_configuration()
        caller = await self._identify(request)
        require_role(caller, access, self._settings)
        may_shorten = holds_role(caller, Access.OFFBOARD, self._settings)
        return replace(caller, actor=replace(caller.actor, may_shorten=may_shorten))

    def _require_configuration(self) -> None:
        if not self._settings.tenant_id or not self._settings.api_audience:
            raise ProblemError(
                403,
                Code.NOT_CONFIGURED,
                "The HTTP API is not configured, so it admits nobody: set ENFORCER_TENANT_ID and"
                " ENFORCER_API_AUDIENCE to the tenant and audience of its tokens.",
            )

    async def _identify(self, request: Request) -> Caller:
        try:
            if (token := _bearer_token(request)) is not None:
                return await self._verifier.verify(token)
            return await self._verifier.verify_session(_session_token(request))
        except InvalidTokenError as error:
            raise ProblemError(
                401,
                Code.INVALID_TOKEN,
                f"The token is not accepted: {error}.",
                headers={"WWW-Authenticate": f'Bearer error="invalid_token", error_description="{error}"'},
            ) from error


def _bearer_token(request: Request) -> str | None:
    """Return the token that the request brings of its own; None if it brings none."""
    authorization = request.headers.get("authorization", "").strip()
    if not authorization:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise _no_token()
    return token.strip()


def _session_token(request: Request) -> str:
    """Return the ID token of the browser's session: the one place for one."""
    if session := request.headers.get(SESSION_TOKEN, "").strip():
        require_own_page(request)
        return session
    raise _no_token()


def _no_token() -> ProblemError:
    return ProblemError(
        401,
        Code.NO_TOKEN,
        "Send an access token of this tenant for this API: Authorization: Bearer …",
        headers={"WWW-Authenticate": "Bearer"},
    )


def holds_role(caller: Caller, access: Access, settings: Settings) -> bool:
    """Whether the caller holds a role that suffices."""
    return not caller.roles.isdisjoint(sufficient_roles(access, settings))


def require_role(caller: Caller, access: Access, settings: Settings) -> None:
    """Make sure that the caller holds a role that suffices.

    Raises:
        ProblemError: They do not (403).
    """
    if not holds_role(caller, access, settings):
        wanted = " or ".join(sufficient_roles(access, settings))
        raise missing_role(f"This requires the app role {wanted}; {caller.actor.id} does not hold it.")


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
