"""What the Bicep files deploy, as Microsoft's compiler has evaluated them (`python -m tools.compiled`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from tools.compiled import COMPILED, DEPLOYMENTS, deployments

Json = dict[str, Any]
DEPLOYED = tuple(path.stem for path in deployments())
_ID = re.compile(r"'(/subscriptions/[^']+)'|^(/subscriptions/.+)$")
_EXTENSION = re.compile(
    r"/providers/Microsoft\.(?:Authorization|Insights)/(?:roleAssignments|diagnosticSettings).*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Who has which role (by its ID), and where: the path below the resource group."""

    principal: str
    role: str
    scope: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """The resources of one parameter file, and the outputs."""

    content: Json

    def of(self, kind: str) -> list[Json]:
        return [found for found in self.content["predictedResources"] if found["type"] == kind]

    def the(self, kind: str) -> Json:
        (found,) = self.of(kind)
        return found

    def names(self, kind: str) -> set[str]:
        """Return the last part of the resources' names."""
        return {found["name"].rpartition("/")[2] for found in self.of(kind)}

    @property
    def resources(self) -> list[Json]:
        return list(self.content["predictedResources"])

    @property
    def outputs(self) -> Json:
        return dict(self.content["outputs"])

    @property
    def site(self) -> Json:
        return dict(self.the("Microsoft.Web/sites")["properties"])

    @property
    def app_settings(self) -> dict[str, str]:
        return {one["name"]: one["value"] for one in self.site["siteConfig"]["appSettings"]}

    @property
    def alarms(self) -> dict[str, Json]:
        """Return the properties of the rules, by the name of the alarm."""
        prefix = self.the("Microsoft.Insights/components")["name"].removeprefix("appi-") + "-"
        rules = self.of("Microsoft.Insights/scheduledQueryRules")
        return {rule["name"].removeprefix(prefix): rule["properties"] for rule in rules}

    def roles(self) -> Iterator[Role]:
        for found in self.of("Microsoft.Authorization/roleAssignments"):
            given = found["properties"]
            yield Role(
                principal=given["principalId"],
                role=given["roleDefinitionId"].rpartition("/")[2],
                scope=scope_of(found).partition("/providers/")[2],
            )


def scope_of(extension: Json) -> str:
    """Return the ID of the resource that a role assignment or a diagnostic setting is about."""
    found = _ID.search(extension["id"])
    assert found, extension["id"]
    return _EXTENSION.sub("", found[1] or found[2])


@cache
def deployment(name: str) -> Deployment:
    return Deployment(json.loads((DEPLOYMENTS / f"{name}.snapshot.json").read_text()))


@cache
def template(name: str) -> Json:
    compiled: Json = json.loads((COMPILED / f"{name}.json").read_text())
    return compiled


def description(parameter: Json) -> str:
    return str(parameter.get("metadata", {}).get("description", ""))


def required(parameter: Json) -> bool:
    return "defaultValue" not in parameter and not parameter.get("nullable")


def is_expression(value: object) -> bool:
    return isinstance(value, str) and value.startswith("[") and not value.startswith("[[")
