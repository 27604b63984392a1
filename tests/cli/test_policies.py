"""The commands as an operator types them, with their own sign-in and at Graph's pace."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from click import BadParameter
from click.testing import CliRunner

from enforcer.cli.policies import policies
from enforcer.core.exceptions import RefusedError
from enforcer.core.policy import BLOCK
from tests.support.office import TEMPLATES, Office

REPORT_ONLY = "enabledForReportingButNotEnforced"


@dataclass
class Result:
    code: object
    out: str
    said: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)

    @property
    def action(self) -> str | None:
        (policy,) = self.json["policies"]
        action: str | None = policy["action"]
        return action


@pytest.fixture
def run(office: Office) -> Callable[..., Result]:
    """Run a `policies` command; the block policy is the only template, and the values lie beside it."""
    shutil.copy(TEMPLATES / f"{BLOCK}.json", office.folder)
    office.write_values()

    def command(name: str, *options: str, output: str = "json") -> Result:
        files = () if name == "check" else ("--directory", str(office.folder))
        result = CliRunner().invoke(
            policies, [name, *files, *options, "--output", output], standalone_mode=False
        )
        if result.exception is not None:
            raise result.exception
        return Result(result.return_value, result.stdout, result.stderr)

    return command


def test_from_nothing_to_enabled_in_two_runs_with_a_look_between(
    office: Office, run: Callable[..., Result]
) -> None:
    carla = office.tenant.add_user("Carla Contractor")
    for group in (office.contractors, office.everybody):
        office.tenant.add_member(group, carla)

    assert run("plan", "--detailed-exitcode").code == 2
    assert office.tenant.policies == {}
    first = run("apply", "--enable")
    assert (first.action, first.code) == ("create", 1)
    assert "created in report-only state" in first.said
    assert office.policy(BLOCK)["state"] == REPORT_ONLY
    assert run("check").code == 1

    assert run("plan", "--detailed-exitcode").code == 0
    second = run("apply", "--enable")
    assert (second.action, second.code) == ("enable", 0)
    assert office.policy(BLOCK)["state"] == "enabled"
    assert run("check").code == 0


def test_people_get_tables(run: Callable[..., Result]) -> None:
    assert BLOCK in run("plan", output="table").out
    assert "missing" in run("check", output="table").out


def test_programs_get_every_difference(office: Office, run: Callable[..., Result]) -> None:
    run("apply")
    office.policy(BLOCK)["conditions"]["users"]["excludeUsers"].append(office.operator.id)
    (policy,) = run("plan").json["policies"]
    assert policy["action"] == "update"
    assert [item["path"] for item in policy["differences"]] == ["conditions.users.excludeUsers"]


def test_the_person_whom_nothing_may_block_can_be_named(office: Office, run: Callable[..., Result]) -> None:
    carla, oscar = office.tenant.add_user("Carla Contractor"), office.tenant.add_user("Oscar Other")
    office.tenant.add_member(office.contractors, carla)
    office.tenant.add_member(office.everybody, oscar)
    run("apply")
    with pytest.raises(RefusedError, match=oscar.id):
        run("apply", "--enable", "--operator", oscar.id)
    with pytest.raises(BadParameter, match="'oscar' is not an object ID"):
        run("apply", "--enable", "--operator", "oscar")
    assert run("apply", "--enable").code == 0


def test_an_update_that_would_take_effect_at_once_is_left_undone(
    office: Office, run: Callable[..., Result]
) -> None:
    office.tenant.add_member(office.contractors, office.tenant.add_user("Carla Contractor"))
    run("apply")
    run("apply", "--enable")
    office.policy(BLOCK)["conditions"]["users"]["excludeUsers"].append(office.operator.id)

    assert run("plan", "--detailed-exitcode").code == 2
    left = run("apply")
    assert (left.action, left.code) == ("withhold", 1)
    assert "use --enable" in left.out
    assert office.operator.id in str(office.policy(BLOCK))

    done = run("apply", "--enable")
    assert (done.action, done.code) == ("update", 0)
    assert office.operator.id not in str(office.policy(BLOCK))
