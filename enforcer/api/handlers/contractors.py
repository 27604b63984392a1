"""`/contractors`: read and change the register, row by row."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from enforcer.api.bodies import ContractorBody, read_body
from enforcer.api.documents import ContractorPage, contractor_document
from enforcer.api.flags import allowed_by
from enforcer.core.contractors import RegisterRow
from enforcer.core.ledger import Action
from enforcer.register import changes
from enforcer.register.allowed import Allowed
from enforcer.register.changes import chosen_groups
from enforcer.storage.tables.pages import Place, rows_after
from enforcer.storage.tables.tables import is_key
from enforcer.web.calls import Call
from enforcer.web.messages import Response, respond
from enforcer.web.problems import invalid

DEFAULT_LIMIT, LARGEST_LIMIT = 100, 500


async def list_contractors(call: Call) -> Response:
    groups = chosen_groups(call.services.settings, call.request.query.get("group_id", ""))
    limit = _limit(call)
    place = _place(call, groups)
    settings = call.services.settings
    rows = await rows_after(call.services.tables, groups, place, limit + 1)
    end = _end_of_page(rows, limit)
    shown = tuple(contractor_document(row, settings) for row in rows[:end])
    continuation = _continuation(rows[end - 1]) if len(rows) > limit else None
    return respond(ContractorPage(contractors=shown, continuation=continuation))


async def get_contractor(call: Call) -> Response:
    row = await changes.find_row(call.services, call.user, call.request.query.get("group_id", ""))
    record = await call.services.records.get(row.group_id, row.row_key)
    return respond(contractor_document(row, call.services.settings, record, call.warnings))


async def delete_contractor(call: Call) -> Response:
    group_id = call.request.query.get("group_id", "")
    row = await changes.remove(call.services, call.user, actor=call.caller.actor, group_id=group_id)
    return respond(contractor_document(row, call.services.settings, warnings=call.warnings))


async def put_contractor(call: Call) -> Response:
    body = read_body(call.request, ContractorBody)
    wanted = RegisterRow(
        group_id=body.group_id,
        row_key=call.user,
        end_date=body.end_date.strip(),
        start_date=body.start_date.strip(),
        display_name=body.display_name.strip(),
        company=body.company.strip(),
        sponsor=body.sponsor,
        note=body.note.strip(),
    )
    query = allowed_by(call)
    allowed = Allowed(past=body.past or query.past, unknown=body.unknown or query.unknown)
    row, action = await changes.add(call.services, wanted, actor=call.caller.actor, allowed=allowed)
    record = await call.services.records.get(row.group_id, row.row_key)
    return respond(
        contractor_document(row, call.services.settings, record, call.warnings),
        status=201 if action is Action.REGISTER_ADD else 200,
        headers={"Location": f"/api/contractors/{quote(row.row_key, safe='@')}"},
    )


# Lists ---------------------------------------------------------------------------------------------------


def _limit(call: Call) -> int:
    text = call.request.query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= LARGEST_LIMIT):  # noqa: PLR2004
        raise invalid("limit", f"limit must be a whole number from 1 to {LARGEST_LIMIT}")
    return int(text)


def _end_of_page(rows: Sequence[RegisterRow], limit: int) -> int:
    """Return how many rows to show: the limit, or more up to the next row whose key can be queried."""
    ends = (end for end in range(limit, len(rows)) if is_key(rows[end - 1].row_key))
    return next(ends, len(rows))


def _continuation(row: RegisterRow) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([row.group_id, row.row_key])).decode()


def _place(call: Call, groups: tuple[str, ...]) -> Place | None:
    text = call.request.query.get("continuation", "")
    if not text:
        return None
    wrong = invalid("continuation", "continuation must come from the last answer, for the same groups")
    try:
        group_id, row_key = msgspec.json.decode(base64.urlsafe_b64decode(text), type=tuple[str, str])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise wrong from error
    if group_id not in groups:
        raise wrong
    return Place(group_id=group_id, row_key=row_key)
