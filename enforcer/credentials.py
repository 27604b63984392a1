"""Who asks: the function's managed identity in Azure, the operator's own sign-in elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


def default_credential(client_id: str = "") -> AsyncTokenCredential:
    """Give a new credential for the running event loop; the caller closes it.

    In App Service and Functions `IDENTITY_ENDPOINT` is set: there the managed identity is asked and nobody
    else, so that a failure names it and costs no detour through the other kinds.
    """
    if os.environ.get("IDENTITY_ENDPOINT"):
        from azure.identity.aio import ManagedIdentityCredential  # noqa: PLC0415 -- 240 modules

        return ManagedIdentityCredential(client_id=client_id or None)
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415

    return DefaultAzureCredential(managed_identity_client_id=client_id or None)
