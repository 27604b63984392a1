"""`contractors import`: a file of an HR system into the register, once people have seen what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from enforcer.cli import asking
from enforcer.cli.output import Table, output_option, tell, write_json, write_tables
from enforcer.cli.remote import Way, act, direct_option
from enforcer.cli.remote_rows import import_file
from enforcer.cli.rows import shown
from enforcer.cli.running import DONE, settings, with_services
from enforcer.cli.who import as_actor
from enforcer.core.actors import Actor
from enforcer.core.exceptions import InputError
from enforcer.register.allowed import Allowed
from enforcer.register.feed.columns import MAPPABLE
from enforcer.register.feed.day_orders import DateOrder
from enforcer.register.feed.problems import EncodingError, FileError
from enforcer.register.feed.reading import Feed, Reading
from enforcer.register.importing import (
    preview_import,
    read_file,
    require_allowed,
    second_looks,
    write_import,
)
from enforcer.register.preview import Change, Kind, Preview
from enforcer.services import Services

_MOST_SHOWN = 200
# What people must see first, where not everything can be shown.
_ORDER = (Kind.SHORTENED, Kind.CHANGED, Kind.NEW, Kind.EXTENDED, Kind.UNCHANGED)


class _MapType(click.ParamType[tuple[str, str]]):
    """`FIELD=COLUMN`."""

    name = "FIELD=COLUMN"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        field, equals, column = str(value).partition("=")
        if not equals or field.strip().lower() not in MAPPABLE or not column.strip():
            self.fail(
                f"{value!r} is not FIELD=COLUMN, with FIELD one of {', '.join(MAPPABLE)}: --map"
                ' end="Contract End"',
                param,
                ctx,
            )
        return field.strip().lower(), column.strip()


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option(
    "--map",
    "mapping",
    multiple=True,
    type=_MapType(),
    help="Which column is the user, end, start, name, company, sponsor or note; repeat it for several.",
)
@click.option(
    "--dates",
    type=click.Choice([order.value for order in DateOrder]),
    default=None,
    help="How to read dates of numbers: only ISO, day first, or month first. Nothing is guessed.",
)
@click.option(
    "--encoding", default="", metavar="NAME", help="Of a text that is not Unicode, such as windows-1252."
)
@click.option("--sheet", default="", metavar="NAME", help="Of a workbook with several.")
@click.option(
    "--group", "group_id", default="", metavar="ID", help="The managed group, where there are several."
)
@click.option("--past", is_flag=True, help="Also import ends that are over: such people leave at once.")
@click.option("--unknown", is_flag=True, help="Also import people whom Entra does not know.")
@click.option("--dry-run", is_flag=True, help="Show what would happen. Writes nothing.")
@asking.yes_option
@direct_option
@output_option
def import_(  # noqa: PLR0913 -- one for each option
    *,
    file: Path,
    mapping: tuple[tuple[str, str], ...],
    dates: str | None,
    encoding: str,
    sheet: str,
    group_id: str,
    past: bool,
    unknown: bool,
    dry_run: bool,
    yes: bool,
    way: Way,
    as_json: bool,
) -> int:
    """Import FILE (CSV or .xlsx; - for stdin): every line, or none if any is wrong.

    Columns are known by the names that HR systems give them in English, German, French and Spanish; the user
    and the end date are required. First it says what would follow: who is new, whose end moves, who would go
    tonight. It asks at a terminal, and lines that change nothing write nothing.
    """
    reading = Reading(
        mapping=_mapping(mapping),
        order=DateOrder(dates) if dates else None,
        encoding=encoding,
        sheet=sheet,
        group_id=group_id,
    )
    asks = asking.asks(yes=yes)
    try:
        content, reading, feed = _read(file, reading, asks=asks)
        preview, looks = with_services(
            f"comparing {len(feed.lines)} lines",
            as_actor(lambda services, actor: _preview(services, feed, actor)),
        )
    except FileError as error:
        problems = "\n  ".join(error.problems)
        raise InputError(f"nothing was imported from {file}:\n  {problems}", field="file") from error
    _tell(feed, looks, asks=asks)
    tell(f"{'would be' if dry_run else 'to be'} imported: {preview.summary}")
    allowed = Allowed(past=past, unknown=unknown)
    refusal = _refusal(preview, allowed)
    if refusal and not dry_run:
        raise InputError(f"nothing was imported from {file}:\n  {refusal}", field="file")
    if refusal:
        tell(f"without these options nothing would be imported:\n  {refusal}")
    if not as_json:
        _write_table(preview)
    if not dry_run and preview.written:
        asking.confirm(f"Write these lines ({len(preview.written)})?", yes=yes)
        act(
            "writing",
            way,
            remotely=lambda api: import_file(api, content, reading, allowed),
            directly=lambda services, actor: write_import(services, preview, actor=actor),
        )
        tell(f"imported {len(preview.written)} contractors")
    if as_json:
        write_json(_document(preview, feed, looks, dry_run=dry_run))
    return DONE


def _refusal(preview: Preview, allowed: Allowed) -> str:
    """Return what would have to be allowed first; empty if nothing."""
    try:
        require_allowed(preview, allowed)
    except InputError as error:
        return str(error).replace("\n", "\n  ")
    return ""


def _mapping(given: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    fields = [field for field, _ in given]
    if twice := sorted({field for field in fields if fields.count(field) > 1}):
        raise click.UsageError(f"--map names {', '.join(twice)} twice; one column is enough")
    return dict(given)


def _read(file: Path, reading: Reading, *, asks: bool) -> tuple[bytes, Reading, Feed]:
    """Read the file; at a terminal, ask about its encoding and about columns that may be wanted.

    Returns: What is in the file, how it is to be read after the answers, and what it says.
    """
    with click.open_file(str(file), "rb") as opened:
        content = opened.read()
    try:
        feed = read_file(settings(), content, reading)
    except EncodingError as error:
        question = f"The file is not UTF-8. As {error.likely} it reads {error.sample!r}. Is that right?"
        if not asks or not click.confirm(question, err=True):
            raise
        reading = replace(reading, encoding=error.likely)
        feed = read_file(settings(), content, reading)
    wanted = {
        doubt.field: doubt.column
        for doubt in feed.doubts
        if asks
        and doubt.is_usable
        and click.confirm(f"Column {doubt.column!r} is not used. Is it the {doubt.field}?", err=True)
    }
    if wanted:
        reading = replace(reading, mapping={**reading.mapping, **wanted})
        feed = read_file(settings(), content, reading)
    return content, reading, feed


async def _preview(services: Services, feed: Feed, actor: Actor) -> tuple[Preview, list[str]]:
    preview = await preview_import(services, feed.lines, actor=actor)
    return preview, second_looks(feed, services.settings.date_rules, services.now())


def _tell(feed: Feed, looks: list[str], *, asks: bool) -> None:
    for note in feed.notes:
        tell(note)
    for doubt in feed.doubts:
        if not (asks and doubt.is_usable):
            tell(str(doubt))
    for warning in feed.warnings:
        tell(f"warning: {warning}")
    for look in looks:
        tell(look)


def _write_table(preview: Preview) -> None:
    written = sorted(preview.written, key=lambda change: (_ORDER.index(change.kind), change.line))
    shown_first = written[:_MOST_SHOWN]
    rest = f", the first {_MOST_SHOWN}" if len(written) > _MOST_SHOWN else ""
    rows = [_row(change, preview) for change in shown_first]
    columns = ("contractor", "change", "end", "was", "remarks", "line")
    write_tables(Table(f"Changes ({len(written)}{rest})", columns, rows, ("remarks",)))


def _row(change: Change, preview: Preview) -> tuple[object, ...]:
    values = shown(change.row)
    was = shown(change.before)["end_date"] if change.before else None
    return (
        change.name,
        change.kind,
        values["end_date"],
        was,
        ", ".join(_remarks(change, preview)),
        change.line,
    )


def _remarks(change: Change, preview: Preview) -> list[str]:
    remarks = (
        (change.person in preview.tonight.leavers, "would go tonight"),
        (change.has_ended, "already ended"),
        (change.is_unknown, "unknown to Entra"),
        (bool(change.person) and not change.member, "not a member"),
    )
    return [remark for applies, remark in remarks if applies]


def _document(preview: Preview, feed: Feed, looks: list[str], *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "imported": len(preview.written),
        "summary": preview.summary,
        "counts": preview.counts,
        "leaving_tonight": sorted(preview.tonight.leavers),
        "held": preview.tonight.held,
        "changes": [
            {
                "line": change.line,
                "change": change.kind,
                "name": change.name,
                "row_key": change.row.row_key,
                "end_date": shown(change.row)["end_date"],
                "was": shown(change.before)["end_date"] if change.before else "",
                "remarks": _remarks(change, preview),
            }
            for change in preview.written
        ],
        "contractors": [shown(change.row) for change in preview.written],
        "notes": feed.notes,
        "warnings": feed.warnings,
        "at_midnight": looks,
    }
