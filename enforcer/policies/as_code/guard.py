"""The lock-out guard: what is never written, whatever the templates say."""

from __future__ import annotations

from collections.abc import Sequence

from enforcer.core.exceptions import RefusedError
from enforcer.core.policy import ALL, BLOCK, Policy, PolicyState


def dangers(
    policies: Sequence[Policy], managed_groups: Sequence[str], break_glass: Sequence[str]
) -> list[str]:
    """Return every way in which the policies would lock out administrators, all contractors or everybody."""
    if not break_glass:
        return ["breakGlassAccounts is empty: name accounts that can sign in when all others are blocked"]
    return [
        f"{policy.key}: {danger}"
        for policy in policies
        for danger in (
            *_for_administrators(policy, set(break_glass)),
            *_for_everybody(policy),
            *(_for_contractors(policy, set(managed_groups)) if policy.blocks else ()),
        )
    ]


def _for_administrators(policy: Policy, break_glass: set[str]) -> list[str]:
    users = policy.users
    missing = break_glass - set(users.exclude_users or ())
    found = [f"does not exclude the break-glass account {account}" for account in sorted(missing)]
    named = break_glass & set(users.include_users or ())
    found += [f"includes the break-glass account {account}" for account in sorted(named)]
    if users.include_roles:
        found.append("includes administrator roles")
    return found


def _for_everybody(policy: Policy) -> list[str]:
    found = []
    if ALL in (policy.users.include_users or ()):
        found.append("includes all users of the tenant")
    if policy.state is not PolicyState.REPORT_ONLY:
        found.append(f"has the state {policy.state}; a template has to be {PolicyState.REPORT_ONLY}")
    return found


def _for_contractors(policy: Policy, managed_groups: set[str]) -> list[str]:
    if policy.key == BLOCK:
        return _for_the_admitted(policy, managed_groups)
    if not policy.applications.exclude_applications:
        return ["blocks every app: list the allowed apps in allowedApps"]
    return []


def _for_the_admitted(policy: Policy, managed_groups: set[str]) -> list[str]:
    users = policy.users
    included = set(users.include_groups or ())
    missing = managed_groups - set(users.exclude_groups or ())
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
