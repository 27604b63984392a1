from __future__ import annotations

import pytest

from enforcer.core.steps import StepOutcome, StepResult


@pytest.mark.parametrize("outcome", StepOutcome)
def test_every_outcome_but_a_failure_settles_the_step(outcome: StepOutcome) -> None:
    assert StepResult(outcome=outcome).settled is (outcome is not StepOutcome.FAILED)
