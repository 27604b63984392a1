"""Who we are to Graph, and what we may do there: what our own token says."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec

from enforcer.graph.client import GraphClient


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Our own identity.

    Attributes:
        roles: The application permissions that were granted; empty for a person, or where the token does not
            tell. A managed identity's token is cached for up to a day: a new grant may not be in it yet.
    """

    object_id: str
    app_id: str
    roles: frozenset[str]


class _Claims(msgspec.Struct):
    oid: str = ""
    appid: str = ""
    azp: str = ""
    roles: list[str] = msgspec.field(default_factory=list)


async def own_identity(client: GraphClient) -> Identity:
    """Read our own token.

    Raises:
        AccessDeniedError: There is cannot get a token.
    """
    payload = (await client.token()).split(".")[1:2]
    try:
        text = base64.urlsafe_b64decode(payload[0] + "=" * (-len(payload[0]) % 4))
        claims = msgspec.json.decode(text, type=_Claims)
    except (IndexError, binascii.Error, msgspec.MsgspecError):
        claims = _Claims()  # an opaque token; nothing is concluded from it
    return Identity(object_id=claims.oid, app_id=claims.appid or claims.azp, roles=frozenset(claims.roles))
