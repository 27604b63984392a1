"""Credentials: the function's managed identity in Azure, the operator's own sign-in elsewhere."""

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
# Any other 4xx is a refusal; these are transient.
_TRANSIENT = frozenset({408, 410, 429})
# Transient whatever the status. The numbers mean an outage ("Microsoft Entra authentication and authorization
# error codes"); the words are OAuth's (RFC 6749), Azure CLI's and aiohttp's: of a failure inside a chain of
# credentials, only the text remains.
_OUTAGE = re.compile(
    r"AADSTS(90006|90012|90024|90033|90055)\b|temporarily_unavailable|server_error"
    r"|Max retries exceeded|Cannot connect to host|Connection timeout|timed out"
)
# Few retries: the caller retries, too.
_RETRIES: dict[str, Any] = {"retry_total": 2, "retry_backoff_factor": 0.2, "retry_backoff_max": 5}


class BoundedCredential:
    """Gets tokens from another credential in bounded time, and tells an outage from a refusal.

    Args:
        credential: The credential to use; closed with this one.
        seconds: How long getting a token may take.
    """

    def __init__(self, credential: AsyncTokenCredential, seconds: float = _SECONDS) -> None:
        self._credential, self._seconds = credential, seconds

    async def get_token(
        self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, **more: Any
    ) -> AccessToken:
        """Return a token; the signature is the one that the SDKs call.

        Raises:
            AccessDeniedError: This identity is refused a token.
            UnavailableError: The identity endpoint does not answer, or has an outage.
        """
        from azure.core.exceptions import ClientAuthenticationError

        getting = self._credential.get_token(*scopes, claims=claims, tenant_id=tenant_id, **more)
        try:
            return await bounded(getting, self._seconds)
        except ClientAuthenticationError as error:
            if _is_outage(error):
                raise _unavailable(error) from error
            raise AccessDeniedError(f"cannot get a token: {_summary(error)}") from error
        except Exception as error:  # whatever the SDK or the network raises, it is not a refusal
            raise _unavailable(error) from error

    async def close(self) -> None:
        """Close the underlying credential."""
        await self._credential.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def default_credential(client_id: str = "") -> BoundedCredential:
    """Return a new credential for the running event loop; the caller closes it.

    App Service and Functions set `IDENTITY_ENDPOINT`: there only the managed identity is tried, so that a
    failure names it and takes no detour through the other kinds of credential.
    """
    if os.environ.get("IDENTITY_ENDPOINT"):
        from azure.identity.aio import ManagedIdentityCredential

        return BoundedCredential(ManagedIdentityCredential(client_id=client_id or None, **_RETRIES))
    from azure.identity.aio import DefaultAzureCredential

    return BoundedCredential(DefaultAzureCredential(managed_identity_client_id=client_id or None, **_RETRIES))


def _is_outage(error: ClientAuthenticationError) -> bool:
    """Whether the failure is transient: no answer, an answer that says so, or a malformed one."""
    if _OUTAGE.search(error.message):
        return True
    status = error.status_code
    return status is not None and (status in _TRANSIENT or not 400 <= status < 500)  # noqa: PLR2004


def _unavailable(error: Exception) -> UnavailableError:
    return UnavailableError(f"cannot get a token, the identity endpoint is unavailable: {_summary(error)}")


def _summary(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:240]
