"""What a run makes sure of when everybody is out: that policies block whoever has left, by Entra's word."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from enforcer.core.exceptions import EnforcerError
from enforcer.core.offboarding_record import OffboardingRecord, Proof
from enforcer.core.plan import Finding
from enforcer.core.planning.planner import GroupSnapshot
from enforcer.core.runs import Outcome, Result
from enforcer.policies.drift import DriftReport, watch_policies
from enforcer.policies.proof import SWEEP_SECONDS, not_blocked, prove, unproven
from enforcer.policies.what_if import WhatIfClient
from enforcer.sweep.group_run import GroupRun

_log = logging.getLogger(__name__)

# Entra answers one question a second. When more people than this leave at once, asking about each of them
# would delay the run's result by minutes: the sweep that verifies them asks instead.
_ASKED_AT_ONCE = 30


@dataclass(slots=True)
class PolicyCheck:
    """The policies and the proofs of one run. Nothing here fails the run.

    Attributes:
        look: What the tenant's policies are like.
        proven: People with what Entra says of their next sign-in.
    """

    job: GroupRun
    look: DriftReport = field(default_factory=lambda: DriftReport(permitted=False))
    proven: list[OffboardingRecord] = field(default_factory=list)
    _not_blocked: list[Finding] = field(default_factory=list)

    async def watch(self) -> None:
        """Look at the policies."""
        self.look = await watch_policies(self.job.services, self.job.group_id)

    async def prove(self, facts: GroupSnapshot, outcomes: Sequence[Outcome]) -> None:
        """Look at the policies, and ask Entra about those who are out now. What time does not allow waits."""
        if self.job.time_is_up():
            return
        try:
            self.proven = await self._prove(facts, [out.enforcement for out in outcomes if _is_out(out)])
        except EnforcerError as error:
            _log.warning("what Entra says could not be recorded: %s", type(error).__name__)
        self._not_blocked = not_blocked(self.proven, self.job.group_id)

    async def _prove(self, facts: GroupSnapshot, fresh: list[OffboardingRecord]) -> list[OffboardingRecord]:
        services = self.job.services
        await self.watch()
        known = {item.row_key for item in fresh}
        others = [item for item in facts.enforcements if item.row_key not in known]
        earlier = unproven(others, (member.id for member in facts.members), services.now())
        seconds = SWEEP_SECONDS if len(fresh) <= _ASKED_AT_ONCE else 0.0
        inquiry = WhatIfClient(services, seconds)
        return await prove(inquiry, self.job.context, fresh, earlier)

    @property
    def findings(self) -> list[Finding]:
        return [*self.look.findings, *self._not_blocked]

    def count(self, proof: Proof) -> int:
        return sum(item.proof is proof for item in self.proven)

    def completed(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return the outcomes with what Entra says of each person."""
        proven = {item.row_key: item for item in self.proven}
        return [
            replace(outcome, enforcement=proven.get(outcome.enforcement.row_key, outcome.enforcement))
            for outcome in outcomes
        ]


def _is_out(outcome: Outcome) -> bool:
    """Whether this run took the person out; an earlier one did with whoever it only tried to finish."""
    return outcome.result is not Result.SKIPPED and outcome.enforcement.removed_at is not None
