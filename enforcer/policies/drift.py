"""Drift: whether somebody who has left every managed group could still sign in.

Looks only at the tenant, because the nightly function has no templates: the policy's name carries a digest of
what was applied. `policies plan` shows what has changed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from enforcer.core.exceptions import AccessDeniedError, EnforcerError
from enforcer.core.plan import Finding, FindingKind
from enforcer.core.policy import ALL, BLOCK, GUESTS, Policy, made_here
from enforcer.services import Services
from enforcer.telemetry.emitting import emit
from enforcer.telemetry.events import PolicyDrift

_log = logging.getLogger(__name__)

ALARM = "offboarding removes people from the group, but nothing blocks them"


class DriftKind(StrEnum):
    MISSING = "missing"
    NOT_ENABLED = "not_enabled"
    NOT_EVERYWHERE = "not_everywhere"
    """It does not block all apps under all conditions."""
    NO_POPULATION = "no_population"
    """It applies to nobody, or only to people in the managed group."""
    NOT_COVERED = "not_covered"
    """It would not apply to some members of a managed group once they leave."""
    NOT_EXCLUDED = "not_excluded"
    """A managed group is not excluded: its members are blocked."""
    EXCLUDES_MORE = "excludes_more"
    ALTERED = "altered"
    """It was changed by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    kind: DriftKind
    policy_id: str = ""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """What is wrong with the tenant's policies.

    Attributes:
        permitted: Whether this identity may read them; otherwise nothing is known.
    """

    permitted: bool
    drifts: tuple[Drift, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(Finding(kind=FindingKind.POLICY_DRIFT, detail=drift.detail) for drift in self.drifts)


async def look_for_drift(services: Services) -> DriftReport:
    """Check the tenant's policies; a missing permission to read them is not an error.

    Raises:
        ReadError, UnavailableError: They could not be read this time.
    """
    try:
        policies = await services.conditional_access.policies()
    except AccessDeniedError:
        return DriftReport(permitted=False)
    return DriftReport(permitted=True, drifts=tuple(find_drift(policies, services.settings.group_ids)))


async def watch_policies(services: Services, group_id: str) -> DriftReport:
    """Check the policies for a run over a managed group, and raise an alarm for each drift.

    Never fails the run: what could not be read is left to the next one.
    """
    try:
        report = await look_for_drift(services)
    except EnforcerError as error:
        _log.warning("the Conditional Access policies were not checked: %s", type(error).__name__)
        return DriftReport(permitted=True)
    for drift in report.drifts:
        emit(PolicyDrift(group_id=group_id, kind=drift.kind, policy_id=drift.policy_id))
    return report


def find_drift(policies: Sequence[Policy], managed_groups: Sequence[str]) -> list[Drift]:
    """Compare the block policy with what it has to be."""
    groups = set(managed_groups)
    ours = made_here(policies, BLOCK)
    if not ours:
        if any(_would_do(policy, groups) for policy in policies):
            return []
        return [Drift(kind=DriftKind.MISSING, detail=f"{ALARM}: there is no policy {BLOCK}")]
    # One correct copy is enough.
    return min(([*_drifts_of(policy, groups)] for policy in ours), key=len)


def _would_do(policy: Policy, groups: set[str]) -> bool:
    """Whether a policy made by somebody else does the same."""
    enforced = policy.is_enabled and policy.blocks_everywhere and not policy.exempts_apps
    apart = _excluded(policy) == groups and not _excludes_kinds(policy)
    return enforced and apart and not _is_circular(policy, groups) and _applies_to_anybody(policy)


def _drifts_of(policy: Policy, groups: set[str]) -> Iterator[Drift]:
    found = [*_force_problems(policy, groups), *_exclusion_problems(policy, groups)]
    if policy.is_altered and not found:
        found.append((DriftKind.ALTERED, "it was changed by hand; `policies plan` shows the differences"))
    for kind, detail in found:
        yield Drift(kind=kind, policy_id=policy.id, detail=f"policy {policy.display_name}: {detail}")


def _force_problems(policy: Policy, groups: set[str]) -> Iterator[tuple[DriftKind, str]]:
    if not policy.is_enabled:
        yield DriftKind.NOT_ENABLED, f"{ALARM}: its state is {policy.state}"
    if not policy.blocks_everywhere:
        yield DriftKind.NOT_EVERYWHERE, f"{ALARM}: it does not block all apps under all conditions"
    if _is_circular(policy, groups):
        yield DriftKind.NO_POPULATION, f"{ALARM}: whom it applies to depends on the managed group itself"
    elif not _applies_to_anybody(policy):
        yield DriftKind.NO_POPULATION, f"{ALARM}: it applies to nobody"


def _exclusion_problems(policy: Policy, groups: set[str]) -> Iterator[tuple[DriftKind, str]]:
    excluded = _excluded(policy)
    for group in sorted(groups - excluded):
        yield DriftKind.NOT_EXCLUDED, f"it does not exclude group {group}: its members are blocked"
    for group in sorted(excluded - groups):
        yield DriftKind.EXCLUDES_MORE, f"{ALARM} who are in group {group}, which it excludes too"


def _is_circular(policy: Policy, groups: set[str]) -> bool:
    return not groups.isdisjoint(item.lower() for item in policy.users.include_groups or ())


def _applies_to_anybody(policy: Policy) -> bool:
    """Whether it has a population; people named one by one do not count."""
    users = policy.users
    kinds = {ALL, GUESTS} & set(users.include_users or ())
    return bool(users.include_groups or kinds or users.include_guests_or_external_users)


def _excludes_kinds(policy: Policy) -> bool:
    """Whether it excludes guests or roles, and so perhaps somebody who has left."""
    users = policy.users
    guests = users.exclude_guests_or_external_users or GUESTS in (users.exclude_users or ())
    return bool(guests or users.exclude_roles)


def _excluded(policy: Policy) -> set[str]:
    return {item.lower() for item in policy.users.exclude_groups or ()}
