"""Which tests a module is tried with, and the result, on a small tree made for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools.mutants import mutants
from tools.mutate import ROOT, chosen, drawn, equivalents, subject

_PLAN = """
LIMIT = 3

def is_late(day):
    return day > LIMIT

def spare(day):
    return day + 0
"""
_MIRROR = """
from enforcer.core.plan import is_late

def test_late():
    assert is_late(4)
"""
_BESIDE = """
from tests.core.helper import is_late

def test_edge():
    assert not is_late(3)
"""
_CONFTEST = """
from hypothesis import settings

settings.register_profile("mutants")
"""
TREE = {
    "enforcer/__init__.py": "",
    "enforcer/core/__init__.py": "",
    "enforcer/core/plan.py": _PLAN,
    "tests/__init__.py": "",
    "tests/conftest.py": _CONFTEST,
    "tests/core/__init__.py": "",
    "tests/core/test_plan.py": _MIRROR,
    "tests/core/test_plan_edges.py": "",
    "tests/core/helper.py": "from enforcer.core.plan import is_late",
    "tests/core/test_beside.py": _BESIDE,
    "tests/core/test_other.py": "",
    "sandbox/__init__.py": "",
    "pyproject.toml": "[tool.pytest.ini_options]\nmarkers = ['long', 'browser']\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        tmp_path.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        tmp_path.joinpath(name).write_text(text, encoding="utf-8")
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    return tmp_path


def test_tests_are_found_by_the_modules_place_and_name(tree: Path) -> None:
    found = subject("enforcer/core/plan.py", tree)
    assert found.mirrors == ("tests/core/test_plan.py", "tests/core/test_plan_edges.py")
    assert found.neighbours == ("tests/core/test_beside.py",)


def test_a_package_is_all_that_is_in_it(tree: Path) -> None:
    assert chosen(["core"], tree) == ["enforcer/core/__init__.py", "enforcer/core/plan.py"]
    assert chosen(["core/plan"], tree) == ["enforcer/core/plan.py"]
    with pytest.raises(SystemExit, match="there is no enforcer/core/plans"):
        chosen(["core/plans"], tree)


def test_a_sample_is_the_same_for_the_same_seed(tree: Path) -> None:
    every = [subject("enforcer/core/plan.py", tree)]
    assert drawn(every, 3, seed=1) == drawn(every, 3, seed=1)
    assert {len(one.mutants) for one in drawn(every, 3, seed=1)} == {3}
    assert drawn(every, None, seed=1) == drawn(every, 99, seed=2) == every


def test_what_no_test_notices_is_named_and_the_tree_stays_as_it_was(tree: Path) -> None:
    before = {path: path.read_bytes() for path in tree.rglob("*.*") if path.is_file()}
    ran = subprocess.run(
        [sys.executable, "-m", "tools.mutate", "--modules", "core/plan"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == [
        "enforcer/core/plan.py                 50.0 % of 6 noticed, 2 by mirrors, 3 by none",
        "  enforcer/core/plan.py:8: return day + 0 => return (day - 0)",
        "  enforcer/core/plan.py:8: return day + 0 => return None",
        "  enforcer/core/plan.py:8: return day + 0 => return day + (1)",
        "all                                   50.0 % of 6 noticed, 2 by mirrors, 3 by none",
    ], ran.stderr
    assert before == {path: path.read_bytes() for path in before}


def test_every_equivalent_is_a_change_that_can_still_be_made() -> None:
    possible = {one.change for path in chosen(["core"]) for one in mutants((ROOT / path).read_text("utf-8"))}
    assert equivalents().keys() <= possible
    assert all(equivalents().values())
