"""The policies that the files describe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enforcer.core.coverage import lower
from enforcer.core.policy import BLOCK, LEAVERS, Policy
from enforcer.policies.as_code.guard import BreakGlass, dangers, refuse
from enforcer.policies.as_code.parameters import Parameters, placeholders, read_parameters
from enforcer.policies.as_code.templates import read_templates, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The policies of the files, checked as far as possible without the tenant."""

    policies: tuple[Policy, ...]
    managed_groups: tuple[str, ...]
    population_groups: tuple[str, ...]
    break_glass: BreakGlass


def read_wanted(
    directory: Path, values_file: Path, managed_groups: tuple[str, ...], leavers_group: str = ""
) -> Wanted:
    """Read the templates and their values.

    Raises:
        InputError: A file is missing or wrong.
        RefusedError: The policies would lock somebody out.
    """
    values = read_parameters(values_file)
    filled = placeholders(values, managed_groups, leavers_group)
    left_out = _left_out(values, leavers_group)
    templates = [one for one in read_templates(directory) if one.key not in left_out]
    rendered = (render(template, filled) for template in templates)
    policies = tuple(policy for policy in rendered if policy is not None)
    break_glass = BreakGlass(lower(values.break_glass_accounts), lower(values.break_glass_groups))
    refuse(dangers(policies, managed_groups, break_glass))
    return Wanted(
        policies=policies,
        managed_groups=managed_groups,
        population_groups=tuple(group.lower() for group in values.population_groups),
        break_glass=break_glass,
    )


def _left_out(values: Parameters, leavers_group: str) -> frozenset[str]:
    """Return the templates of policies that would apply to nobody, because others do their work."""
    if not leavers_group:
        return frozenset({LEAVERS})
    return frozenset() if values.population_groups or values.guest_types else frozenset({BLOCK})
