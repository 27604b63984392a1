"""What `enforcer init` asks, and the tenant file that the answers make."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from enforcer.core.exceptions import InputError
from enforcer.deployment.tenant_file import Principal, TenantFile, check, form, parsed, path_of

_ADDRESS = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+")
_NEW = "new "


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Where Graph and the sign-in are: worldwide, or in a national cloud."""

    graph_url: str = "https://graph.microsoft.com"
    authority_url: str = "https://login.microsoftonline.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The answers to the seven questions, and where the enforcer is deployed.

    Attributes:
        group: Object ID of the managed group if it exists already; otherwise empty.
        new_group: Name of the group to create; otherwise empty.
        approvers: Who approves held plans; if nobody but the operators does, they approve their own.
        alarms: Mail addresses that receive the alarms.
        location: Azure region; empty for that of the resource group.
        cloud: The cloud of the tenant.
    """

    tenant_id: str
    group: str = ""
    new_group: str = ""
    zone: str
    operators: tuple[Principal, ...]
    approvers: tuple[Principal, ...]
    alarms: tuple[str, ...]
    mode: str
    subscription: str
    resource_group: str
    location: str = ""
    cloud: Cloud = Cloud()

    @property
    def four_eyes(self) -> str:
        """`off` where nobody but the operators could approve a plan that they caused."""
        return "on" if set(self.approvers) - set(self.operators) else "off"


def new_tenant_file(name: str, answers: Answers) -> TenantFile:
    """Fill in the form.

    Raises:
        TenantFileError: An answer is wrong; names every wrong one.
        InputError: A file of that name exists already.
    """
    path = path_of(name)
    if path.exists():
        raise InputError(f"{path} exists already; edit it, or give the new one another name", field="tenant")
    text = form()
    file = TenantFile(path=path, text=text, values=parsed(path, text))
    for key, value in _filled_in(answers):
        if key in file.values:
            file = file.with_value(key, value)
    check(file)
    return file


def _filled_in(answers: Answers) -> Iterator[tuple[str, str | tuple[str, ...] | tuple[Principal, ...]]]:
    yield "subscription", answers.subscription
    yield "resourceGroup", answers.resource_group
    yield "identityResourceGroup", answers.resource_group
    yield "location", answers.location
    yield "newGroup", answers.new_group
    yield "groupIds", (answers.group,) if answers.group else ()
    yield "tenantId", answers.tenant_id
    yield "mode", answers.mode
    yield "timeZone", answers.zone
    yield "operators", answers.operators
    yield "approvers", answers.approvers
    yield "alertEmails", answers.alarms
    yield "fourEyes", answers.four_eyes
    yield "graphUrl", answers.cloud.graph_url
    yield "authorityUrl", answers.cloud.authority_url


def addresses(text: str) -> tuple[str, ...]:
    """Return the mail addresses in a list separated by commas. Raises InputError."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for one in found:
        if not _ADDRESS.fullmatch(one):
            raise InputError(f"{one!r} is not a mail address, such as ops@example.com")
    return found


def new_group_name(text: str) -> str:
    """Return the name in `new NAME`; empty where an existing group is meant."""
    return text[len(_NEW) :].strip() if text.lower().startswith(_NEW) else ""
