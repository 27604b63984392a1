"""The workflows run with as little power as they can, and nothing that could change under them."""

import re
from pathlib import Path

import pytest

from tests.infra.templates import ROOT

WORKFLOWS = tuple(sorted((ROOT / ".github/workflows").glob("*.yml")))
all_workflows = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)


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
    assert granted <= {"contents: read", "id-token: write"}


@all_workflows
def test_a_checkout_keeps_no_token(workflow: Path) -> None:
    text = workflow.read_text()
    assert text.count("actions/checkout@") == text.count("persist-credentials: false")


@all_workflows
def test_no_expression_is_put_into_a_script(workflow: Path) -> None:
    scripts = re.findall(r"(?m)^( +)(?:- )?run: (?:\|\n((?:\1 {2,}.*\n|\n)+)|(.*)$)", workflow.read_text())
    assert scripts
    assert not any("${{" in block + line for _, block, line in scripts)


def test_azd_deploys_the_service_that_the_template_tags() -> None:
    service = re.search(r"(?m)^services:\n  (\w+):", (ROOT / "azure.yaml").read_text())
    assert service
    assert f"'azd-service-name': '{service[1]}'" in (ROOT / "infra/modules/app.bicep").read_text()
