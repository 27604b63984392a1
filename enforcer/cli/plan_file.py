"""The plan as JSON: what `plan --output json` and `plan --out` write and `apply --plan` reads."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from enforcer.core.exceptions import InputError
from enforcer.core.plan import EndingSoon, Finding, GroupPlan, Offboard, Onboard, Plan


class _Person(msgspec.Struct, kw_only=True):
    user_id: str
    row_key: str | None
    user_principal_name: str
    end_date: str | None
    due_at: datetime | None
    guest: bool
    steps: list[str]


class _Group(msgspec.Struct, kw_only=True):
    group_id: str
    digest: str
    members: int
    offboard: list[_Person]
    onboard: list[Onboard]
    ending_soon: list[EndingSoon]
    findings: list[Finding]
    held: bool
    held_onboard: bool


class PlanFile(msgspec.Struct, kw_only=True):
    """The plan as JSON."""

    schema: int = 1
    digest: str
    as_of: datetime
    groups: list[_Group]


def written_plan(plan: Plan) -> PlanFile:
    return PlanFile(digest=plan.digest, as_of=plan.as_of, groups=[_group(group) for group in plan.groups])


def _group(group: GroupPlan) -> _Group:
    return _Group(
        group_id=group.group_id,
        digest=group.digest,
        members=group.members,
        offboard=[_person(person) for person in group.offboard],
        onboard=list(group.onboard),
        ending_soon=list(group.ending_soon),
        findings=list(group.findings),
        held=group.held,
        held_onboard=group.held_onboard,
    )


def _person(person: Offboard) -> _Person:
    return _Person(
        user_id=person.user_id,
        row_key=person.row_key,
        user_principal_name=person.user_principal_name,
        end_date=person.end_date,
        due_at=person.due_at,
        guest=person.known_kind.may_be_guest,
        steps=[step.value for step in person.steps],
    )


class ExpectedPlan(msgspec.Struct):
    """The part of a plan file that `apply --plan` reads."""

    schema: Literal[1]
    digest: str


def read_plan(path: Path) -> ExpectedPlan:
    """Read a plan file.

    Raises:
        InputError: It is not one.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ExpectedPlan)
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is not a plan written by `plan --out`: {error}", field="plan") from error
