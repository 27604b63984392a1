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


def test_what_the_sla_cannot_be_applied_to_yet_does_not_spoil_the_percentage() -> None:
    summary = summarise([case("Ada", hours=None, verdict=Verdict.PENDING)])

    assert (summary.judged, summary.in_time_percent) == (0, None)


def test_the_words_are_those_of_the_files_that_are_there() -> None:
    assert [one.value for one in Verdict] == [
        *("in_time", "late", "pending", "overdue", "unproven", "unknown", "withdrawn", "no_end_date"),
    ]
    assert [one.value for one in Membership] == ["member", "not_a_member", "unknown"]


@pytest.mark.parametrize("verdict", Verdict)
def test_the_sla_is_applied_where_it_can_be(verdict: Verdict) -> None:
    summary = summarise([case("Ada", hours=1), case("Ben", hours=None, verdict=verdict)])
    left_out = verdict in (Verdict.PENDING, Verdict.WITHDRAWN, Verdict.NO_END_DATE)
    in_time = 1 + (verdict is Verdict.IN_TIME)
    judged = 1 if left_out else 2
    assert (summary.judged, summary.in_time_percent) == (judged, 100 * in_time / judged)
