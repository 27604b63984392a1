from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm

from enforcer.core.exceptions import UnavailableError
from enforcer.web.signing_keys import FETCHES, FETCHES_SECONDS, FRESH_SECONDS, STALE_SECONDS, KeyRing
from sandbox.directory.faults import Effect, Fault
from sandbox.directory.server import DirectoryServer, running_directory
from sandbox.directory.tokens import Flaw, TokenRequest

pytestmark = pytest.mark.anyio

_AWAY = Fault(path="keys", times=None)


@dataclass
class Authority:
    """Who publishes keys, and a clock that is moved by hand."""

    server: DirectoryServer
    now: float = 0.0

    @property
    def url(self) -> str:
        return f"{self.server.url}/{self.server.tenant.tenant_id}/discovery/v2.0/keys"

    @property
    def fetches(self) -> int:
        return sum("/discovery/" in entry.path for entry in self.server.sandbox.log.entries)

    def ring(self) -> KeyRing:
        issuers = (self.server.sandbox.tokens.issuer,)
        return KeyRing(self.url, clock=lambda: self.now, issuers=issuers)

    def key_id(self, flaw: Flaw = Flaw.NONE) -> str:
        """Name the key by which a new token is signed."""
        user = self.server.tenant.add_user("Somebody")
        token = self.server.token(TokenRequest(audience="api://x", user=user.id, flaw=flaw))
        return str(jwt.get_unverified_header(token)["kid"])


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    async with running_directory() as server:
        yield Authority(server)


async def test_keys_are_fetched_once_and_kept(authority: Authority) -> None:
    ring, key_id = authority.ring(), authority.key_id()
    for _ in range(3):
        found = await ring.find(key_id)
        assert found is not None
        assert found.key_id == key_id
    assert authority.fetches == 1


async def test_those_who_ask_at_the_same_time_wait_for_one_fetch(authority: Authority) -> None:
    ring, key_id = authority.ring(), authority.key_id()
    found = await asyncio.gather(*(ring.find(key_id) for _ in range(20)))
    assert None not in found
    assert authority.fetches == 1


async def test_a_new_key_is_known_at_once(authority: Authority) -> None:
    ring = authority.ring()
    await ring.find(authority.key_id())
    authority.server.sandbox.keys.rotate()
    assert await ring.find(authority.key_id()) is not None


async def test_a_key_that_is_published_no_more_is_good_for_an_hour_at_most(authority: Authority) -> None:
    ring, old = authority.ring(), authority.key_id()
    await ring.find(old)
    authority.server.sandbox.keys.rotate()
    authority.server.sandbox.keys.retire()
    authority.now += FRESH_SECONDS + 1
    assert await ring.find(old) is None


async def test_tokens_with_unknown_keys_do_not_make_us_fetch_without_end(authority: Authority) -> None:
    ring = authority.ring()
    for number in range(50):
        assert await ring.find(f"unknown-{number}") is None
    assert authority.fetches == FETCHES
    authority.now += FETCHES_SECONDS
    await ring.find("unknown")
    assert authority.fetches == FETCHES + 1


async def test_the_same_unknown_key_makes_us_fetch_once(authority: Authority) -> None:
    ring = authority.ring()
    for _ in range(20):
        assert await ring.find("unknown") is None
    assert authority.fetches == 1
    authority.server.sandbox.keys.rotate()
    assert await ring.find(authority.key_id()) is not None


async def test_old_keys_serve_while_the_authority_is_away_but_not_for_ever(authority: Authority) -> None:
    ring, key_id = authority.ring(), authority.key_id()
    await ring.find(key_id)
    authority.server.sandbox.faults.add(_AWAY)
    authority.now += STALE_SECONDS - 1
    assert await ring.find(key_id) is not None
    authority.now += 2
    with pytest.raises(UnavailableError):
        await ring.find(key_id)


async def test_without_any_keys_nobody_can_tell(authority: Authority) -> None:
    authority.server.sandbox.faults.add(_AWAY)
    ring, key_id = authority.ring(), authority.key_id()
    for _ in range(3):
        with pytest.raises(UnavailableError):
            await ring.find(key_id)
    assert authority.fetches == 1
    authority.server.sandbox.faults.clear()
    authority.now += FETCHES_SECONDS
    assert await ring.find(key_id) is not None


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="keys", status=200, body="no JSON"),
        Fault(path="keys", status=200, body={"keys": []}),
        Fault(path="keys", status=200, body={"keys": None}),
        Fault(path="keys", status=200, body={"keys": [{"kid": "k", "kty": "oct", "k": "c2VjcmV0"}]}),
        Fault(path="keys", status=302, headers={"Location": "http://127.0.0.1:9/"}),
        Fault(path="keys", effect=Effect.DROP),
        Fault(path="keys", effect=Effect.DELAY, seconds=3.0),
    ],
    ids=["no-json", "empty", "null", "shared-secret", "redirect", "dropped", "late"],
)
async def test_an_answer_that_holds_no_keys_counts_as_none(authority: Authority, fault: Fault) -> None:
    authority.server.sandbox.faults.add(fault)
    with pytest.raises(UnavailableError):
        await authority.ring().find("k")


# Which keys count ------------------------------------------------------------------------------------------


def _published(number: int = 1, size: int = 2048, **more: object) -> dict[str, object]:
    key = generate_private_key(public_exponent=65_537, key_size=size).public_key()
    return RSAAlgorithm.to_jwk(key, as_dict=True) | {"kid": f"k{number}"} | more


@pytest.mark.parametrize(
    ("size", "more"),
    [
        (1024, {}),
        (2048, {"use": "enc"}),
        (2048, {"issuer": "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"}),
        (2048, {"issuer": "https://evil.example/{tenantid}/v2.0"}),
    ],
    ids=["short", "for-encryption", "of-another-issuer", "of-a-strange-template"],
)
async def test_key_that_is_not_for_our_tokens_is_not_taken(
    authority: Authority, size: int, more: dict[str, object]
) -> None:
    keys = {"keys": [_published(1), _published(2, size, **more)]}
    authority.server.sandbox.faults.add(Fault(path="keys", status=200, body=keys))
    ring = authority.ring()
    assert await ring.find("k1") is not None
    assert await ring.find("k2") is None


@pytest.mark.parametrize("template", ["{issuer}", "{base}/{{tenantid}}/v2.0"])
async def test_key_that_names_our_issuer_is_taken(authority: Authority, template: str) -> None:
    issuer = authority.server.sandbox.tokens.issuer
    named = template.format(issuer=issuer, base=authority.server.url)
    keys = {"keys": [_published(1, issuer=named)]}
    authority.server.sandbox.faults.add(Fault(path="keys", status=200, body=keys))
    assert await authority.ring().find("k1") is not None
