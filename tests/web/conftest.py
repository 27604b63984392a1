"""What the API and the page share is tested through the API."""

from __future__ import annotations

from tests.api.conftest import caller, world

__all__ = ["caller", "world"]
