"""The keys with which the tenant signs its tokens: fetched when needed, cached, and renewed in time."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import msgspec

from enforcer.core.exceptions import UnavailableError

if TYPE_CHECKING:
    from jwt import PyJWK

# Entra may change its keys at any time, and without notice when it must.
FRESH_SECONDS = 3600.0
# While the authority cannot be reached, yesterday's keys are better than admitting nobody.
STALE_SECONDS = 24 * 3600.0
# Anybody can send tokens that name an unknown key, which makes us fetch the keys. So within FETCHES_SECONDS
# there are at most FETCHES fetches, one per key, and none after a failure.
FETCHES, FETCHES_SECONDS = 5, 10.0
_TIMEOUT_SECONDS = 2.0
SMALLEST_KEY = 2048  # bits (NIST SP 800-131A)

_log = logging.getLogger(__name__)


class KeyRing:
    """The published keys of one tenant, for one event loop.

    Args:
        url: Where the keys are published (`…/discovery/v2.0/keys`).
        clock: Monotonic seconds.
        issuers: Whose keys count, where a key names its issuer.
    """

    def __init__(self, url: str, *, clock: Callable[[], float], issuers: Collection[str] = ()) -> None:
        self._url, self._clock, self._issuers = url, clock, issuers
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at = float("-inf")
        self._tries: deque[float] = deque(maxlen=FETCHES)
        self._missed: dict[str, float] = {}
        self._renewing = asyncio.Lock()

    async def find(self, key_id: str) -> PyJWK | None:
        """Return the key with that ID; None where the tenant publishes no such key.

        Raises:
            UnavailableError: The keys cannot be fetched, and the cached ones are too old or missing.
        """
        if not self._has(key_id):
            async with self._renewing:
                # Another call may have fetched it meanwhile.
                if not self._has(key_id):
                    await self._renew(key_id)
        if self._age > STALE_SECONDS:
            raise UnavailableError("the tenant's signing keys cannot be fetched")
        return self._keys.get(key_id)

    def _has(self, key_id: str) -> bool:
        return key_id in self._keys and self._age <= FRESH_SECONDS

    @property
    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _renew(self, key_id: str) -> None:
        now = self._clock()
        self._missed = {key: at for key, at in self._missed.items() if now - at < FETCHES_SECONDS}
        if key_id in self._missed or self._has_fetched_enough(now):
            return
        self._tries.append(now)
        try:
            self._keys = await self._fetch()
        except UnavailableError as error:
            _log.warning("The tenant's signing keys could not be fetched: %s", error)
            self._tries.extend([now] * FETCHES)
            return
        self._fetched_at = now
        if key_id not in self._keys:
            self._missed[key_id] = now

    def _has_fetched_enough(self, now: float) -> bool:
        return len(self._tries) == FETCHES and now - self._tries[0] < FETCHES_SECONDS

    async def _fetch(self) -> dict[str, PyJWK]:
        import httpx

        try:
            # The limit is for Entra: on a cold instance, what the client loads takes longer than the answer.
            async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(_TIMEOUT_SECONDS):
                response = await client.get(self._url)
                response.raise_for_status()
        except (httpx.HTTPError, TimeoutError) as error:
            raise UnavailableError(f"{type(error).__name__} {error}".strip()) from error
        return _read(response.content, self._issuers)


def _read(document: bytes, issuers: Collection[str]) -> dict[str, PyJWK]:
    from jwt import PyJWK, PyJWTError

    try:
        published: list[dict[str, Any]] = msgspec.json.decode(document)["keys"]
        good = [PyJWK(key) for key in published if _is_for_signing(key) and _is_issued_by(key, issuers)]
    except (PyJWTError, msgspec.MsgspecError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise UnavailableError(f"what is published there is not a key set: {type(error).__name__}") from error
    found = {key.key_id: key for key in good if key.key_id and key.key.key_size >= SMALLEST_KEY}
    if not found:
        raise UnavailableError(f"the published key set has no RSA key of {SMALLEST_KEY} bits for signing")
    return found


def _is_for_signing(key: dict[str, Any]) -> bool:
    """Whether it is an RSA key, and not one for encrypting (RFC 7517, section 4.2)."""
    return key.get("kty") == "RSA" and key.get("use", "sig") == "sig"


def _is_issued_by(key: dict[str, Any], issuers: Collection[str]) -> bool:
    """Whether the key signs for one of these issuers.

    One key set may have keys of several issuers (Microsoft identity platform, "Validate the signing key
    issuer"): a key that names another one signs none of our tokens.
    """
    named = key.get("issuer")
    if named is None or not issuers:
        return True
    return any(_fits(str(named), issuer) for issuer in issuers)


def _fits(named: str, issuer: str) -> bool:
    before, mark, after = named.partition("{tenantid}")
    if not mark:
        return named == issuer
    return issuer.startswith(before) and issuer.endswith(after)
