"""The register through the API: the same changes as `register/changes` makes, asked of the app."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from enforcer.api.bodies import ContractorBody
from enforcer.api.documents import ContractorDocument, ImportedContractors
from enforcer.api.handlers.imports import CSV
from enforcer.cli.remote import RemoteApi
from enforcer.core.calendar import dates
from enforcer.core.contractors import RegisterRow
from enforcer.core.ledger import Action
from enforcer.register.csv_file import Line

_CONTRACTORS = "contractors"


async def put_row(api: RemoteApi, wanted: RegisterRow) -> tuple[RegisterRow, Action]:
    """Register somebody, or change their row; return the row, and which of the two it was."""
    body = ContractorBody(
        end_date=dates.written(wanted.end_date),
        start_date=dates.written(wanted.start_date) if wanted.start_date else "",
        display_name=wanted.display_name,
        company=wanted.company,
        sponsor=wanted.sponsor,
        note=wanted.note,
        group_id=wanted.group_id,
    )
    answer = await api.call("PUT", (_CONTRACTORS, wanted.row_key), body)
    added = answer.status == HTTPStatus.CREATED
    return _row(answer.read(ContractorDocument)), Action.REGISTER_ADD if added else Action.REGISTER_EXTEND


async def extend_row(api: RemoteApi, user: str, end: str, group_id: str) -> RegisterRow:
    """Change the end of a row that there is."""
    found = await api.call("GET", (_CONTRACTORS, user), query={"group_id": group_id})
    present = found.read(ContractorDocument)
    row, _ = await put_row(api, RegisterRow(group_id=present.group_id, row_key=present.row_key, end_date=end))
    return row


async def delete_row(api: RemoteApi, user: str, group_id: str) -> RegisterRow:
    answer = await api.call("DELETE", (_CONTRACTORS, user), query={"group_id": group_id})
    return _row(answer.read(ContractorDocument))


async def import_rows(
    api: RemoteApi, content: bytes, lines: Sequence[Line]
) -> tuple[list[RegisterRow], list[str]]:
    """Import a file, whole, and return its rows and what the app warns of besides the lines' own warnings."""
    answer = await api.call("POST", (_CONTRACTORS, "import"), content, media_type=CSV)
    imported = answer.read(ImportedContractors)
    known = {line.warning for line in lines}
    return (
        [_row(document) for document in imported.contractors],
        [warning for warning in imported.warnings if warning not in known],
    )


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
