"""Watch the tenant's policies: read them and whom they name, compare, remember, raise the alarm."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from enforcer.core.drift import Drift, DriftKind, SeenPolicies, find_drift, substitutes
from enforcer.core.exceptions import AccessDeniedError, EnforcerError
from enforcer.core.members import Member
from enforcer.core.plan import Finding, FindingKind
from enforcer.core.policy import BLOCK, Policy, made_here
from enforcer.graph.conditional_access import READING
from enforcer.graph.identity import own_identity
from enforcer.policies.population import read_population
from enforcer.services import Services
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import PolicyDrift

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """What is wrong with the tenant's policies.

    Attributes:
        unseen: Why they were not read, in Graph's words where it refused; empty if they were.
        surprising: Whether they should have been: the identity holds the permission, or read them before.
        unread: Policies of others that this program cannot read.
        standing_in: Policies of others that block leavers where ours does not exist.
        examined: How many members of managed groups were compared with the policies.
        policies: What was read.
    """

    drifts: tuple[Drift, ...] = ()
    unseen: str = ""
    surprising: bool = False
    unread: tuple[str, ...] = ()
    standing_in: tuple[str, ...] = ()
    examined: int = 0
    policies: tuple[Policy, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        found = tuple(Finding(kind=_finding_kind(drift), detail=drift.detail) for drift in self.drifts)
        if not (self.unseen and self.surprising):
            return found
        detail = f"the Conditional Access policies were not checked: {self.unseen}"
        return (*found, Finding(kind=FindingKind.POLICIES_UNSEEN, detail=detail))


def _finding_kind(drift: Drift) -> FindingKind:
    unknown = drift.kind is DriftKind.NOT_KNOWN
    return FindingKind.POLICIES_UNSEEN if unknown else FindingKind.POLICY_DRIFT


async def look_for_drift(services: Services, members: Sequence[Member] | None = None) -> DriftReport:
    """Check the tenant's policies. That they cannot be read is part of the report.

    Args:
        services: All adapters.
        members: Whom to examine; by default the members of all managed groups.
    """
    seen = await _recall(services)
    try:
        return await _look(services, members, seen)
    except AccessDeniedError as error:
        surprising = seen.looked or await _is_permitted(services)
        return DriftReport(unseen=str(error), surprising=surprising)
    except EnforcerError as error:
        return DriftReport(unseen=str(error), surprising=True)


async def _recall(services: Services) -> SeenPolicies:
    """Return what earlier runs saw; nothing where storage does not tell, which is not about the policies."""
    try:
        return await services.policy_memory.recall(services.settings.group_ids)
    except EnforcerError as error:
        _log.warning("which policies were enabled before is not known: %s", error)
        return SeenPolicies()


async def _look(services: Services, members: Sequence[Member] | None, seen: SeenPolicies) -> DriftReport:
    listing = await services.conditional_access.policies()
    groups, leavers = services.settings.group_ids, services.settings.leavers_group
    users = None if members is None else [member for member in members if member.is_user]
    population = await read_population(services.graph, listing.policies, groups, users, leavers)
    others = () if made_here(listing.policies, BLOCK) else substitutes(listing.policies, groups, leavers)
    return DriftReport(
        drifts=tuple(find_drift(listing.policies, groups, population, seen, leavers)),
        unread=listing.unread,
        standing_in=tuple(policy.display_name for policy in others),
        examined=len(population.members),
        policies=listing.policies,
    )


async def _is_permitted(services: Services) -> bool:
    try:
        return READING in (await own_identity(services.graph)).roles
    except EnforcerError:
        return False


async def watch_policies(services: Services, group_id: str, members: Sequence[Member]) -> DriftReport:
    """Check the policies for a run over a managed group, remember them, and raise an alarm for each drift.

    Never fails the run: what could not be read is left to the next one.
    """
    report = await look_for_drift(services, members)
    if report.unseen:
        _log.warning("the Conditional Access policies were not checked: %s", report.unseen)
        return report
    for name in report.unread:
        _log.warning("a Conditional Access policy was skipped: %s", name)
    for drift in report.drifts:
        if drift.kind is not DriftKind.NOT_KNOWN:
            emit(PolicyDrift(group_id=group_id, kind=drift.kind, policy_id=drift.policy_id))
    await _remember(services, group_id, report.policies)
    return report


async def _remember(services: Services, group_id: str, policies: Sequence[Policy]) -> None:
    enabled = {policy.key: policy.display_name for policy in policies if policy.key and policy.is_enabled}
    try:
        await services.policy_memory.remember(group_id, enabled, services.now())
    except EnforcerError as error:
        _log.warning("which policies are enabled was not recorded: %s", type(error).__name__)
