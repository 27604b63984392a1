"""Who gives a command: whom Entra issues the token to, never a name that this machine is told."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable

import msgspec

from enforcer.core.actors import Actor, actor_id
from enforcer.core.exceptions import AccessDeniedError, UnavailableError
from enforcer.core.keys import is_key, normalised
from enforcer.services import Services


class _Claims(msgspec.Struct, frozen=True):
    """What a token for Graph says about its holder; Graph checks it, this only reads it."""

    oid: str
    idtyp: str = ""
    name: str = ""
    app_displayname: str = ""
    upn: str = ""
    preferred_username: str = ""


def as_actor[T](work: Callable[[Services, Actor], Awaitable[T]]) -> Callable[[Services], Awaitable[T]]:
    """Return work that is told who gives the command; nothing is begun without knowing."""

    async def working(services: Services) -> T:
        return await work(services, await signed_in(services))

    return working


async def signed_in(services: Services) -> Actor:
    """Return who gives the command.

    Raises:
        AccessDeniedError, UnavailableError: There is no token, or it does not say.
    """
    try:
        token = await services.graph.token()
    except (AccessDeniedError, UnavailableError) as error:
        raise type(error)(
            f"nobody is signed in, so nothing was done: records name whoever acts. Run az login. ({error})"
        ) from error
    return _holder(token)


def _holder(token: str) -> Actor:
    body = [*token.split("."), ""][1]
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=_Claims)
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise AccessDeniedError(
            "the token for Graph does not say whose it is, so nothing was done"
        ) from error
    # Tokens of managed identities say so; the azp of people's tokens is the program's.
    is_app = claims.idtyp == "app"
    return Actor(
        id=actor_id(object_id=claims.oid, is_app=is_app),
        name=claims.app_displayname if is_app else claims.name,
        addresses=frozenset(normalised(a) for a in (claims.upn, claims.preferred_username) if is_key(a)),
    )
