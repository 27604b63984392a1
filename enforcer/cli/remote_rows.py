"""The register through the API: the same changes as `register/changes` makes, asked of the app."""

from __future__ import annotations

from http import HTTPStatus

from enforcer.api.bodies import ContractorBody
from enforcer.api.documents import ContractorDocument
from enforcer.api.handlers.imports import CSV, WORKBOOK
from enforcer.cli.remote import RemoteApi
from enforcer.core.calendar import dates
from enforcer.core.contractors import RegisterRow
from enforcer.core.ledger import Action
from enforcer.register.allowed import Allowed
from enforcer.register.feed.reading import Reading

_CONTRACTORS = "contractors"
_ZIP = b"PK\x03\x04"  # a workbook is an archive


async def put_row(api: RemoteApi, wanted: RegisterRow, allowed: Allowed) -> tuple[RegisterRow, Action]:
    """Register somebody, or change their row; return the row, and which of the two it was."""
    body = ContractorBody(
        end_date=dates.written(wanted.end_date),
        start_date=dates.written(wanted.start_date) if wanted.start_date else "",
        display_name=wanted.display_name,
        company=wanted.company,
        sponsor=wanted.sponsor,
        note=wanted.note,
        group_id=wanted.group_id,
        past=allowed.past,
        unknown=allowed.unknown,
    )
    answer = await api.call("PUT", (_CONTRACTORS, wanted.row_key), body)
    added = answer.status == HTTPStatus.CREATED
    return _row(answer.read(ContractorDocument)), Action.REGISTER_ADD if added else Action.REGISTER_EXTEND


async def extend_row(api: RemoteApi, user: str, end: str, group_id: str, allowed: Allowed) -> RegisterRow:
    """Change the end of a row that there is."""
    found = await api.call("GET", (_CONTRACTORS, user), query={"group_id": group_id})
    present = found.read(ContractorDocument)
    wanted = RegisterRow(group_id=present.group_id, row_key=present.row_key, end_date=end)
    row, _ = await put_row(api, wanted, allowed)
    return row


async def delete_row(api: RemoteApi, user: str, group_id: str) -> RegisterRow:
    answer = await api.call("DELETE", (_CONTRACTORS, user), query={"group_id": group_id})
    return _row(answer.read(ContractorDocument))


async def import_file(api: RemoteApi, content: bytes, reading: Reading, allowed: Allowed) -> None:
    """Import a file, whole, as the app reads it and within its own gates."""
    query = {
        "dates": reading.order or "",
        "encoding": reading.encoding,
        "sheet": reading.sheet,
        "group_id": reading.group_id,
        "past": "true" if allowed.past else "",
        "unknown": "true" if allowed.unknown else "",
        **{f"map_{field}": column for field, column in reading.mapping.items()},
    }
    media_type = WORKBOOK if content.startswith(_ZIP) else CSV
    await api.call("POST", (_CONTRACTORS, "import"), content, media_type=media_type, query=query)


def _row(document: ContractorDocument) -> RegisterRow:
    return RegisterRow(
        group_id=document.group_id,
        row_key=document.row_key,
        end_date=document.end_date,
        start_date=document.start_date,
        display_name=document.display_name,
        company=document.company,
        sponsor=document.sponsor,
        note=document.note,
    )
