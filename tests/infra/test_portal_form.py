"""The form that the portal shows for the template, and what checkov is told to pass over."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from tests.support.bicep import ROOT
from tests.support.deployment import DEPLOYED, required, template
from tools.for_checkov import templates

FORM: dict[str, Any] = json.loads((ROOT / "infra/createUiDefinition.json").read_text())["parameters"]
CHECKOV = ROOT / "infra/checkov.yaml"


def elements() -> dict[str, dict[str, Any]]:
    return {f"{step['name']}.{one['name']}": one for step in FORM["steps"] for one in step["elements"]}


def test_the_form_gives_the_template_every_value_that_it_requires() -> None:
    parameters = template("main")["parameters"]
    assert FORM["outputs"].keys() <= parameters.keys()
    assert {name for name, one in parameters.items() if required(one)} <= FORM["outputs"].keys()


def test_the_form_asks_for_what_its_values_are_made_of() -> None:
    used = re.findall(r"steps\('(\w+)'\)\.(\w+)", json.dumps(FORM["outputs"]))
    assert {f"{step}.{name}" for step, name in used} == elements().keys()


def test_the_form_offers_the_modes_that_there_are_and_presses_none() -> None:
    mode = elements()["groups.mode"]
    assert "defaultValue" not in mode
    offered = [one["value"] for one in mode["constraints"]["allowedValues"]]
    assert sorted(offered) == sorted(template("main")["parameters"]["mode"]["allowedValues"])


def test_every_check_that_checkov_passes_over_has_its_reason() -> None:
    lines = CHECKOV.read_text().splitlines()
    skipped = yaml.safe_load(CHECKOV.read_text())["skip-check"]
    assert len(skipped) == len(set(skipped))
    first = lines.index("skip-check:") + 1
    for number, line in enumerate(lines[first:], first):
        if line.strip().startswith("- "):
            assert lines[number - 1].strip()[0] in "#-", line
    assert lines[first].strip().startswith("#")


def test_checkov_reads_every_resource_of_every_deployment() -> None:
    read = {name.removesuffix(".json"): json.loads(text) for name, text in templates().items()}
    assert read.keys() == set(DEPLOYED)
    assert all(len(one["resources"]) > 20 for one in read.values())
