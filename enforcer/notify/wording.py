"""The wording of messages: HTML to sponsors, plain text to operators."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from enforcer.core.calendar import dates
from enforcer.core.calendar.durations import in_words
from enforcer.core.messages import Level
from enforcer.core.runs import Report, Run
from enforcer.core.warnings import Notice
from enforcer.rendering import render

_LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    subject: str
    body: str
    level: Level = Level.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    name: str
    key: str
    company: str
    last_day: str


def sponsor_mail(notices: Sequence[Notice], zone: ZoneInfo) -> Text:
    """Write the mail that tells a sponsor of all ends of access that are near."""
    people = list(dict.fromkeys(_person(notice, zone) for notice in notices))
    first = min(notice.last_day for notice in notices)
    who = people[0].name if len(people) == 1 else f"{len(people)} people, the first"
    body = render(
        "enforcer.notify", "sponsor_mail.html", people=people, time_zone=zone.key, page_url=page_url()
    )
    return Text(subject=f"Contractor access ends soon: {who} on {_day(first)}", body=body)


def run_summary(report: Report, without_sponsor: int) -> Text:
    """Summarise a finished sweep for operators: what it did, and what needs attention.

    Counts and object IDs only: people's names do not belong in chat services.
    """
    run = report.run
    counted = ("members", "due", "removed", "already_absent", "skipped", "stuck", "revoked", "disabled")
    lines = [
        f"Group {run.group_id}, run {run.run_id} ({run.occasion}, mode {run.mode})",
        _counts(run, counted),
        _counts(run, ("verified", "added", "ending_soon")),
        *_attention(report, without_sponsor),
    ]
    return Text(subject=_headline(run), body="\n".join(lines), level=_level(report))


def page_url() -> str:
    """Return the URL of the operators' page; empty if the platform does not say the app's host name."""
    host = os.environ.get("WEBSITE_HOSTNAME", "")
    return f"https://{host}/api/" if host and not host.startswith(("localhost", "127.0.0.1")) else ""


def _person(notice: Notice, zone: ZoneInfo) -> _Person:
    row = notice.ending.written
    key = row.row_key.replace("%23", "#")
    return _Person(
        name=_short(row.display_name or key),
        key=_short(key),
        company=_short(row.company),
        last_day=_end(notice, zone),
    )


def _end(notice: Notice, zone: ZoneInfo) -> str:
    """Return the last day of access, with the time if access ends during that day."""
    day = _day(notice.last_day)
    if notice.ending.due_at == dates.ends_at(notice.last_day.isoformat(), zone):
        return day
    return f"{day}, until {notice.ending.due_at.astimezone(zone):%H:%M}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _day(day: date) -> str:
    return day.strftime("%A, %d %B %Y")


def _headline(run: Run) -> str:
    if run.held and not run.acted:
        return f"Contractor access: HELD, {run.due} people waiting for approval"
    parts = [
        (run.incomplete, "INCOMPLETE"),
        (run.stuck, "STUCK"),
        (run.removed, "removed"),
        (run.already_absent, "already absent"),
        (run.added, "added"),
    ]
    counts = ", ".join(f"{count} {word}" for count, word in parts if count)
    held = "HELD, " if run.holds else ""
    return f"Contractor access: {held}{counts or ('nobody was due' if not run.due else f'{run.due} due')}"


def _counts(run: Run, names: Sequence[str]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {getattr(run, name)}" for name in names)


def _attention(report: Report, without_sponsor: int) -> list[str]:
    run = report.run
    kinds = Counter(finding.kind.value for finding in report.findings)
    lines = (
        [f"Slowest removal: {in_words(run.lag_seconds.max)} after access ended"]
        if run.lag_seconds.max
        else []
    )
    lines += [
        f"HELD by the brake: {held.size}. To approve: enforcer approve {held.digest}"
        for held in report.waiting
    ]
    if run.incomplete:
        lines.append(f"INCOMPLETE: {run.incomplete}; the next run tries again")
    if kinds:
        lines.append("Findings: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    if without_sponsor:
        lines.append(f"Ending soon without a sponsor to notify: {without_sponsor}")
    if url := page_url():
        lines.append(url)
    return lines


def _level(report: Report) -> Level:
    run = report.run
    if run.incomplete or run.stuck:
        return Level.FAILURE
    if run.holds or report.waiting or run.findings:
        return Level.WARNING
    return Level.SUCCESS if run.acted else Level.INFO
