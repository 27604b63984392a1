"""The report of a run: an HTML page and JSON, both with the ledger's head."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from enforcer.core.calendar.durations import in_words
from enforcer.core.ledger import Head
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.plan import Finding
from enforcer.core.runs import Outcome, Report, Run
from enforcer.rendering import render
from enforcer.storage.blobs import NOTE_HASH, NOTE_SEQUENCE, Blob


class _Person(msgspec.Struct, frozen=True, kw_only=True):
    result: str
    reason: str
    enforcement: OffboardingRecord


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the JSON file."""

    schema: int = 1
    run: Run
    people: tuple[_Person, ...]
    findings: tuple[Finding, ...]
    ledger: Head


def run_report(report: Report, head: Head, zone: ZoneInfo) -> tuple[Blob, Blob]:
    """Render a run's report; `head` is the head of the group's ledger after the run."""
    run = report.run
    name = f"{run.group_id}/{run.run_id}"
    notes = {NOTE_SEQUENCE: str(head.sequence), NOTE_HASH: head.hash}
    return (
        Blob(name=f"{name}.html", content=_page(report, head, zone), content_type="text/html; charset=utf-8"),
        Blob(name=f"{name}.json", content=_json(report, head), content_type="application/json", notes=notes),
    )


def _json(report: Report, head: Head) -> bytes:
    people = tuple(_person(outcome) for outcome in report.outcomes)
    whole = RunReport(run=report.run, people=people, findings=report.findings, ledger=head)
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def _person(outcome: Outcome) -> _Person:
    return _Person(result=outcome.result.value, reason=outcome.reason, enforcement=outcome.record)


def _page(report: Report, head: Head, zone: ZoneInfo) -> bytes:
    def local(moment: datetime | None) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if moment else ""

    html = render(
        "enforcer.evidence",
        "run.html",
        run=report.run,
        outcomes=report.outcomes,
        findings=report.findings,
        waiting=report.waiting,
        head=head,
        zone=zone.key,
        local=local,
        in_words=in_words,
    )
    return html.encode()
