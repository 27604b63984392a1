"""Templates: policies in Graph's own schema, with placeholders such as `{{managedGroups}}` for values.

A placeholder replaces a whole JSON string. In a list it becomes one item per value; an object that would get
an empty string becomes null, as `includeGuestsOrExternalUsers` does when there are no guest types. A policy
that would ask for nothing, because its control is not configured, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from enforcer.core.exceptions import InputError
from enforcer.core.policy import BLOCK, Json, Policy, marked, pruned, read_policy
from enforcer.policies.as_code.parameters import Value

_VALUES = "values*.json"
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A policy with placeholders; `key` is the file's name without `.json`."""

    key: str
    body: Json


def read_templates(directory: Path) -> list[Template]:
    """Read all templates of a directory, ordered by name.

    Raises:
        InputError: A template cannot be read, or the block policy is missing.
    """
    files = sorted(path for path in directory.glob("*.json") if not path.match(_VALUES))
    templates = [Template(path.stem, _read(path)) for path in files]
    if BLOCK not in {template.key for template in templates}:
        raise InputError(f"{directory} has no {BLOCK}.json", field="--directory")
    return templates


def _read(path: Path) -> Json:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{path} cannot be read: {error}", field="--directory") from error


def render(template: Template, values: Mapping[str, Value]) -> Policy | None:
    """Fill in the values, and mark the policy's name so that it is recognised in the tenant.

    Returns:
        None where the values leave the policy nothing to ask for.

    Raises:
        InputError: A placeholder is unknown, or the result is not a policy.
    """
    try:
        body = _filled(template.body, values)
        if not isinstance(body, dict):
            raise InputError(f"{template.key}: nothing is left of the policy", field="--values")
        if _asks(template.body) and not _asks(body):
            return None
        return marked(read_policy(body), template.key)
    except KeyError as error:
        known = ", ".join(sorted(values))
        text = f"{template.key}: {{{{{error.args[0]}}}}} is not a placeholder; known are {known}"
        raise InputError(text, field="--directory") from error
    except msgspec.ValidationError as error:
        raise InputError(f"{template.key} is not a policy: {error}", field="--directory") from error


def _asks(body: Json) -> bool:
    """Whether a policy has any control."""
    grant = {**(body.get("grantControls") or {}), "operator": None}
    return bool(pruned({"grant": grant, "session": body.get("sessionControls")}))


def _filled(part: object, values: Mapping[str, Value]) -> object:
    match part:
        case dict():
            filled = {name: _filled(value, values) for name, value in part.items()}
            return None if "" in filled.values() else filled
        case list():
            return [item for element in part for item in _items(_filled(element, values))]
        case str() if found := _PLACEHOLDER.fullmatch(part):
            return values[found[1]]
        case _:
            return part


def _items(filled: object) -> tuple[object, ...]:
    return filled if isinstance(filled, tuple) else (filled,)
