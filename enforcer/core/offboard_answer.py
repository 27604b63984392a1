"""The answer to whoever offboards one person on demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from enforcer.core.offboarding_record import Proof, Sessions
from enforcer.core.plan import Step
from enforcer.core.steps import StepOutcome, StepResult


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One step, as reported to the caller; `group_id` is empty if it concerns the account."""

    step: Step
    group_id: str
    outcome: StepOutcome
    request_id: str
    detail: str = ""


def step_reports(
    account: Mapping[Step, StepResult], removals: Mapping[str, StepResult]
) -> tuple[StepReport, ...]:
    """Return the steps in order: disabling, the removals by group, the leavers' group, the revocation."""
    before, after = (
        [_step(step, "", account[step])] if step in account else []
        for step in (Step.DISABLE, Step.LEAVERS_ADD)
    )
    removed = [_step(Step.REMOVE, group_id, result) for group_id, result in removals.items()]
    return (*before, *removed, *after, _step(Step.REVOKE, "", account[Step.REVOKE]))


def _step(step: Step, group_id: str, result: StepResult) -> StepReport:
    return StepReport(
        step=step,
        group_id=group_id,
        outcome=result.outcome,
        request_id=result.request_id,
        detail=result.explanation,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offboarded:
    """What was done to one person, step by step.

    Attributes:
        done: Every step is settled.
        sessions: `revoked`, `home_tenant` or `no_account`; None while it is not known.
        ended_rows: The register's rows that end now, as `group/row key`.
        roles: The directory roles because of which the account was not disabled, by name or object ID.
        proof: What Entra says about their next sign-in; None if these steps removed them from no group.
        proof_policy: The name of the policy that blocks it.
        warnings: What was read differently from how it was sent.
    """

    run_id: str
    user_id: str
    user_principal_name: str
    guest: bool
    done: bool
    sessions: Sessions | None
    steps: tuple[StepReport, ...]
    ended_rows: tuple[str, ...]
    roles: tuple[str, ...] = ()
    proof: Proof | None = None
    proof_policy: str = ""
    warnings: tuple[str, ...] = ()
