"""After the removals: check the policies, and ask Entra whether they block whoever has left."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from enforcer.core.exceptions import EnforcerError
from enforcer.core.members import Member
from enforcer.core.offboarding_record import OffboardingRecord, Proof
from enforcer.core.plan import Finding
from enforcer.core.planning.planner import GroupSnapshot
from enforcer.core.runs import Outcome, Result
from enforcer.policies.drift import DriftReport, watch_policies
from enforcer.policies.proof import SWEEP_SECONDS, not_blocked, prove, unproven
from enforcer.policies.what_if import WhatIfClient
from enforcer.sweep.group_run import GroupRun

_log = logging.getLogger(__name__)

# Entra answers one question a second. When more people than this leave at once, asking about each would
# delay the run's result by minutes, so the verifying sweep asks instead.
_ASKED_AT_ONCE = 30


@dataclass(slots=True)
class PolicyCheck:
    """One run's check of policies and next sign-ins. It never fails the run.

    Attributes:
        drift: What is wrong with the tenant's policies.
        proven: Records, with what Entra says about the person's next sign-in.
    """

    group_run: GroupRun
    drift: DriftReport = field(default_factory=DriftReport)
    proven: list[OffboardingRecord] = field(default_factory=list)
    _not_blocked: list[Finding] = field(default_factory=list)

    async def watch(self, members: Iterable[Member]) -> None:
        """Check the policies for drift, and whether they would block these members once they have left."""
        self.drift = await watch_policies(self.group_run.services, self.group_run.group_id, list(members))

    async def prove(self, snapshot: GroupSnapshot, outcomes: Sequence[Outcome]) -> None:
        """Check the policies, and ask Entra about those who are out, as far as time allows."""
        if self.group_run.time_is_up():
            return
        try:
            self.proven = await self._ask(snapshot, [out.record for out in outcomes if _is_out(out)])
        except EnforcerError as error:
            _log.warning("Entra's answers could not be recorded: %s", type(error).__name__)
        self._not_blocked = not_blocked(self.proven, self.group_run.group_id)

    async def _ask(self, snapshot: GroupSnapshot, fresh: list[OffboardingRecord]) -> list[OffboardingRecord]:
        services = self.group_run.services
        await self.watch(snapshot.members)
        known = {item.row_key for item in fresh}
        others = [item for item in snapshot.records if item.row_key not in known]
        earlier = unproven(others, (member.id for member in snapshot.members), services.now())
        seconds = SWEEP_SECONDS if len(fresh) <= _ASKED_AT_ONCE else 0.0
        what_if = WhatIfClient(services, seconds)
        return await prove(what_if, self.group_run.context, fresh, earlier)

    @property
    def findings(self) -> list[Finding]:
        return [*self.drift.findings, *self._not_blocked]

    def count(self, proof: Proof) -> int:
        return sum(item.proof is proof for item in self.proven)

    def completed(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return the outcomes with what Entra says about each person."""
        proven = {item.row_key: item for item in self.proven}
        return [
            replace(outcome, record=proven.get(outcome.record.row_key, outcome.record))
            for outcome in outcomes
        ]


def _is_out(outcome: Outcome) -> bool:
    """Whether this run removed the person; whoever it skipped may have been removed by an earlier one."""
    return outcome.result is not Result.SKIPPED and outcome.record.removed_at is not None
