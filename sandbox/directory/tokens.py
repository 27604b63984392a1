"""Tokens as Entra issues them, valid and flawed, and how Graph validates them."""

import hmac
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from uuid import UUID, uuid5

import jwt
import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode
from msgspec import Struct

from sandbox.directory.clock import Clock
from sandbox.directory.errors import GraphError, unauthenticated
from sandbox.directory.ids import new_id
from sandbox.directory.keys import FORGERS_KEY, SigningKeys, signing_key
from sandbox.directory.messages import Caller
from sandbox.directory.objects import DirectoryObject, ServicePrincipal, User
from sandbox.directory.permissions import GRAPH_APP_ID
from sandbox.directory.tenant import Json, Tenant

# The client in people's tokens unless told otherwise: the Azure command line.
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"

_GRAPH_AUDIENCES = frozenset({GRAPH_APP_ID, "https://graph.microsoft.com"})
_REMEMBERED = 1_000


class Flaw(StrEnum):
    """What is wrong with a token."""

    NONE = "none"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    OTHER_AUDIENCE = "other_audience"
    OTHER_TENANT = "other_tenant"
    OTHER_ISSUER = "other_issuer"
    # Signed with a foreign key that claims to be ours, or with an unpublished key.
    FORGED_SIGNATURE = "forged_signature"
    UNKNOWN_KEY = "unknown_key"
    # Not signed at all, or "signed" with the public key as a shared secret.
    ALG_NONE = "alg_none"
    SHARED_SECRET = "shared_secret"
    NO_ROLES = "no_roles"


class TokenKind(StrEnum):
    ACCESS = "access"
    # What a browser's session has: it says who somebody is, and lets them call nothing.
    ID = "id"


class TokenRequest(Struct, kw_only=True, forbid_unknown_fields=True):
    """A token for a user, or an application by itself, and an audience. `roles`: None means as assigned."""

    audience: str
    user: str | None = None
    app: str | None = None
    roles: list[str] | None = None
    scopes: list[str] | None = None
    seconds: int = 3_600
    kind: TokenKind = TokenKind.ACCESS
    flaw: Flaw = Flaw.NONE


@dataclass(frozen=True, slots=True)
class _Accepted:
    caller: Caller
    not_before: float
    expires: float


