from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from freezegun import freeze_time

from enforcer.core.settings import Mode, Settings
from enforcer.web.signing_keys import KeyRing
from enforcer.web.tokens import LEEWAY_SECONDS, InvalidTokenError, TokenVerifier

pytestmark = pytest.mark.anyio

TENANT = "11111111-2222-4333-8444-555555555555"
CLIENT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
PERSON = "99999999-8888-4777-8666-555555555555"
_KEY = generate_private_key(public_exponent=65_537, key_size=2_048)
_NOW = 1_800_000_000


class _Ring(KeyRing):
    """A ring that needs no authority."""

    def __init__(self) -> None:
        super().__init__("", clock=lambda: 0.0)
        self.put(_KEY)

    def put(self, key: RSAPrivateKey) -> None:
        document = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._keys, self._fetched_at = {"k": jwt.PyJWK(document | {"kid": "k"})}, 0.0


def _verifier(**settings: Any) -> TokenVerifier:
    given = {
        "group_ids": (),
        "mode": Mode.REPORT,
        "tenant_id": TENANT,
        "api_audience": f"api://{CLIENT}",
    } | settings
    return TokenVerifier(Settings(**given), _Ring())


def _claims(**changes: Any) -> dict[str, Any]:
    claims = {
        "aud": CLIENT,
        "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
        "iat": _NOW,
        "nbf": _NOW,
        "exp": _NOW + 3600,
        "tid": TENANT,
        "oid": PERSON,
        "sub": "pairwise",
        "scp": "user_impersonation",
        "roles": ["Contractors.Read"],
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def _token(key: RSAPrivateKey = _KEY, headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(_claims(**changes), key, algorithm="RS256", headers=headers or {"kid": "k"})


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    # Not for pytest, or it could not tell how long a test takes.
    with freeze_time("2027-01-15T08:00:00Z", ignore=["_pytest"]):
        yield


async def test_a_good_token_tells_who_asks_and_his_roles() -> None:
    caller = await _verifier().verify(_token())
    assert (caller.actor.id, caller.roles) == (f"user:{PERSON}", frozenset({"Contractors.Read"}))


@pytest.mark.parametrize(
    ("configured", "named"),
    [
        (CLIENT, CLIENT),
        (CLIENT, f"api://{CLIENT}"),
        (f"api://{CLIENT}", CLIENT),
        (f"api://{CLIENT}", f"api://{CLIENT}"),
        ("api://contoso.example/enforcer", "api://contoso.example/enforcer"),
    ],
)
async def test_the_audience_may_have_either_form(configured: str, named: str) -> None:
    caller = await _verifier(api_audience=configured).verify(_token(aud=named))
    assert caller.actor.id == f"user:{PERSON}"


@pytest.mark.parametrize(
    ("authority", "issuer"),
    [
        ("https://login.microsoftonline.com", "https://sts.windows.net"),
        ("https://login.microsoftonline.us", "https://sts.windows.net"),
        ("https://login.partner.microsoftonline.cn", "https://sts.chinacloudapi.cn"),
    ],
)
async def test_tokens_of_version_1_are_taken_from_the_clouds_own_issuer(authority: str, issuer: str) -> None:
    token = _token(iss=f"{issuer}/{TENANT}/", scp=None, idtyp="app", appid=CLIENT)
    assert (await _verifier(authority_url=authority).verify(token)).actor.id == f"app:{PERSON}"


@pytest.mark.parametrize(
    ("claims", "actor"),
    [
        ({"idtyp": "app", "scp": None}, f"app:{PERSON}"),
        ({"idtyp": "app", "scp": None, "oid": None, "azp": CLIENT}, f"app:{CLIENT}"),
        ({"idtyp": "user", "sub": PERSON}, f"user:{PERSON}"),
    ],
)
async def test_people_and_applications_are_told_apart(claims: dict[str, Any], actor: str) -> None:
    assert (await _verifier().verify(_token(**claims))).actor.id == actor


@pytest.mark.parametrize("roles", [None, "Contractors.Offboard", {"Contractors.Offboard": 1}, [7]])
async def test_roles_of_an_unknown_form_are_no_roles(roles: object) -> None:
    assert (await _verifier().verify(_token(roles=roles))).roles == frozenset()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": _NOW - LEEWAY_SECONDS}, "expired"),
        ({"nbf": _NOW + LEEWAY_SECONDS + 1}, "not valid yet"),
        ({"iat": _NOW + LEEWAY_SECONDS + 1}, "not valid yet"),
        ({"aud": "api://other"}, "audience"),
        ({"aud": [f"api://{CLIENT}x"]}, "audience"),
        ({"iss": f"https://login.microsoftonline.com/{TENANT}/"}, "issuer"),
        ({"iss": f"https://evil.example/{TENANT}/v2.0"}, "issuer"),
        ({"tid": CLIENT}, "tenant"),
        ({"tid": None}, "claim"),
        ({"exp": None}, "claim"),
        ({"nbf": None}, "claim"),
        ({"iat": None}, "claim"),
        ({"aud": None}, "claim"),
        ({"iss": None}, "claim"),
        ({"oid": None}, "whose"),
        ({"exp": "soon"}, "well-formed"),
    ],
)
async def test_what_is_wrong_with_a_claim_is_said(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidTokenError, match=reason):
        await _verifier().verify(_token(**changes))


