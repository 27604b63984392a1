"""Policies as Graph returns them, for tests of pure code."""

from __future__ import annotations

from copy import deepcopy

import msgspec

from enforcer.core.policy import LEAVERS, Json, Policy, marked, read_policy
from enforcer.policies.as_code.parameters import Parameters, placeholders
from enforcer.policies.as_code.templates import read_templates, render
from sandbox.directory.routes.policy_forms import completed
from tests.support.office import TEMPLATES

GROUP = "11111111-0000-0000-0000-000000000001"
POPULATION = "11111111-0000-0000-0000-000000000002"
OTHER = "11111111-0000-0000-0000-000000000003"
BREAK_GLASS = ("22222222-0000-0000-0000-000000000001", "22222222-0000-0000-0000-000000000002")
EXEMPTIONS: tuple[dict[str, object], ...] = (
    {"excludeApplications": ["Office365"]},
    {"applicationFilter": {"mode": "exclude", "rule": 'CustomSecurityAttribute.X_Y -eq "open"'}},
)
VALUES = Parameters(
    break_glass_accounts=BREAK_GLASS, allowed_apps=("Office365",), population_groups=(POPULATION,)
)

FULL = msgspec.structs.replace(
    VALUES, authentication_strength="passwordless", require_compliant_device=True, break_glass_groups=(OTHER,)
)


def shipped(values: Parameters = VALUES, leavers_group: str = "") -> dict[str, Policy]:
    """Return the shipped policies with these values, by their templates' names."""
    filled = placeholders(values, (GROUP,), leavers_group)
    templates = [one for one in read_templates(TEMPLATES) if leavers_group or one.key != LEAVERS]
    rendered = {template.key: render(template, filled) for template in templates}
    return {key: policy for key, policy in rendered.items() if policy is not None}


def in_tenant(policy: Policy, state: str = "enabled") -> Policy:
    """Return the policy as Graph would show it: with an ID, and written out in full."""
    return read_policy(completed({**deepcopy(policy.body), "id": f"id of {policy.key}", "state": state}))


def changed(policy: Policy, **users: object) -> Policy:
    """Return the policy with other conditions on users, as somebody would make it in the portal."""
    body = deepcopy(policy.body)
    body["conditions"]["users"] |= users
    return read_policy(body)


def handmade(policy: Policy, name: str = "Handmade") -> Policy:
    """Return the same policy as if this product had not made it."""
    body: Json = policy.body | {"displayName": name, "id": f"id of {name}"}
    return read_policy(body)


def remade(policy: Policy, **users: object) -> Policy:
    """Return the policy with other conditions on users, as if the template had been so."""
    plain = changed(policy, **users)
    body = plain.body | {"displayName": "Remade"}
    return marked(read_policy(body), policy.key)