@dataclass(slots=True)
class TokenOffice:
    tenant: Tenant
    clock: Clock
    keys: SigningKeys
    url: str
    _accepted: dict[str, _Accepted] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"{self.url}/{self.tenant.tenant_id}/v2.0"

    def issue(self, request: TokenRequest) -> str:
        """Issue a token. Raises LookupError for a user or application that the tenant does not have."""
        claims = self._claims(request)
        _spoil(claims, request.flaw)
        return self._signed(claims, request.flaw)

    def authenticate(self, authorization: str) -> Caller:
        """Return the caller whose Graph token is in this Authorization header. Raises GraphError (401)."""
        token = authorization.partition(" ")[2].strip()
        if not authorization.lower().startswith("bearer ") or not token:
            raise self._refusal("Access token is empty.")
        accepted = self._accepted.get(token) or self._accept(token)
        now = self.clock.now().timestamp()
        if not accepted.not_before <= now < accepted.expires:
            raise self._refusal("Lifetime validation failed, the token is expired.")
        return accepted.caller

    def forget(self) -> None:
        """Validate every token again, since the keys have changed."""
        self._accepted.clear()

    def is_graph(self, audience: str) -> bool:
        return audience.rstrip("/") in _GRAPH_AUDIENCES | {self.url}

    def resource(self, audience: str) -> ServicePrincipal | None:
        """Return the application that an audience names, if the tenant has it."""
        try:
            return self.tenant.application(GRAPH_APP_ID if self.is_graph(audience) else audience)
        except LookupError:
            return None

    def _claims(self, request: TokenRequest) -> Json:
        now = int(self.clock.now().timestamp())
        claims: Json = {
            "aud": request.audience,
            "iss": self.issuer,
            "iat": now,
            "nbf": now,
            "exp": now + request.seconds,
            "tid": self.tenant.tenant_id,
            "ver": "1.0" if self.is_graph(request.audience) else "2.0",
            "uti": new_id(),
        }
        claims |= self._person(request) if request.user else self._application(request)
        client = "appid" if self.is_graph(request.audience) else "azp"
        return claims | {client: request.app or AZURE_CLI}

    def _person(self, request: TokenRequest) -> Json:
        user = self.tenant.user(request.user or "")
        if user is None:
            raise LookupError(request.user)
        roles = self._roles(user, request)
        return (
            {
                "oid": user.id,
                # Differs from application to application, as in Entra.
                "sub": str(uuid5(UUID(user.id), request.audience)),
                "name": user.display_name,
                "preferred_username": user.user_principal_name,
            }
            | (_SESSION if request.kind is TokenKind.ID else _access(request))
            | ({"roles": roles} if roles else {})
        )

    def _application(self, request: TokenRequest) -> Json:
        application = self.tenant.application(request.app or "")
        roles = self._roles(application, request)
        return {"oid": application.id, "sub": application.id, "idtyp": "app"} | (
            {"roles": roles} if roles else {}
        )

    def _roles(self, holder: DirectoryObject, request: TokenRequest) -> list[str]:
        if request.roles is not None:
            return request.roles
        resource = self.resource(request.audience)
        if resource is None:
            return []
        # A group's roles apply to its direct members only.
        groups = self.tenant.groups_of(holder.id) if isinstance(holder, User) else set()
        return sorted({role for one in (holder.id, *groups) for role in self.tenant.roles_of(one, resource)})

    def _signed(self, claims: Json, flaw: Flaw) -> str:
        signer = self.keys.signer
        stranger = signing_key(FORGERS_KEY)
        if flaw is Flaw.ALG_NONE:
            return jwt.encode(claims, "", algorithm="none", headers={"kid": signer.key_id})
        if flaw is Flaw.SHARED_SECRET:
            return _signed_with_public_key(claims, self.keys)
        key = stranger if flaw in (Flaw.FORGED_SIGNATURE, Flaw.UNKNOWN_KEY) else signer
        key_id = stranger.key_id if flaw is Flaw.UNKNOWN_KEY else signer.key_id
        return jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key_id, "x5t": key_id})

    def _accept(self, token: str) -> _Accepted:
        claims = self._verified(token)
        held = (*claims.get("roles", ()), *claims.get("scp", "").split())
        caller = Caller(
            app_id=claims.get("appid") or claims.get("azp", ""),
            object_id=claims["oid"],
            permissions=frozenset(held),
        )
        if len(self._accepted) >= _REMEMBERED:
            self._accepted.clear()
        return self._accepted.setdefault(token, _Accepted(caller, claims["nbf"], claims["exp"]))

    def _verified(self, token: str) -> Json:
        try:
            key = self.keys.find(jwt.get_unverified_header(token).get("kid", ""))
            if key is None:
                raise self._refusal("Access token validation failure. Signature validation failed.")
            claims: Json = jwt.decode(
                token,
                key.private.public_key(),
                algorithms=["RS256"],
                issuer=self.issuer,
                # The sandbox's own clock decides about times.
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.DecodeError as error:
            raise self._refusal("IDX14100: JWT is not well formed.") from error
        except jwt.InvalidTokenError as error:
            raise self._refusal("Access token validation failure.") from error
        if not self.is_graph(claims["aud"]):
            raise self._refusal("Access token validation failure. Invalid audience.")
        return claims

    def _refusal(self, message: str) -> GraphError:
        return unauthenticated(message, f"{self.url}/common/oauth2/authorize")


_SESSION: Json = {"nonce": "of-the-session"}


def _access(request: TokenRequest) -> Json:
    scopes = request.scopes if request.scopes is not None else ["user_impersonation"]
    return {"scp": " ".join(scopes), "idtyp": "user"}


def _spoil(claims: Json, flaw: Flaw) -> None:
    hour = int(timedelta(hours=1).total_seconds())
    match flaw:
        case Flaw.EXPIRED:
            claims |= {name: claims[name] - 2 * hour for name in ("iat", "nbf")} | {
                "exp": claims["iat"] - hour
            }
        case Flaw.NOT_YET_VALID:
            claims |= {name: claims[name] + hour for name in ("iat", "nbf", "exp")}
        case Flaw.OTHER_AUDIENCE:
            claims["aud"] = f"api://{new_id()}"
        case Flaw.OTHER_TENANT:
            stranger = new_id()
            claims |= {"tid": stranger, "iss": claims["iss"].replace(claims["tid"], stranger)}
        case Flaw.OTHER_ISSUER:
            claims["iss"] = f"https://sts.example/{claims['tid']}/v2.0"
        case Flaw.NO_ROLES:
            claims.pop("roles", None)
        case _:
            pass


def _signed_with_public_key(claims: Json, keys: SigningKeys) -> str:
    """The classic attack: a verifier that trusts the token's algorithm checks HMAC with the public key."""
    public = keys.signer.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "JWT", "kid": keys.signer.key_id}
    signed = b".".join(base64url_encode(msgspec.json.encode(part)) for part in (header, claims))
    return (signed + b"." + base64url_encode(hmac.digest(public, signed, "sha256"))).decode()