async def test_clocks_may_differ_by_a_minute() -> None:
    late = _token(exp=_NOW - LEEWAY_SECONDS + 1)
    early = _token(nbf=_NOW + LEEWAY_SECONDS, iat=_NOW + LEEWAY_SECONDS)
    for token in (late, early):
        assert (await _verifier().verify(token)).actor.id == f"user:{PERSON}"


async def test_a_token_signed_by_somebody_else_under_our_keys_name_is_refused() -> None:
    stranger = generate_private_key(public_exponent=65_537, key_size=2_048)
    with pytest.raises(InvalidTokenError, match="signature"):
        await _verifier().verify(_token(stranger))


async def test_a_key_that_the_token_brings_along_is_not_used() -> None:
    stranger = generate_private_key(public_exponent=65_537, key_size=2_048)
    own = jwt.algorithms.RSAAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
    with pytest.raises(InvalidTokenError, match="signature"):
        await _verifier().verify(_token(stranger, {"kid": "k", "jwk": own, "jku": "https://evil.example"}))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "." * 2,
        jwt.encode(_claims(), "", algorithm="none", headers={"kid": "k"}),
        jwt.encode(_claims(), "secret" * 8, algorithm="HS256", headers={"kid": "k"}),
        jwt.encode(_claims(), _KEY, algorithm="RS512", headers={"kid": "k"}),
        jwt.encode(_claims(), _KEY, algorithm="PS256", headers={"kid": "k"}),
        jwt.encode(_claims(), _KEY, algorithm="RS256", headers={"kid": "other"}),
        jwt.encode(_claims(), _KEY, algorithm="RS256"),
        _token()[:-4],
        _token() + "=",
        _token().rpartition(".")[0],
        _token().rpartition(".")[0] + ".",
        "ÿ" + _token(),
    ],
    ids=lambda token: f"{token[:6]}…{len(token)}",
)
async def test_what_is_no_token_of_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidTokenError):
        await _verifier().verify(token)


@pytest.mark.parametrize(
    "changes",
    [{"scp": None}, {"scp": ""}, {"scp": " "}, {"scp": None, "sub": PERSON}, {"scp": None, "idtyp": "user"}],
    ids=["ID token", "empty scope", "blank scope", "old application", "no scope"],
)
async def test_bearer_without_scope_or_app_type_is_no_access_token(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidTokenError, match="not an access token"):
        await _verifier().verify(_token(**changes))


async def test_id_token_of_a_session_tells_who_is_signed_in() -> None:
    caller = await _verifier().verify_session(_token(scp=None))
    assert (caller.actor.id, caller.app_ids) == (f"user:{PERSON}", frozenset())


async def test_application_does_not_sign_in_to_the_page() -> None:
    with pytest.raises(InvalidTokenError, match="application"):
        await _verifier().verify_session(_token(scp=None, idtyp="app"))


async def test_caller_has_name_and_addresses_without_control_characters() -> None:
    token = _token(name="Ann\x1b[31m\nLee", preferred_username="Ann@X.example", upn="no address", email=7)
    actor = (await _verifier().verify(token)).actor
    assert (actor.name, actor.addresses) == ("Ann [31m Lee", frozenset({"ann@x.example"}))


async def test_application_is_known_by_both_of_its_ids() -> None:
    caller = await _verifier().verify(_token(scp=None, idtyp="app", azp=CLIENT.upper()))
    assert (caller.actor.id, caller.app_ids) == (f"app:{PERSON}", frozenset({PERSON, CLIENT}))
