"""The workflows run with least privilege and pinned actions."""

import os
import re
import stat
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml

from tests.support.bicep import ROOT
from tests.support.deployment import deployment

WORKFLOWS = tuple(sorted((ROOT / ".github/workflows").glob("*.yml")))
# The release workflow writes releases and says who built them; CodeQL's results go to its security page.
MORE = {
    "release": {"contents: write", "id-token: write", "attestations: write"},
    "codeql": {"security-events: write"},
}
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


def job(name: str) -> str:
    """Return the lines of a job of the deployment."""
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    found = re.search(rf"(?ms)^  {name}:\n.*?(?=^  [\w-]+:\n|\Z)", text.partition("\njobs:\n")[2])
    assert found
    return found[0]


@all_workflows
def test_actions_are_pinned_by_commit_with_the_version_beside_it(workflow: Path) -> None:
    lines = re.findall(r"(?m)^\s*-? *uses: (.+)$", workflow.read_text())
    assert lines
    others = [line for line in lines if not line.startswith("$/")]
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in others)


@all_workflows
def test_nothing_is_permitted_that_a_job_does_not_ask_for(workflow: Path) -> None:
    text = workflow.read_text()
    assert re.search(r"(?m)^permissions: \{\}$", text)
    granted = set(re.findall(r"(?m)^      ([\w-]+: (?:read|write))(?: #.*)?$", text))
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


def test_what_if_gets_no_secret_and_waits_for_a_reviewed_environment() -> None:
    what_if = job("what-if")
    assert "secrets." not in what_if
    assert "environment: plan" in what_if
    guide = (ROOT / "docs/deploy.md").read_text()
    assert "both require a reviewer" in guide


def test_a_release_is_a_whole_deployment_whose_origin_is_signed() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text()
    assets = "released-package.zip azuredeploy.json createUiDefinition.json sbom.cdx.json"
    assert f"sha256sum {assets} > SHA256SUMS" in text
    assert f"{assets} SHA256SUMS\n" in text.partition("gh release create")[2]
    assert "subject-checksums: SHA256SUMS" in text
    for file in re.findall(r"raw (\S+?)\)", text.partition("raw() {")[2]):
        assert (ROOT / file).is_file()


def test_nothing_is_deployed_that_the_tests_did_not_pass() -> None:
    assert "uses: $/.github/workflows/test.yml" in job("test")
    assert "needs: test" in job("deploy")
    assert "\n  workflow_call:\n" in (ROOT / ".github/workflows/test.yml").read_text()


def test_azd_deploys_the_service_that_the_template_tags() -> None:
    service = re.search(r"(?m)^services:\n  (\w+):", (ROOT / "azure.yaml").read_text())
    assert service
    (site,) = deployment("default").of("Microsoft.Web/sites")
    assert site["tags"]["azd-service-name"] == service[1]


def test_azd_gathers_the_packages_whenever_it_packages_the_service() -> None:
    """A hook of the command `package` would not run for `azd deploy` alone."""
    text = (ROOT / "azure.yaml").read_text()
    assert re.search(
        r"(?m)^    hooks:\n      prepackage:\n(?: .*\n)*? +run: python3 -m tools\.package$", text
    )
    assert not re.search(r"(?m)^  (?:pre|post)package:", text)


def test_azd_prepares_entra_by_the_same_step_before_the_resources() -> None:
    hooks = yaml.safe_load((ROOT / "azure.yaml").read_text())["hooks"]
    assert {one["run"].partition(" ")[2] for one in hooks["preprovision"].values()} == {
        "-m enforcer deploy --only identity"
    }


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
    assert len(deployment("default").outputs["warnings"]) == 1
    assert deployment("everything").outputs["warnings"] == []
    assert "output warnings | sed 's/^/::warning::/'" in script("Resources")
    assert "\noutput warnings " in (ROOT / "docs/deploy.md").read_text()
