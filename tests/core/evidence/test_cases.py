"""The summary of an export."""

from __future__ import annotations

import pytest

from enforcer.core.evidence.cases import Membership, Verdict, summarise
from tests.support.evidence_examples import case


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


def test_cases_outside_the_sla_do_not_affect_the_percentage() -> None:
    summary = summarise([case("Ada", hours=None, verdict=Verdict.PENDING)])

    assert (summary.judged, summary.in_time_percent) == (0, None)


def test_verdicts_are_spelled_as_in_existing_files() -> None:
    assert [one.value for one in Verdict] == [
        *("in_time", "late", "pending", "overdue", "unproven", "unknown", "withdrawn", "no_end_date"),
    ]
    assert [one.value for one in Membership] == ["member", "not_a_member", "unknown"]


@pytest.mark.parametrize("verdict", Verdict)
def test_which_verdicts_count_for_the_sla(verdict: Verdict) -> None:
    summary = summarise([case("Ada", hours=1), case("Ben", hours=None, verdict=verdict)])
    left_out = verdict in (Verdict.PENDING, Verdict.WITHDRAWN, Verdict.NO_END_DATE)
    in_time = 1 + (verdict is Verdict.IN_TIME)
    judged = 1 if left_out else 2
    assert (summary.judged, summary.in_time_percent) == (judged, 100 * in_time / judged)
