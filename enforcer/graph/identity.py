"""Our own identity and permissions in Graph, as our token states them."""

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
        roles: The granted application permissions; empty for a person, or if the token does not say. A
        managed
            identity's token is cached for up to a day: a new grant may be missing.
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
        AccessDeniedError: This identity is refused a token.
    """
    payload = (await client.token()).split(".")[1:2]
    try:
        text = base64.urlsafe_b64decode(payload[0] + "=" * (-len(payload[0]) % 4))
        claims = msgspec.json.decode(text, type=_Claims)
    except (IndexError, binascii.Error, msgspec.MsgspecError):
        claims = _Claims()  # an opaque token; nothing is concluded from it
    return Identity(object_id=claims.oid, app_id=claims.appid or claims.azp, roles=frozenset(claims.roles))
