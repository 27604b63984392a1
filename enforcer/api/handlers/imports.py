"""`POST /contractors/import`: write many rows of the register, all of them or none."""

from __future__ import annotations

from enforcer.api.bodies import ImportBody, read_body
from enforcer.api.documents import ImportedContractors, contractor_document
from enforcer.api.flags import ALLOWING, allowed_by, flag, flag_parameter
from enforcer.core.contractors import RegisterRow
from enforcer.core.keys import trimmed, trimming
from enforcer.register.feed.columns import MAPPABLE
from enforcer.register.feed.day_orders import DateOrder
from enforcer.register.feed.problems import FileError, Problem
from enforcer.register.feed.reading import Feed, Line, Reading
from enforcer.register.importing import (
    line_problem,
    preview_import,
    read_file,
    require_allowed,
    second_looks,
    write_import,
)
from enforcer.web.calls import Call
from enforcer.web.messages import Response, respond
from enforcer.web.problems import invalid
from enforcer.web.routes import Parameter

CSV = "text/csv"
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LARGEST_IMPORT = 4 * 1024 * 1024  # bytes


def _parameter(name: str, description: str, **schema: object) -> Parameter:
    return Parameter(name=name, description=description, schema={"type": "string", **schema})


IMPORT_PARAMETERS = (
    flag_parameter("dry_run", "Check everything and write nothing"),
    *ALLOWING,
    _parameter("dates", "Of a file: in what order the numbers of its dates come", enum=list(DateOrder)),
    _parameter("encoding", "Of a file that is not Unicode: its encoding, such as windows-1252"),
    _parameter("sheet", "Of a workbook: the sheet to read"),
    _parameter("group_id", "Of a file: the managed group of lines that name none"),
    *(_parameter(f"map_{field}", f"Of a file: the column that is the {field}") for field in MAPPABLE),
)


async def import_contractors(call: Call) -> Response:
    dry_run, allowed = flag(call, "dry_run"), allowed_by(call)
    settings, actor = call.services.settings, call.caller.actor
    feed = _feed(call)
    preview = await preview_import(call.services, feed.lines, actor=actor)
    if not dry_run:
        require_allowed(preview, allowed)
        await write_import(call.services, preview, actor=actor)
    looks = second_looks(feed, settings.date_rules, call.services.now())
    return respond(
        ImportedContractors(
            dry_run=dry_run,
            imported=len(preview.written),
            summary=preview.summary,
            counts=preview.counts,
            leaving_tonight=tuple(sorted(preview.tonight.leavers)),
            held=preview.tonight.held,
            contractors=tuple(contractor_document(change.row, settings) for change in preview.written),
            notes=(*feed.notes, *map(str, feed.doubts)),
            warnings=(*feed.warnings, *looks),
        )
    )


def _feed(call: Call) -> Feed:
    """Read the lines of a file, or the contractors of a JSON body, which count as lines from 1."""
    if call.request.media_type in (CSV, WORKBOOK):
        return read_file(call.services.settings, call.request.body, _reading(call))
    body = read_body(call.request, ImportBody)
    lines = [
        Line(
            number=number,
            row=RegisterRow(
                group_id=item.group_id,
                row_key=trimmed(item.user),
                end_date=item.end_date.strip(),
                start_date=item.start_date.strip() or None,
                display_name=item.display_name.strip(),
                company=item.company.strip(),
                sponsor=item.sponsor,
                note=item.note.strip(),
            ),
            warning=f"line {number}: {about}" if (about := trimming(item.user)) else "",
        )
        for number, item in enumerate(body.contractors, start=1)
    ]
    settings = call.services.settings
    problems = [(line.number, line_problem(settings, line)) for line in lines]
    if wrong := [
        Problem(line=number, kind="cannot be registered", text=text) for number, text in problems if text
    ]:
        raise FileError(wrong)
    return Feed(lines=tuple(lines))


def _reading(call: Call) -> Reading:
    query = call.request.query
    order = query.get("dates", "")
    if order and order not in list(DateOrder):
        raise invalid("dates", f"dates must be one of {', '.join(DateOrder)}")
    mapping = {field: query[f"map_{field}"] for field in MAPPABLE if query.get(f"map_{field}")}
    return Reading(
        mapping=mapping,
        order=DateOrder(order) if order else None,
        encoding=query.get("encoding", ""),
        sheet=query.get("sheet", ""),
        group_id=query.get("group_id", ""),
    )
