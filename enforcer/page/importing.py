"""The page "Import": a file, what would follow from it, and only then, once confirmed, its rows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from enforcer.core.calendar import dates
from enforcer.core.exceptions import FourEyesError, InputError, MissingRoleError
from enforcer.page.answers import frame, html, see_other
from enforcer.page.forms import read_form
from enforcer.page.people import PersonLink, person_path
from enforcer.page.uploads import MULTIPART, read_upload
from enforcer.register.allowed import Allowed
from enforcer.register.feed.columns import MAPPABLE
from enforcer.register.feed.day_orders import DateOrder
from enforcer.register.feed.problems import FileError
from enforcer.register.feed.reading import Feed, Reading
from enforcer.register.importing import (
    preview_import,
    read_file,
    require_allowed,
    second_looks,
    write_import,
)
from enforcer.register.preview import Change, Kind, Preview
from enforcer.web.calls import Call
from enforcer.web.messages import Response

PATH = "/api/import"
LARGEST = 4 * 1024 * 1024  # bytes; the file comes back with the confirmation, a third longer
SHOWN = 500
_OPTIONS = ("dates", "encoding", "sheet", "group_id", *(f"map_{field}" for field in MAPPABLE))
_ORDER = (Kind.SHORTENED, Kind.CHANGED, Kind.NEW, Kind.EXTENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A line that would change something."""

    person: PersonLink
    line: int
    kind: str
    end: str
    was: str
    remarks: tuple[str, ...]


async def show_import(call: Call) -> Response:
    return _page(call, written=call.request.query.get("written", ""))


async def import_upload(call: Call) -> Response:
    """Preview an uploaded file, or write one that was previewed and confirmed.

    Raises:
        FourEyesError, MissingRoleError: The viewer may not write one of its lines.
        RunError, UnavailableError: Graph or storage refuses, or does not answer.
    """
    if call.request.media_type == MULTIPART:
        upload = read_upload(call.request)
        return await _preview(call, upload.content, upload.fields)
    form = read_form(call.request)
    try:
        content = base64.urlsafe_b64decode(form.get("content", ""))
    except (binascii.Error, ValueError):
        content = b""
    return await _confirmed(call, content, form)


async def _preview(call: Call, content: bytes, form: Mapping[str, str], mistake: str = "") -> Response:
    try:
        feed, preview = await _read(call, content, form)
    except FileError as error:
        return _page(call, form=form, problems=error.problems)
    except (FourEyesError, MissingRoleError):
        raise
    except InputError as error:
        return _page(call, form=form, problems=(str(error),))
    return _page(call, form=form, content=content, feed=feed, preview=preview, mistake=mistake)


async def _confirmed(call: Call, content: bytes, form: Mapping[str, str]) -> Response:
    """Write what was confirmed; if it is no longer the same, show what it is now."""
    try:
        _, preview = await _read(call, content, form)
    except FileError:
        return await _preview(call, content, form)
    if preview.digest != form.get("digest", ""):
        return await _preview(call, content, form, "The register has changed since. Please look again.")
    try:
        require_allowed(preview, Allowed(past="past" in form, unknown="unknown" in form))
    except InputError:
        return await _preview(call, content, form, "Nothing was written: tick what you want to allow.")
    rows = await write_import(call.services, preview, actor=call.caller.actor)
    return see_other(PATH, written=str(len(rows)))


async def _read(call: Call, content: bytes, form: Mapping[str, str]) -> tuple[Feed, Preview]:
    order = form.get("dates", "")
    reading = Reading(
        mapping={field: form[f"map_{field}"] for field in MAPPABLE if form.get(f"map_{field}")},
        order=DateOrder(order) if order in list(DateOrder) else None,
        encoding=form.get("encoding", ""),
        sheet=form.get("sheet", ""),
        group_id=form.get("group_id", ""),
    )
    feed = read_file(call.services.settings, content, reading)
    return feed, await preview_import(call.services, feed.lines, actor=call.caller.actor)


def _page(  # noqa: PLR0913 -- what the template shows
    call: Call,
    *,
    form: Mapping[str, str] | None = None,
    content: bytes = b"",
    feed: Feed | None = None,
    preview: Preview | None = None,
    problems: Sequence[str] = (),
    mistake: str = "",
    written: str = "",
) -> Response:
    form = form or {}
    settings = call.services.settings
    changes = sorted(preview.written, key=_rank) if preview else []
    told = [
        *(feed.notes if feed else ()),
        *map(str, feed.doubts if feed else ()),
        *(feed.warnings if feed else ()),
        *(second_looks(feed, settings.date_rules, call.services.now()) if feed else ()),
    ]
    return html(
        "import.html",
        frame=frame(call, "Import"),
        path=PATH,
        form={name: form.get(name, "") for name in _OPTIONS},
        options={name: form[name] for name in _OPTIONS if form.get(name)},
        fields=tuple(MAPPABLE),
        groups=settings.group_ids if len(settings.group_ids) > 1 else (),
        problems=problems,
        mistake=mistake,
        written=written if written.isdecimal() else "",
        content=base64.urlsafe_b64encode(content).decode(),
        preview=preview,
        told=told,
        changes=[_shown(change, preview) for change in changes[:SHOWN]] if preview else [],
        more=max(len(changes) - SHOWN, 0),
    )


def _rank(change: Change) -> tuple[int, int]:
    return _ORDER.index(change.kind), change.line


def _shown(change: Change, preview: Preview) -> Shown:
    remarks = (
        (change.person in preview.tonight.leavers, "would go tonight"),
        (change.has_ended, "already ended"),
        (change.is_unknown, "unknown to Entra"),
        (bool(change.person) and not change.member, "not a member"),
    )
    return Shown(
        person=PersonLink(name=change.name, key=change.row.row_key, href=person_path(change.row.row_key)),
        line=change.line,
        kind=change.kind.value,
        end=dates.written(change.row.end_date),
        was=dates.written(change.before.end_date) if change.before and change.before.end_date else "",
        remarks=tuple(remark for applies, remark in remarks if applies),
    )
