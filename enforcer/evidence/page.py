"""The evidence as one self-contained HTML page without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from enforcer.core.calendar.durations import in_words
from enforcer.core.evidence.cases import Case, Evidence, Verdict
from enforcer.evidence.plot import plot
from enforcer.rendering import render

MEANINGS = {
    Verdict.IN_TIME: "removed, with all steps done, within the SLA",
    Verdict.LATE: "removed by the enforcer, or the last step done, after the SLA had passed",
    Verdict.OVERDUE: "not removed, a member again, or a step not done, and the SLA has passed",
    Verdict.PENDING: "not done yet, but still within the SLA",
    Verdict.UNPROVEN: "not in the group, but not removed by the enforcer; since when is unknown",
    Verdict.UNKNOWN: "no removal on record, and the group's members could not be read",
    Verdict.WITHDRAWN: "end date extended, or row deleted, before all steps were done",
    Verdict.NO_END_DATE: "a member without a row, removed; there is no end date to measure from",
}


def page(evidence: Evidence) -> bytes:
    """Return the page as UTF-8."""
    zone = ZoneInfo(evidence.period.time_zone)

    def local(moment: datetime | None) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M") if moment else ""

    html = render(
        "enforcer.evidence",
        "evidence.html",
        evidence=evidence,
        cases=_worst_first(evidence.cases),
        meanings=MEANINGS,
        plot=plot(evidence.cases, evidence.period, evidence.sla),
        sla=in_words(evidence.sla.total_seconds()),
        local=local,
        in_words=in_words,
    )
    return html.encode()


def _worst_first(cases: Sequence[Case]) -> list[Case]:
    """Return the cases with the problems first; within a verdict they keep their order."""
    order = [Verdict.OVERDUE, Verdict.LATE, Verdict.UNKNOWN, Verdict.UNPROVEN, Verdict.PENDING]
    ranks = {verdict: rank for rank, verdict in enumerate(order)}
    return sorted(cases, key=lambda case: ranks.get(case.verdict, len(order)))
