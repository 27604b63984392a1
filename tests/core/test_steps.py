from __future__ import annotations

import pytest

from enforcer.core.steps import StepOutcome, StepResult


@pytest.mark.parametrize("outcome", StepOutcome)
def test_every_outcome_but_a_failure_settles_the_step(outcome: StepOutcome) -> None:
    assert StepResult(outcome=outcome).settled is (outcome is not StepOutcome.FAILED)


def test_a_result_claims_nothing_that_it_was_not_told() -> None:
    bare = StepResult(outcome=StepOutcome.DONE)
    assert (bare.forbidden, bare.unavailable, bare.uncertain) == (False, False, False)
    assert (bare.request_id, bare.explanation) == ("", "")
