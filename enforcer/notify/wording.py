"""The wording of messages: HTML to sponsors, plain text to operators.

Subjects are fixed or made of counts: nobody can write one through the register.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from enforcer.core.calendar import dates
from enforcer.core.calendar.durations import in_words
from enforcer.core.messages import Level
from enforcer.core.plain_text import without_links
from enforcer.core.plan import FindingKind, HeldPlan
from enforcer.core.runs import Run, RunKind
from enforcer.core.warnings import Notice
from enforcer.rendering import render
from enforcer.storage.queues import OFFBOARDINGS, SWEEPS

_LONGEST = 100
_QUEUES = {RunKind.SWEEP: SWEEPS, RunKind.OFFBOARD: OFFBOARDINGS}


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
    body = render(
        "enforcer.notify", "sponsor_mail.html", people=people, time_zone=zone.key, page_url=page_url()
    )
    return Text(subject="Contractor access ends soon", body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwarned:
    """Ends that are near and of which nobody can be warned, counted.

    Attributes:
        without_sponsor: No sponsor, or one without an address.
        outside: The sponsor's address is not in `ENFORCER_SPONSOR_DOMAINS`.
        mails_left: Mails that have to wait for the next night.
    """

    without_sponsor: int = 0
    outside: int = 0
    mails_left: int = 0

    @classmethod
    def of(cls, notices: Sequence[Notice], domains: Collection[str], mails_left: int) -> Unwarned:
        without = sum(not notice.ending.written.address for notice in notices)
        told = sum(notice.ending.written.may_be_told(domains) for notice in notices)
        return cls(without_sponsor=without, outside=len(notices) - told - without, mails_left=mails_left)

    @property
    def lines(self) -> list[str]:
        lines = (
            (self.without_sponsor, "Ending soon without a sponsor to notify"),
            (self.outside, "Ending soon with a sponsor outside ENFORCER_SPONSOR_DOMAINS, who is not told"),
            (self.mails_left, "Mails to sponsors that wait for the next night, which has its limit"),
        )
        return [f"{words}: {count}" for count, words in lines if count]


def run_summary(
    run: Run, findings: Mapping[FindingKind, int], unwarned: Unwarned, waiting: Sequence[HeldPlan] = ()
) -> Text:
    """Summarise a finished sweep for operators: what it did, and what needs attention.

    Counts and object IDs only: people's names do not belong in chat services.
    """
    counted = ("members", "due", "removed", "already_absent", "skipped", "stuck", "revoked", "disabled")
    lines = [
        f"Group {run.group_id}, run {run.run_id} ({run.occasion}, mode {run.mode})",
        _counts(run, counted),
        _counts(run, ("verified", "added", "ending_soon")),
        *_attention(run, findings, waiting),
        *unwarned.lines,
        *_page(),
    ]
    return Text(subject=_headline(run), body="\n".join(lines), level=_level(run, unwarned, waiting))


def on_demand(runs: Sequence[Run]) -> Text:
    """Return what operators hear of an offboarding on demand, or of an undo: counts, group by group."""
    lines = [
        f"Group {run.group_id}, run {run.run_id} ({run.occasion}, {run.state}): "
        + _counts(
            run, ("due", "removed", "already_absent", "skipped", "stuck", "revoked", "disabled", "added")
        )
        for run in runs
    ]
    removed = sum(run.removed for run in runs)
    what = "undo" if runs[0].kind is RunKind.UNDO else f"offboarding on demand, {removed} removed"
    return Text(subject=f"Contractor access: {what}", body="\n".join([*lines, *_page()]), level=Level.WARNING)


def given_up(runs: Sequence[Run]) -> Text:
    """Return what operators hear of a queue message that failed every time; the run says why."""
    queue, groups = _QUEUES.get(runs[0].kind, SWEEPS), ", ".join(run.group_id for run in runs)
    body = (
        f"A message of queue {queue} was given up. Run {runs[0].run_id} ({groups}) says why."
        " See docs/runbook.md#poison."
    )
    return Text(subject=f"{queue}: work was given up", body=body, level=Level.FAILURE)


def page_url() -> str:
    """Return the URL of the operators' page; empty if the platform does not say the app's host name."""
    host = os.environ.get("WEBSITE_HOSTNAME", "")
    return f"https://{host}/api/" if host and not host.startswith(("localhost", "127.0.0.1")) else ""


def _person(notice: Notice, zone: ZoneInfo) -> _Person:
    row = notice.ending.written
    key = row.row_key.replace("%23", "#")
    return _Person(
        name=_short(without_links(row.display_name) or key),
        key=_short(key),
        company=_short(without_links(row.company)),
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


def _attention(run: Run, findings: Mapping[FindingKind, int], waiting: Sequence[HeldPlan]) -> list[str]:
    lines = (
        [f"Slowest removal: {in_words(run.lag_seconds.max)} after access ended"]
        if run.lag_seconds.max
        else []
    )
    lines += [
        f"HELD by the brake: {held.size}. To approve: enforcer approve {held.digest}" for held in waiting
    ]
    if run.incomplete:
        lines.append(f"INCOMPLETE: {run.incomplete}; the next run tries again")
    if findings:
        lines.append("Findings: " + ", ".join(f"{count} {kind}" for kind, count in sorted(findings.items())))
    return lines


def _page() -> list[str]:
    url = page_url()
    return [url] if url else []


def _level(run: Run, unwarned: Unwarned, waiting: Sequence[HeldPlan]) -> Level:
    if run.incomplete or run.stuck:
        return Level.FAILURE
    if run.holds or waiting or run.findings or unwarned.outside or unwarned.mails_left:
        return Level.WARNING
    return Level.SUCCESS if run.acted else Level.INFO
