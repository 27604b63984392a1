from __future__ import annotations

import time

import pytest
from azure.core.credentials import AccessToken

from enforcer.policies.as_code.sign_in import RememberingCredential

pytestmark = pytest.mark.anyio


class Counting:
    """A credential that counts how often it is asked."""

    def __init__(self, seconds: int) -> None:
        self.seconds, self.asked, self.closed = seconds, 0, False

    async def get_token(self, *_: str, **__: object) -> AccessToken:
        self.asked += 1
        return AccessToken(f"token {self.asked}", int(time.time()) + self.seconds)

    async def close(self) -> None:
        self.closed = True

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def test_a_token_is_asked_for_once_and_the_credential_is_closed() -> None:
    counting = Counting(3600)
    async with RememberingCredential(counting) as credential:  # type: ignore[arg-type]
        tokens = {(await credential.get_token("scope")).token for _ in range(3)}
    assert (tokens, counting.asked, counting.closed) == ({"token 1"}, 1, True)


async def test_a_token_that_is_about_to_end_is_renewed() -> None:
    counting = Counting(200)
    credential = RememberingCredential(counting)  # type: ignore[arg-type]
    assert [(await credential.get_token("scope")).token for _ in range(2)] == ["token 1", "token 2"]


async def test_a_challenge_is_never_answered_with_the_old_token() -> None:
    counting = Counting(3600)
    credential = RememberingCredential(counting)  # type: ignore[arg-type]
    await credential.get_token("scope")
    assert (await credential.get_token("scope", claims="more")).token == "token 2"
