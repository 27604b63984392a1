"""`POST /contractors/import`: write many rows of the register, all of them or none."""

from __future__ import annotations

from functools import partial

from enforcer.api.bodies import ImportBody, read_body
from enforcer.api.documents import ImportedContractors, contractor_document
from enforcer.core.contractors import RegisterRow
from enforcer.core.keys import trimmed, trimming
from enforcer.register.csv_file import CsvError, Line, read_csv
from enforcer.register.csv_import import import_lines, line_problem, midnight_ends, plan_import
from enforcer.web.calls import Call
from enforcer.web.messages import Response, respond
from enforcer.web.problems import invalid

CSV = "text/csv"
LARGEST_IMPORT = 4 * 1024 * 1024  # bytes


async def import_contractors(call: Call) -> Response:
    dry_run = _is_dry_run(call)
    lines = _lines(call)
    settings, writing = call.services.settings, plan_import if dry_run else import_lines
    rows = await writing(call.services, lines, actor=call.caller.actor)
    warnings = [line.warning for line in lines if line.warning]
    warnings += midnight_ends(lines, settings.date_rules, call.services.now())
    return respond(
        ImportedContractors(
            dry_run=dry_run,
            imported=len(rows),
            contractors=tuple(contractor_document(row, settings) for row in rows),
            warnings=tuple(warnings),
        )
    )


def _is_dry_run(call: Call) -> bool:
    text = call.request.query.get("dry_run", "false").lower()
    if text not in {"true", "false"}:
        raise invalid("dry_run", "dry_run must be true or false")
    return text == "true"


def _lines(call: Call) -> list[Line]:
    """Read the lines of a file, or the contractors of a JSON body, which count as lines from 1."""
    check = partial(line_problem, call.services.settings)
    if call.request.media_type == CSV:
        return read_csv(call.request.body, check)
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
    if problems := [f"line {line.number}: {problem}" for line in lines if (problem := check(line))]:
        raise CsvError(problems)
    return lines
