from __future__ import annotations

from enforcer.core.offboarded import StepTaken, step_taken
from enforcer.core.plan import Step
from enforcer.core.steps import StepOutcome, StepResult


def test_a_step_is_told_with_its_group_graphs_request_and_graphs_words() -> None:
    failed = StepResult(outcome=StepOutcome.FAILED, request_id="request", explanation="403 Denied")
    assert step_taken(Step.REMOVE, "group", failed) == StepTaken(
        step=Step.REMOVE,
        group_id="group",
        outcome=StepOutcome.FAILED,
        request_id="request",
        detail="403 Denied",
    )
