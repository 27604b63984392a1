"""The answer to an offboarding on demand."""

from __future__ import annotations

from enforcer.core.offboard_answer import StepReport, step_reports
from enforcer.core.plan import Step
from enforcer.core.steps import StepOutcome, StepResult

DONE = StepResult(outcome=StepOutcome.DONE, request_id="request")


def test_steps_are_in_order_with_group_request_id_and_explanation() -> None:
    failed = StepResult(outcome=StepOutcome.FAILED, request_id="another", explanation="403 Denied")
    told = step_reports({Step.REVOKE: DONE, Step.DISABLE: failed}, {"group": DONE})
    assert told == (
        StepReport(
            step=Step.DISABLE,
            group_id="",
            outcome=StepOutcome.FAILED,
            request_id="another",
            detail="403 Denied",
        ),
        StepReport(step=Step.REMOVE, group_id="group", outcome=StepOutcome.DONE, request_id="request"),
        StepReport(step=Step.REVOKE, group_id="", outcome=StepOutcome.DONE, request_id="request"),
    )


def test_an_account_not_to_be_disabled_is_not_reported() -> None:
    assert [one.step for one in step_reports({Step.REVOKE: DONE}, {})] == [Step.REVOKE]
