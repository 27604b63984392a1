"""The scripts against a stand-in for the Azure CLI that records what it is asked."""

import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.bicep import INFRA

GRAPH = "https://graph.microsoft.com/v1.0"
STAND_IN = f"""#!{sys.executable}
import json, os, sys
arguments = sys.argv[1:]
with open(os.environ["AZ_LOG"], "a") as log:
    log.write(json.dumps(arguments) + "\\n")
answers = json.loads(os.environ["AZ_ANSWERS"])
line = " ".join(arguments)
for question, refusal in json.loads(os.environ["AZ_REFUSALS"]).items():
    if question in line:
        sys.exit(refusal)
if "none" not in arguments:
    print(next((answer for question, answer in answers.items() if question in line), ""))
"""


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str
    requests: list[tuple[str, str, str]]
    """Method, path below Graph's version, body."""

    @property
    def writes(self) -> list[tuple[str, str, str]]:
        return [request for request in self.requests if request[0] != "GET"]


@dataclass(frozen=True, slots=True)
class Shell:
    folder: Path

    def run(
        self,
        script: str,
        *arguments: str,
        answers: dict[str, str] | None = None,
        refusals: dict[str, str] | None = None,
    ) -> Done:
        log = self.folder / "requests"
        log.write_text("")
        environment = {
            **os.environ,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "AZ_LOG": str(log),
            # The first that fits counts: those of the test before those of all.
            "AZ_ANSWERS": json.dumps({**(answers or {}), **ANSWERS, **(answers or {})}),
            "AZ_REFUSALS": json.dumps(refusals or {}),
        }
        command = ["bash", str(INFRA / script), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
        asked = [json.loads(line) for line in log.read_text().splitlines()]
        return Done(
            done.returncode, done.stdout, done.stderr, [_request(one) for one in asked if one[0] == "rest"]
        )


ANSWERS = {
    "microsoftGraphResourceId": "https://graph.microsoft.com/",
    "activeDirectory": "https://login.microsoftonline.com",
    "tenantId": "tenant-1",
    "functionapp list": "func-x.azurewebsites.net",
    "servicePrincipals(appId='00000003-0000-0000-c000-000000000000')": "graph-sp",
    "appRoles[?value=='Contractors": "",
    "appRoles[?value==": "role-id",
    "servicePrincipals(appId='client-1')": "api-sp",
    "uniqueName='api-x') --query appId": "client-1",
}


def _request(arguments: list[str]) -> tuple[str, str, str]:
    def after(option: str) -> str:
        return arguments[arguments.index(option) + 1] if option in arguments else ""

    return after("--method"), after("--url").removeprefix(GRAPH), after("--body")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    stand_in = tmp_path / "az"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
    return Shell(tmp_path)


def test_the_identity_gets_its_permissions_and_becomes_an_owner(shell: Shell) -> None:
    done = shell.run("grant-permissions.sh", "--principal", "p-1", "--group", "g-1")
    assert done.code == 0, done.err
    given = {"principalId": "p-1", "resourceId": "graph-sp", "appRoleId": "role-id"}
    grants = [json.loads(body) for _, path, body in done.writes if path.endswith("/appRoleAssignedTo")]
    assert grants == [given] * 4
    link = {"@odata.id": f"{GRAPH}/directoryObjects/p-1"}
    assert [(m, p, json.loads(b)) for m, p, b in done.writes[4:]] == [
        ("POST", "/groups/g-1/owners/$ref", link)
    ]


def test_what_is_there_already_is_not_given_again(shell: Shell) -> None:
    there = {"appRoleAssignments": "assignment", "owners/microsoft.graph.servicePrincipal?": "p-1"}
    done = shell.run("grant-permissions.sh", "--principal", "p-1", "--group", "g-1", answers=there)
    assert done.code == 0, done.err
    assert done.writes == []


def test_an_owner_that_graph_does_not_list_yet_stops_nothing(shell: Shell) -> None:
    refusal = (
        "ERROR: Bad Request({'error':{'code':'Request_BadRequest','message':'One or more added object "
        "references already exist for the following modified properties: owners.'}})"
    )
    done = shell.run(
        "grant-permissions.sh",
        "--principal",
        "p-1",
        "--group",
        "g-1",
        "--group",
        "g-2",
        refusals={"g-1/owners/$ref": refusal},
    )
    assert done.code == 0, done.err
    assert "owns group g-1" in done.out
    assert "make it an owner of group g-2" in done.out


def test_any_other_refusal_is_shown_and_ends_the_script(shell: Shell) -> None:
    done = shell.run(
        "grant-permissions.sh",
        "--principal",
        "p-1",
        "--group",
        "g-1",
        refusals={"owners/$ref": "ERROR: Forbidden"},
    )
    assert done.code == 2
    assert "Forbidden" in done.err
    assert "owner of group" not in done.out


def test_a_dry_run_writes_nothing_and_says_what_it_would(shell: Shell) -> None:
    done = shell.run("grant-permissions.sh", "--principal", "p-1", "--group", "g-1", "--dry-run")
    assert done.writes == []
    assert "would POST groups/g-1/owners/$ref" in done.out


def test_the_permission_for_the_whole_tenant_makes_nobody_an_owner(shell: Shell) -> None:
    done = shell.run(
        "grant-permissions.sh",
        "--principal",
        "p-1",
        "--group",
        "g-1",
        "--membership",
        "tenant",
        "--no-policies",
    )
    assert "give GroupMember.ReadWrite.All" in done.out
    assert "Policy" not in done.out
    assert not any("owners" in path for _, path, _ in done.requests)


@pytest.mark.parametrize(
    "arguments",
    [(), ("--principal", "p-1"), ("--group", "g-1"), ("--nonsense",)],
    ids=["nothing", "no group", "no principal", "unknown"],
)
def test_wrong_arguments_stop_before_anything_is_asked(shell: Shell, arguments: tuple[str, ...]) -> None:
    done = shell.run("grant-permissions.sh", *arguments)
    assert done.code == 2
    assert done.requests == []
    assert "--help" in done.err


def test_a_permission_that_the_cloud_does_not_know_is_named(shell: Shell) -> None:
    done = shell.run(
        "grant-permissions.sh", "--principal", "p-1", "--group", "g-1", answers={"appRoles[?value==": ""}
    )
    assert done.code == 2
    assert "no application permission GroupMember.Read.All" in done.err


def test_the_api_is_registered_with_roles_and_a_secretless_credential(shell: Shell) -> None:
    done = shell.run(
        "register-api.sh", "--app", "func-x", "--principal", "p-1", "--operators", "o-1", "--azure-cli"
    )
    assert done.code == 0, done.err
    assert done.out.strip() == "ENFORCER_API_AUDIENCE=client-1"
    bodies = {path: json.loads(body) for _, path, body in done.writes}
    assert [role["value"] for role in json.loads(done.writes[0][2])["appRoles"]] == [
        "Contractors.Read",
        "Contractors.Extend",
        "Contractors.Offboard",
        "Contractors.Approve",
    ]
    credential = bodies["/applications(appId='client-1')/federatedIdentityCredentials"]
    assert credential["issuer"] == "https://login.microsoftonline.com/tenant-1/v2.0"
    assert credential["subject"] == "p-1"
    assert bodies["/servicePrincipals(appId='client-1')"] == {"appRoleAssignmentRequired": True}
    assert bodies["/servicePrincipals/api-sp/appRoleAssignedTo"]["principalId"] == "o-1"


def test_registration_keeps_the_ids_and_the_other_roles_that_it_has(shell: Shell) -> None:
    custom = {"id": "custom-id", "value": "Contractors.Manage", "isEnabled": True}
    answers = {
        "appRoles[?value=='Contractors.Offboard']": "old-offboard",
        "appRoles[?!contains": json.dumps([custom], indent=2),
    }
    arguments = ("--app", "func-x", "--principal", "p-1", "--operators", "o-1", "--approvers", "a-1")
    done = shell.run("register-api.sh", *arguments, answers=answers)

    assert done.code == 0, done.err
    roles = {role["value"]: role["id"] for role in json.loads(done.writes[0][2])["appRoles"]}
    assert (roles["Contractors.Offboard"], roles["Contractors.Manage"]) == ("old-offboard", "custom-id")
    assert len(roles) == len(set(roles.values())) == 5
    given = [json.loads(body) for _, path, body in done.writes if path.endswith("appRoleAssignedTo")]
    assert [(one["principalId"], one["appRoleId"]) for one in given] == [
        ("o-1", "old-offboard"),
        ("a-1", roles["Contractors.Approve"]),
    ]
