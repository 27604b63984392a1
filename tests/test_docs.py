"""The documents are current: what they name exists, and what exists is in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import UserDict
from dataclasses import fields
from pathlib import Path

import pytest

from enforcer.api.routes import ROUTES
from enforcer.core.exceptions import SettingsError
from enforcer.core.ledger import Action
from enforcer.core.offboarding_record import OffboardingRecord
from enforcer.core.plan import FindingKind
from enforcer.core.runs import Run
from enforcer.core.settings import COMMAND_LINE, load_settings
from enforcer.telemetry import metering
from enforcer.telemetry.events import EVENTS
from enforcer.web.problems import Code

PROJECT = Path(__file__).parents[1]
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
LONGEST_README = 120
NEVER_WRITTEN = {"unreadable", "stuck"}
GROUP = "11111111-2222-3333-4444-555555555555"


def _page(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def _column(field: str) -> str:
    return "".join(word.capitalize() for word in field.split("_"))


class _Asked(UserDict[str, str]):
    """An empty environment that records which variables are read."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, key: str, default: object = None) -> str:
        self.names.add(key)
        return str(default or "")


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    asked = _Asked()
    with pytest.raises(SettingsError):
        load_settings(asked)
    documented = set(re.findall(r"^\| `(\w+)` \|", _page("docs/settings.md"), re.MULTILINE))

    assert documented == asked.names | COMMAND_LINE


def test_the_help_of_the_command_line_is_fresh() -> None:
    # In a separate process: click caches the help option of a command that another test has called.
    assert _page("docs/cli.md") == _output("print(cli_help.render(), end='')", "tools.cli_help"), (
        "run `make docs`"
    )


def test_the_man_page_is_fresh() -> None:
    assert _page("docs/enforcer.1") == _output("print(man_page.render(), end='')", "tools.man_page"), (
        "run `make docs`"
    )


def test_every_route_is_documented_and_every_documented_route_exists() -> None:
    documented = set(re.findall(r"^\| `([A-Z]+ /\S*)` \|", _page("docs/http-api.md"), re.MULTILINE))

    assert documented == {f"{route.method} /{route.path}" for route in ROUTES}


def test_every_code_of_a_problem_is_documented() -> None:
    _, _, problems = _page("docs/http-api.md").partition("\n## Problems\n")

    assert {code.value for code in Code} <= set(re.findall(r"`(\w+)`", problems))


def test_events_and_their_fields_are_those_of_the_documentation() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (`[^|]*`) \|", _page("docs/monitoring.md"), re.MULTILINE)

    assert {name: set(listed.replace("`", "").split()) for name, listed in rows} == {
        event.name: {field.name for field in fields(event)} for event in EVENTS
    }


def test_every_metric_is_documented_and_every_documented_metric_exists() -> None:
    made = set(re.findall(r'"(enforcer\.\w+)"', Path(str(metering.__file__)).read_text(encoding="utf-8")))
    documented = set(re.findall(r"`(enforcer\.\w+)`", _page("docs/monitoring.md")))

    assert documented == made
    assert made


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("Enforcements", {_column(field.name) for field in fields(OffboardingRecord)}),
        ("Runs", {field.name for field in fields(Run)}),
        ("Findings", set(FindingKind)),
        # The placeholder for an unreadable action is never written.
        ("Ledger", {action.value for action in Action} - NEVER_WRITTEN),
    ],
)
def test_every_name_in_a_table_is_documented_and_the_other_way_round(section: str, names: set[str]) -> None:
    _, _, text = _page("docs/data.md").partition(f"\n## {section}\n")
    first_cells = re.findall(r"^\| (`[^|]+`) \|", text.partition("\n## ")[0], re.MULTILINE)

    assert set(re.findall(r"`(\w+)`", " ".join(first_cells))) == names


def test_the_readme_is_short() -> None:
    assert len(_page("README.md").splitlines()) <= LONGEST_README


def test_every_function_is_documented_and_every_documented_function_exists() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", _page("docs/architecture.md"), re.MULTILINE))

    assert documented == _functions()


@pytest.mark.parametrize("page", ["docs/reliability.md", "SECURITY.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = set(re.findall(r"`(test_\w+)`", _page(page)))
    tests = "".join(file.read_text(encoding="utf-8") for file in PROJECT.glob("tests/**/test_*.py"))

    assert named
    assert {name for name in named if f"def {name}(" not in tests} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_between_documents_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor and found.suffix == ".md":
            assert anchor in _anchors(found), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_no_page_counts_on_the_steps_of_another(page: Path) -> None:
    """Steps are renumbered and go, and no other test would notice: link to a heading."""
    assert not re.findall(r"\.md\)?,\s+steps?\s+\d", page.read_text(encoding="utf-8"))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _functions() -> set[str]:
    """Index the app as the worker does, in a separate process, since it reads its settings at start-up."""
    return set(
        _output(
            "print(*(found.get_function_name() for found in function_app.app.get_functions()))",
            "function_app",
        ).split()
    )


def _output(program: str, module: str) -> str:
    parent, _, name = module.rpartition(".")
    imported = f"from {parent} import {name}" if parent else f"import {name}"
    environ = {
        **os.environ,
        "ENFORCER_GROUP_IDS": GROUP,
        "ENFORCER_MODE": "enforce",
        "EnforcerStorage": "AccountName=x;AccountKey=eA==;TableEndpoint=http://127.0.0.1:1/x",
    }
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", f"{imported}; {program}"],
        env=environ,
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout
