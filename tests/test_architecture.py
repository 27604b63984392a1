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

# Which room may use which, from the roof down: no arrow leads back up. `docs/architecture.md` draws it.
ROOMS = {
    "function_app": "functions telemetry",
    "__main__": "cli",
    "functions": "page api web sweep offboarding services graph storage telemetry core",
    "page": "web sweep offboarding status register services graph storage core.planning core.calendar core",
    "cli": "deployment api web sweep offboarding status evidence policies.as_code register services graph"
    " core.evidence core.calendar core",
    "api": "web sweep offboarding status register storage core.planning core.calendar core",
    "web": "offboarding services graph core.calendar core",
    "deployment": "policies.as_code graph core",
    "sweep": "offboarding notify evidence policies services graph storage telemetry"
    " core.planning core.calendar core",
    "offboarding": "notify policies register services graph storage telemetry"
    " core.planning core.calendar core",
    "status": "notify policies register services graph storage core.calendar core",
    "notify": "register services graph storage telemetry core.calendar core",
    "evidence": "register services storage core.evidence core.calendar core",
    "policies.as_code": "policies graph core",
    "policies": "services graph telemetry core",
    "register": "services storage core.planning core.calendar core",
    "services": "graph storage core",
    "graph": "telemetry core",
    "storage": "telemetry core.calendar core",
    "telemetry": "core.calendar core",
    "core.evidence": "core.calendar core",
    "core.planning": "core.calendar core",
    "core": "core.calendar",
    "core.calendar": "",
}
# Small modules that any room may use.
TOOLS = {"clock", "concurrency", "credentials", "renewable", "rendering"}
MOST_MODULES_AT_THE_ROOT = 8

# Slow to load: the SDKs, and what only some calls need.
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
    "openpyxl",
    "opentelemetry.sdk",
    "rich",
    "yaml",
)


def module_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_of(path) for path in SOURCES}


def room_of(module: str) -> str:
    """Return a module's room: its innermost package that is in the table."""
    name = module.removeprefix("enforcer.")
    while name not in ROOMS and "." in name:
        name = name.rpartition(".")[0]
    return name


def imports(path: Path, *, everywhere: bool = False) -> Iterator[str]:
    """Yield the modules that a file imports when it is loaded, or (`everywhere`) at any time."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if everywhere else _run_at_import(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{name.name}" for name in node.names)
            yield from (name if name in MODULES else str(node.module) for name in names)


def _run_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when a file is loaded: no function bodies, nothing for the type checker alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _run_at_import(node)


@pytest.mark.parametrize("path", CORE, ids=module_of)
def test_the_core_is_pure(path: Path) -> None:
    """It has nouns, dates and rules: no Azure package, no adapter, nothing that waits."""
    allowed = ("enforcer.core", "msgspec")
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


def test_each_room_uses_just_those_that_the_table_gives_it() -> None:
    used: defaultdict[str, set[str]] = defaultdict(set)
    for path in SOURCES:
        room = room_of(module_of(path))
        used[room] |= {
            room_of(name) for name in imports(path, everywhere=True) if name.startswith("enforcer")
        }
    found = {room: rooms - {room, "enforcer"} - TOOLS for room, rooms in used.items()}

    assert {room: found.get(room, set()) for room in ROOMS} == {
        room: set(rooms.split()) for room, rooms in ROOMS.items()
    }
    assert found.keys() - ROOMS.keys() - TOOLS == {"enforcer"}


def test_no_arrow_leads_back_up() -> None:
    floors = list(ROOMS)
    for room, rooms in ROOMS.items():
        assert all(floors.index(below) > floors.index(room) for below in rooms.split()), room


def test_few_modules_lie_at_the_root() -> None:
    assert len(list((PROJECT / "enforcer").glob("*.py"))) <= MOST_MODULES_AT_THE_ROOT


@pytest.mark.parametrize("module", ["function_app", "enforcer.cli"])
def test_a_cold_start_loads_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    settings = {
        "ENFORCER_GROUP_IDS": "11111111-2222-3333-4444-555555555555",
        "ENFORCER_MODE": "enforce",
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


def test_no_call_could_delete_a_member_instead_of_the_membership() -> None:
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
