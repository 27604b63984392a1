"""The names of the tests: `test_<subject>_<condition>_<result>`, short enough for one line of a report."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent
LONGEST = 70


def names() -> Iterator[tuple[Path, str]]:
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield path.relative_to(TESTS), node.name


def test_the_name_of_a_test_has_at_most_70_characters() -> None:
    found = list(names())
    assert any(name == "test_the_name_of_a_test_has_at_most_70_characters" for _, name in found)
    assert not [f"{path}: {name}" for path, name in found if len(name) > LONGEST]
