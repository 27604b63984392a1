"""The policies that the files describe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enforcer.core.coverage import lower
from enforcer.core.policy import Policy
from enforcer.policies.as_code.guard import BreakGlass, dangers, refuse
from enforcer.policies.as_code.parameters import placeholders, read_parameters
from enforcer.policies.as_code.templates import read_templates, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The policies of the files, checked as far as possible without the tenant."""

    policies: tuple[Policy, ...]
    managed_groups: tuple[str, ...]
    population_groups: tuple[str, ...]
    break_glass: BreakGlass


def read_wanted(directory: Path, values_file: Path, managed_groups: tuple[str, ...]) -> Wanted:
    """Read the templates and their values.

    Raises:
        InputError: A file is missing or wrong.
        RefusedError: The policies would lock somebody out.
    """
    values = read_parameters(values_file)
    filled = placeholders(values, managed_groups)
    rendered = (render(template, filled) for template in read_templates(directory))
    policies = tuple(policy for policy in rendered if policy is not None)
    break_glass = BreakGlass(lower(values.break_glass_accounts), lower(values.break_glass_groups))
    refuse(dangers(policies, managed_groups, break_glass))
    return Wanted(
        policies=policies,
        managed_groups=managed_groups,
        population_groups=tuple(group.lower() for group in values.population_groups),
        break_glass=break_glass,
    )
