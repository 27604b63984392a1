"""How the parts may depend on each other, and what a cold start may load."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
SOURCES = sorted([PROJECT / "function_app.py", *(PROJECT / "enforcer").rglob("*.py")])
CORE = [path for path in SOURCES if "core" in path.parts]

# Pure, and of the core, though everybody knows them by a shorter name.
CORE_TOO = {"enforcer.core.settings", "enforcer.core.setting_values", "enforcer.core.exceptions"}

# What takes long to load: the SDKs, and what only some calls need.
HEAVY = (
    "aiohttp",
    "apprise",
    "azure.core",
    "azure.data",
    "azure.identity",
    "azure.monitor",
    "azure.storage",
    "cryptography",
    "httpx",
    "jinja2",
    "jwt",
    "kiota_abstractions",
    "kiota_http",
    "msgraph",
    "msgraph_core",
    "opentelemetry.sdk",
    "rich",
)


def module_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_of(path) for path in SOURCES}


def package_of(module: str) -> str:
    """Return the package right below `enforcer`; a module that lies there itself stands for itself."""
    return "enforcer.core" if module in CORE_TOO else ".".join(module.split(".")[:2])


def imports(path: Path) -> Iterator[str]:
    """Return the modules that a file imports when it is loaded."""
    for node in _run_at_import(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{name.name}" for name in node.names)
            yield from (name if name in MODULES else str(node.module) for name in names)


def _run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when a file is loaded: no function's body, nothing that is for the type checker only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _run_at_import(node)


@pytest.mark.parametrize("path", CORE, ids=module_of)
def test_the_core_is_pure(path: Path) -> None:
    """It knows nouns, dates and rules: no Azure package, no adapter, nothing that waits."""
    allowed = ("enforcer.core", "enforcer.core.settings", "enforcer.core.exceptions", "msgspec")
    strange = {
        name
        for name in imports(path)
        if not name.startswith(allowed) and name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert strange == set()
    assert not {"asyncio", "socket", "subprocess", "logging", "os"} & set(imports(path))


def test_nothing_imports_itself_in_a_circle() -> None:
    graph = {module_of(path): set(imports(path)) for path in SOURCES}
    # Raises CycleError, which names the circle.
    assert list(TopologicalSorter(graph).static_order())


def test_no_packages_import_each_other_in_a_circle() -> None:
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        package = package_of(module_of(path))
        graph[package] |= {package_of(name) for name in imports(path)} - {package}
    assert {"enforcer.core", "enforcer.graph", "enforcer.policies", "enforcer.sweep.sweep"} <= graph.keys()
    # Raises CycleError, which names the circle.
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("module", ["function_app", "enforcer.cli"])
def test_a_cold_start_loads_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    settings = {
        "ENFORCER_GROUP_IDS": "11111111-2222-3333-4444-555555555555",
        "EnforcerStorage": "UseDevelopmentStorage=true",
    }
    ran = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(ran.stdout.split())
    assert module in loaded
    assert loaded & set(HEAVY) == set()


def test_the_wall_clock_is_read_in_one_place() -> None:
    readings = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time"}
    found = {
        module_of(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in readings
    }
    assert found == {"enforcer.clock"}


def test_no_call_could_delete_a_member_instead_of_his_membership() -> None:
    """Graph deletes the account itself where `/$ref` is forgotten (group: remove member)."""
    paths = {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("/")
        and "/members/{" in node.value
    }
    assert paths == {"/groups/{group}/members/{user}/$ref"}
