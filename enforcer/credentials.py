"""Who asks: the function's managed identity in Azure, the operator's own sign-in elsewhere."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Self

from enforcer.concurrency import bounded
from enforcer.core.exceptions import AccessDeniedError, UnavailableError

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.exceptions import ClientAuthenticationError

_SECONDS = 20.0
# A refusal is an answer with 4xx, but not one of these: "not now".
_PASSING = frozenset({408, 410, 429})
# What passes, too, whatever the status. The numbers stand for an outage among "Microsoft Entra authentication
# and authorization error codes"; the words are OAuth's (RFC 6749), Azure CLI's and aiohttp's: of what failed
# inside a chain of credentials there is nothing but the text.
_OUTAGE = re.compile(
    r"AADSTS(90006|90012|90024|90033|90055)\b|temporarily_unavailable|server_error"
    r"|Max retries exceeded|Cannot connect to host|Connection timeout|timed out"
)
# Whoever asks for the token tries again as well.
_RETRIES: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.2, "retry_backoff_max": 5}


class BoundedCredential:
    """Asks another credential for tokens, for a bounded time, and tells an outage from a refusal.

    Args:
        credential: Is asked, and closed with this one.
        seconds: How long it may take.
    """

    def __init__(self, credential: AsyncTokenCredential, seconds: float = _SECONDS) -> None:
        self._credential, self._seconds = credential, seconds

    async def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **more: Any
    ) -> AccessToken:
        """Return a token, as the SDKs ask for one.

        Raises:
            AccessDeniedError: This identity is refused one.
            UnavailableError: Whoever gives tokens does not answer, or not now.
        """
        from azure.core.exceptions import ClientAuthenticationError

        asked = self._credential.get_token(*scopes, claims=claims, tenant_id=tenant_id, **more)
        try:
            return await bounded(asked, self._seconds)
        except ClientAuthenticationError as error:
            if _is_outage(error):
                raise _unavailable(error) from error
            raise AccessDeniedError(f"no token to be had: {_told(error)}") from error
        except Exception as error:  # whatever the SDK or the network raises, it is not an answer
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Close the other credential."""
        await self._credential.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def default_credential(client_id: str = "") -> BoundedCredential:
    """Return a new credential for the running event loop; the caller closes it.

    In App Service and Functions `IDENTITY_ENDPOINT` is set: there the managed identity is asked and nobody
    else, so that a failure names it and costs no detour through the other kinds.
    """
    if os.environ.get("IDENTITY_ENDPOINT"):
        from azure.identity.aio import ManagedIdentityCredential

        return BoundedCredential(ManagedIdentityCredential(client_id=client_id or None, **_RETRIES))
    from azure.identity.aio import DefaultAzureCredential

    return BoundedCredential(DefaultAzureCredential(managed_identity_client_id=client_id or None, **_RETRIES))


def _is_outage(error: ClientAuthenticationError) -> bool:
    """Whether it may pass by itself: no answer, one that says so, or one that is broken."""
    if _OUTAGE.search(error.message):
        return True
    status = error.status_code
    return status is not None and (status in _PASSING or not 400 <= status < 500)  # noqa: PLR2004


def _unavailable(error: Exception) -> UnavailableError:
    return UnavailableError(f"no token to be had, the identity endpoint is unavailable: {_told(error)}")


def _told(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:240]
