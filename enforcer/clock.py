"""The wall clock, read here and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present, in UTC."""
    return datetime.now(UTC)
