"""Run IDs: the second in which a run began, and six random hexadecimal digits (`20261123T003000-0f9a3c`)."""

from __future__ import annotations

import re
import secrets
from datetime import datetime

PATTERN = "^[0-9]{8}T[0-9]{6}-[0-9a-f]{6}$"
_RUN_ID = re.compile(PATTERN.strip("^$"))


def new_run_id(now: datetime) -> str:
    """Return a new run's ID; run IDs sort by time."""
    return f"{run_id_prefix(now)}-{secrets.token_hex(3)}"


def run_id_prefix(moment: datetime) -> str:
    """Return the prefix of the IDs of all runs begun in that second."""
    return moment.strftime("%Y%m%dT%H%M%S")


def is_run_id(text: str) -> bool:
    """Whether the text has the form of a run ID."""
    return _RUN_ID.fullmatch(text) is not None
