"""The summary of an export."""

from __future__ import annotations

from enforcer.core.evidence import Verdict, summarise
from tests.evidence.examples import case


def test_the_summary_counts_everybody_once() -> None:
    summary = summarise(
        [
            case("Ada", hours=1),
            case("Ben", hours=None),
            case("Cem", hours=None, verdict=Verdict.UNPROVEN),
        ]
    )

    assert (summary.population, summary.judged, summary.in_time_percent) == (3, 3, 33.3)
    assert {verdict: count for verdict, count in summary.verdicts.items() if count} == {
        Verdict.IN_TIME: 1,
        Verdict.OVERDUE: 1,
        Verdict.UNPROVEN: 1,
    }
    assert summary.lag_seconds.max == 3600


def test_what_the_sla_cannot_be_applied_to_yet_does_not_spoil_the_percentage() -> None:
    summary = summarise([case("Ada", hours=None, verdict=Verdict.PENDING)])

    assert (summary.judged, summary.in_time_percent) == (0, None)
