"""The ends of ledgers as telemetry has them: out of reach of whoever can write the storage account."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec

from enforcer.core.exceptions import InputError
from enforcer.core.ledger import Anchor

QUERY = (
    "AppEvents | where Name == 'ledger_appended'"
    " | extend Group = tostring(Properties.group_id), Sequence = tolong(Properties.sequence),"
    " Hash = tostring(Properties.hash)"
    " | summarize arg_max(Sequence, Hash) by Group, Day = bin(TimeGenerated, 1d)"
    " | project Group, Sequence, Hash, Day"
)
"""KQL: the newest entry of each group and day, as far back as the workspace keeps events."""


def read_heads(path: Path) -> list[tuple[str, Anchor]]:
    """Read the answer to `QUERY`: JSON as `az monitor log-analytics query` gives it, or CSV.

    Raises:
        InputError: The file is not such an answer; names the row.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = msgspec.json.decode(text, type=list[dict[str, Any]]) if _is_json(text) else _csv(text)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} is not an answer to the query for heads: {error}", field="heads") from error
    return [_head(path, number, row) for number, row in enumerate(rows, 1)]


def _is_json(text: str) -> bool:
    return text.lstrip()[:1] in {"[", "{"}


def _csv(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def _head(path: Path, number: int, row: dict[str, Any]) -> tuple[str, Anchor]:
    values = {str(name).lower(): str(value) for name, value in row.items()}
    group, sequence, digest = (values.get(name, "") for name in ("group", "sequence", "hash"))
    if not (group and digest and sequence.isascii() and sequence.isdigit()):
        raise InputError(
            f"{path}, row {number}: must have columns Group, Sequence and Hash, as the query gives them",
            field="heads",
        )
    source = f"telemetry ({path.name}, row {number})"
    return group.lower(), Anchor(sequence=int(sequence), hash=digest, source=source)
