"""What a deployment put out, in the tags of its resource group: no shell has to keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enforcer.deployment.work import Work

_PREFIX = "enforcer-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What was deployed; all empty if nothing was yet."""

    app: str = ""
    api: str = ""
    storage: str = ""
    tables: str = ""
    queues: str = ""
    blobs: str = ""
    mode: str = ""
    version: str = ""

    def environment(self) -> dict[str, str]:
        """Return the settings with which the command line reaches what was deployed."""
        found = {
            "EnforcerStorage__tableServiceUri": self.tables,
            "EnforcerStorage__queueServiceUri": self.queues,
            "EnforcerStorage__blobServiceUri": self.blobs,
            "ENFORCER_API_URL": self.api,
        }
        return {name: value for name, value in found.items() if value}


def from_tags(tags: Mapping[str, str] | None) -> Deployed:
    """Read the tags of a resource group."""
    known = {name: (tags or {}).get(_PREFIX + name, "") for name in Deployed.__dataclass_fields__}
    return Deployed(**known)


async def read_tags(work: Work) -> Deployed:
    """Read what was deployed before."""
    group = await work.azure.look("group", "show", "--name", work.resource_group)
    return from_tags((group or {}).get("tags"))


async def write_tags(work: Work, outputs: Mapping[str, Any], before: Deployed) -> None:
    """Write the outputs of a deployment into the tags; other tags stay."""
    from enforcer.deployment.version import version

    values = {
        "app": outputs["appName"],
        "api": outputs["apiUrl"],
        "storage": outputs["storageAccountName"],
        "tables": outputs["tableServiceUri"],
        "queues": outputs["queueServiceUri"],
        "blobs": outputs["blobServiceUri"],
        "mode": work.file.get("mode"),
        "version": version(),
    }
    if before == Deployed(**values):
        return
    tags = [f"{_PREFIX}{name}={value}" for name, value in values.items()]
    command = ("tag", "update", "--resource-id", work.resource_group_id, "--operation", "Merge", "--tags")
    await work.hands.change(
        "note in the resource group's tags what was deployed", lambda: work.azure.ask(*command, *tags)
    )
