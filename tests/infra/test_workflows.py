"""The workflows run with least privilege and pinned actions."""

import os
import re
import stat
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.support.bicep import MAIN, ROOT, text_of

WORKFLOWS = tuple(sorted((ROOT / ".github/workflows").glob("*.yml")))
# The release workflow writes releases; CodeQL's results go to the repository's security page.
MORE = {"release": {"contents: write"}, "codeql": {"security-events: write"}}
all_workflows = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)

# Answers with the given status, and fails with --fail as curl does.
CURL = """#!/usr/bin/env bash
[[ ${*: -1} == */health ]] && code=$HEALTH || code=$STATUS
[[ $* != *--write-out* ]] || printf %s "$code"
[[ $* != *--fail* || $code == 200 ]]
"""


def script(step: str) -> str:
    """Return the script of a step of the deployment."""
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    found = re.search(rf"(?ms)^      - name: {step}.*?^        run: \|\n((?:^ {{10}}.*\n)+)", text)
    assert found
    return textwrap.dedent(found[1])


@all_workflows
def test_actions_are_pinned_by_commit_with_the_version_beside_it(workflow: Path) -> None:
    lines = re.findall(r"(?m)^\s*-? *uses: (.+)$", workflow.read_text())
    assert lines
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in lines)


@all_workflows
def test_nothing_is_permitted_that_a_job_does_not_ask_for(workflow: Path) -> None:
    text = workflow.read_text()
    assert re.search(r"(?m)^permissions: \{\}$", text)
    granted = set(re.findall(r"(?m)^      ([\w-]+: (?:read|write))$", text))
    allowed = {"contents: read", "id-token: write"} | MORE.get(workflow.stem, set())
    assert granted <= allowed


@all_workflows
def test_a_checkout_keeps_no_token(workflow: Path) -> None:
    text = workflow.read_text()
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


@all_workflows
def test_no_expression_is_put_into_a_script(workflow: Path) -> None:
    scripts = re.findall(r"(?m)^( +)(?:- )?run: (?:\|\n((?:\1 {2,}.*\n|\n)+)|(.*)$)", workflow.read_text())
    assert scripts or workflow.stem == "codeql", "the pattern finds no script"
    assert not any("${{" in block + line for _, block, line in scripts)


def test_azd_deploys_the_service_that_the_template_tags() -> None:
    service = re.search(r"(?m)^services:\n  (\w+):", (ROOT / "azure.yaml").read_text())
    assert service
    assert f"'azd-service-name': '{service[1]}'" in (ROOT / "infra/modules/app.bicep").read_text()


def test_azd_gathers_the_packages_whenever_it_packages_the_service() -> None:
    """A hook of the command `package` would not run for `azd deploy` alone."""
    text = (ROOT / "azure.yaml").read_text()
    assert re.search(r"(?m)^    hooks:\n      prepackage:\n(?: .*\n)*? +run: \./infra/package\.sh$", text)
    assert not re.search(r"(?m)^hooks:", text)


def test_azd_is_refused_where_it_would_have_azure_build_the_packages() -> None:
    """Source: azd's release history, 1.23.5, azure-dev pull request 6748."""
    text = (ROOT / "azure.yaml").read_text()
    assert "remoteBuild: false" in text
    assert re.search(r'(?m)^requiredVersions:\n  azd: ">= 1\.23\.5"', text)
    assert "azd 1.23.5" in (ROOT / "docs/deploy.md").read_text()


@pytest.mark.parametrize(
    ("restricted", "health", "status", "passes"),
    [
        ("false", "200", "401", True),
        ("false", "403", "403", False),
        ("true", "403", "403", True),
        ("true", "200", "302", True),
        ("true", "503", "503", False),
        ("false", "200", "200", False),
    ],
)
def test_a_deployment_fails_if_the_api_is_dead_or_open_not_if_it_is_closed(
    tmp_path: Path, restricted: str, health: str, status: str, *, passes: bool
) -> None:
    curl = tmp_path / "curl"
    curl.write_text(CURL)
    curl.chmod(curl.stat().st_mode | stat.S_IXUSR)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "API": "https://func-x/api",
        "RESTRICTED": restricted,
        "HEALTH": health,
        "STATUS": status,
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script("Check that it is up")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert (done.returncode == 0) == passes, done.stdout + done.stderr


def test_alarms_without_recipients_are_a_warning_of_the_deployment() -> None:
    output = re.search(r"(?ms)^output warnings string\[\] = (.*?)^  : \[\]$", text_of(MAIN))
    assert output
    assert output[1].startswith("empty(alertEmails) && empty(actionGroupIds)")
    assert "output warnings | sed 's/^/::warning::/'" in script("Resources")
    assert "\noutput warnings " in (ROOT / "docs/deploy.md").read_text()
