"""The lock-out guard: what is never written, whatever the templates say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from enforcer.core.coverage import lower
from enforcer.core.exceptions import RefusedError
from enforcer.core.policy import ALL, BLOCK, LEAVERS, Policy, PolicyState
from enforcer.policies.as_code.parameters import SIGN_IN_APPS


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Object IDs, in lower case, of the emergency accounts and of groups of such accounts."""

    accounts: frozenset[str]
    groups: frozenset[str] = frozenset()


def dangers(policies: Sequence[Policy], managed_groups: Sequence[str], break_glass: BreakGlass) -> list[str]:
    """Return every way in which the policies would lock out administrators, all contractors or everybody."""
    if not (break_glass.accounts or break_glass.groups):
        nobody = "breakGlassAccounts and breakGlassGroups are empty"
        return [f"{nobody}: name accounts that can sign in when all others are blocked"]
    both = break_glass.groups & lower(managed_groups)
    return [f"breakGlassGroups: {group} is a managed group" for group in sorted(both)] + [
        f"{policy.key}: {danger}"
        for policy in policies
        for danger in (
            *_for_administrators(policy, break_glass),
            *_for_everybody(policy),
            *(_for_contractors(policy, lower(managed_groups)) if policy.blocks else ()),
        )
    ]


def _for_administrators(policy: Policy, break_glass: BreakGlass) -> Iterator[str]:
    users = policy.users
    for what, known, included, excluded in (
        ("account", break_glass.accounts, users.include_users, users.exclude_users),
        ("group", break_glass.groups, users.include_groups, users.exclude_groups),
    ):
        for item in sorted(known - lower(excluded)):
            yield f"does not exclude the break-glass {what} {item}"
        for item in sorted(known & lower(included)):
            yield f"includes the break-glass {what} {item}"
    if users.include_roles:
        yield "includes administrator roles"


def _for_everybody(policy: Policy) -> list[str]:
    found = []
    if ALL in (policy.users.include_users or ()):
        found.append("includes all users of the tenant")
    if policy.state is not PolicyState.REPORT_ONLY:
        found.append(f"has the state {policy.state}; a template has to be {PolicyState.REPORT_ONLY}")
    return found


def _for_contractors(policy: Policy, managed_groups: frozenset[str]) -> list[str]:
    if policy.key == BLOCK:
        return _for_the_admitted(policy, managed_groups)
    if policy.key == LEAVERS:
        both = lower(policy.users.include_groups) & managed_groups
        return [f"includes the managed group {group}" for group in sorted(both)]
    allowed = lower(policy.applications.exclude_applications) - set(SIGN_IN_APPS)
    if not policy.limits and not allowed and not policy.applications.application_filter:
        return ["blocks every app except those that signing in needs: list the allowed apps in allowedApps"]
    return []


def _for_the_admitted(policy: Policy, managed_groups: frozenset[str]) -> list[str]:
    users = policy.users
    included = lower(users.include_groups)
    missing = managed_groups - lower(users.exclude_groups)
    found = [f"does not exclude the managed group {group}" for group in sorted(missing)]
    if included & managed_groups:
        found.append(
            "includes a managed group: nobody who has left it would be blocked; populationGroups has to name"
            " groups that people stay in"
        )
    if not included and users.include_guests_or_external_users is None:
        found.append("blocks nobody: name populationGroups, guestTypes or both")
    return found


def refuse(problems: list[str]) -> None:
    """Raise a RefusedError that lists the problems, if there are any."""
    if problems:
        raise RefusedError("refused, nothing was written:\n" + "\n".join(f"  {item}" for item in problems))
