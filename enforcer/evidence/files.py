"""The files of an export and their manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from enforcer.core.contractors import InvalidRow
from enforcer.core.evidence.cases import Evidence, Summary
from enforcer.core.exceptions import InputError
from enforcer.core.ledger import CheckedChain
from enforcer.evidence.page import page
from enforcer.evidence.spreadsheet import spreadsheet

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class File:
    name: str
    content: bytes


class FileSum(msgspec.Struct, frozen=True):
    """A file's entry in the manifest."""

    name: str
    bytes: int
    sha256: str


class Days(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    first: str
    last: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `manifest.json`. `ledgers` are the heads that the evidence is based on."""

    schema: int = 1
    exported_at: datetime
    version: str
    period: Days
    sla_seconds: float
    summary: Summary
    unreadable_rows: tuple[dict[str, str], ...]
    ledgers: tuple[CheckedChain, ...]
    members_unread: dict[str, str]
    groups_left_out: tuple[str, ...] = ()
    files: tuple[FileSum, ...]


def files(evidence: Evidence) -> tuple[File, ...]:
    """Render the evidence."""
    lines = b"".join(msgspec.json.encode(case) + b"\n" for case in evidence.cases)
    return (
        File("evidence.csv", spreadsheet(evidence.cases)),
        File("evidence.jsonl", lines),
        File("report.html", page(evidence)),
    )


def manifest(evidence: Evidence, rendered: Sequence[File], exported_at: datetime, version: str) -> Manifest:
    """Return the manifest: the files with their SHA-256, and what they are based on."""
    period = evidence.period
    return Manifest(
        exported_at=exported_at,
        version=version,
        period=Days(
            period.first.isoformat(),
            period.last.isoformat(),
            period.time_zone,
            period.starts_at,
            period.ends_at,
        ),
        sla_seconds=evidence.sla.total_seconds(),
        summary=evidence.summary,
        unreadable_rows=tuple(map(_unreadable, evidence.unreadable)),
        ledgers=evidence.chains,
        members_unread=evidence.members_unread,
        groups_left_out=evidence.left_out,
        files=tuple(
            FileSum(file.name, len(file.content), hashlib.sha256(file.content).hexdigest())
            for file in rendered
        ),
    )


def _unreadable(row: InvalidRow) -> dict[str, str]:
    return {"group_id": row.written.group_id.lower(), "row_key": row.row_key, "detail": row.problem}


def write(folder: Path, rendered: Sequence[File], made: Manifest) -> None:
    """Write the files and, once they all exist, the manifest.

    Raises:
        InputError: The folder is not empty, or cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder} is not empty; evidence is never overwritten", field="out")
        for file in rendered:
            (folder / file.name).write_bytes(file.content)
        text = msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n"
        (folder / MANIFEST).write_bytes(text)
    except OSError as error:
        raise InputError(f"{folder} cannot be written to: {error.strerror}", field="out") from error


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        InputError: It is not a manifest.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{path} is not a manifest of `audit export`: {error}", field="manifest") from error
