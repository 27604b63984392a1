"""The package that Azure gets is small, and nothing that the app needs is missing in it."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import msgspec
import pytest

from bench.cold_app import Offboard
from bench.stage import AUDIENCE
from sandbox.azurite import StorageEndpoints
from sandbox.directory.tokens import TokenRequest
from tests.deployment.conftest import Site, site
from tests.support.world import ENDED, World
from tools.package import PACKAGES, PROJECT, build_zip, pinned

__all__ = ["site"]

MOST_MEGABYTES, MOST_FILES = 80, 5_000
TRY_IMPORTS = """
import importlib, json, sys
failed = []
for name in json.load(sys.stdin):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        parent, _, attribute = name.rpartition(".")
        if not (parent and error.name == name and hasattr(importlib.import_module(parent), attribute)):
            failed.append(f"{name}: {error}")
print(json.dumps(failed))
"""


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip to deploy, built from the packages that are installed here."""
    file = tmp_path_factory.mktemp("package") / "app.zip"
    build_zip(Path(sysconfig.get_path("purelib")), file)
    return file


@pytest.fixture(scope="module")
def package(code: Path) -> Path:
    """The zip, unpacked."""
    folder = code.with_name("app")
    with zipfile.ZipFile(code) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def environ() -> dict[str, str]:
    return {"ENFORCER_BRAKE_COUNT": "1000000", "ENFORCER_API_AUDIENCE": AUDIENCE}


def alone(package: Path, *more: Path) -> dict[str, str]:
    """Return the environment of a Python (with -S) that finds only the package, and what is given besides.

    It may keep what it compiles, so that the modules are compiled once in these tests.
    """
    path = os.pathsep.join(map(str, (package, package / PACKAGES, *more)))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}


def imported() -> set[str]:
    """Return everything that the code imports from elsewhere, at any time; of `from x import y` also x.y."""
    found = set()
    for path in (PROJECT / "enforcer").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return {name for name in found if name.partition(".")[0] not in sys.stdlib_module_names}


def test_the_package_is_what_is_loaded_and_no_more(package: Path) -> None:
    files = [path for path in package.rglob("*") if path.is_file()]
    assert len(files) <= MOST_FILES
    assert sum(path.stat().st_size for path in files) <= MOST_MEGABYTES * 1_000_000
    assert not {"__pycache__", "tests"} & {part for path in files for part in path.relative_to(package).parts}
    assert not list(package.rglob("msgraph/generated/models"))


def test_the_package_has_the_app_and_every_pinned_library(package: Path) -> None:
    there = {path.name for path in package.iterdir()}
    assert there == {".python_packages", "enforcer", "function_app.py", "host.json", "requirements.txt"}
    described = {path.name.split("-")[0] for path in (package / PACKAGES).glob("*.dist-info")}
    assert {name.replace("_", "-").replace(".", "-").lower() for name in described} == pinned()


def test_the_package_brings_the_licences(package: Path) -> None:
    for name in ("msgraph_sdk", "aiohttp", "cryptography"):
        (info,) = (package / PACKAGES).glob(f"{name}-*.dist-info")
        assert list(info.rglob("*LICEN[CS]E*")), name


def test_the_package_has_everything_that_the_code_ever_imports(package: Path) -> None:
    done = subprocess.run(  # noqa: S603 -- no shell
        [sys.executable, "-S", "-W", "ignore", "-c", TRY_IMPORTS],
        input=json.dumps(["azure_functions_runtime", *sorted(imported())]),
        env=alone(package),
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.anyio
async def test_the_worker_offboards_somebody_from_the_package(package: Path, world: World) -> None:
    somebody = world.member("Anna Ended")
    await world.register(somebody.id, ENDED)
    request = TokenRequest(audience=AUDIENCE, user=somebody.id, roles=["Contractors.Offboard"])
    wanted = Offboard(user=somebody.id, token=world.directory.token(request))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-m", "bench.cold_app", str(package)),
        env={**alone(package, PROJECT), **world.environ},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    # Twice: while the first call compiles all that it loads, its time may run out.
    output, _ = await process.communicate((msgspec.json.encode(wanted) + b"\n") * 2)
    indexed, _, status = output.split()
    assert (indexed, status) == (b"indexed", b"200")
    assert world.member_ids() == set()


@pytest.mark.anyio
async def test_day_one_goes_from_a_clone_to_the_plan(
    site: Site, code: Path, azurite: StorageEndpoints, tmp_path: Path
) -> None:
    """`init` and `deploy`, as in the guide; only the download of the packages is left out."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "package.py").write_text(f"import shutil, sys; shutil.copyfile({str(code)!r}, sys.argv[1])")
    site.monkeypatch.setenv("EnforcerStorage", azurite.connection_string)
    people = ("--operators", "Contractor operators", "--approvers", "nobody", "--alarms", "ops@contoso.com")
    where = ("--zone", "Europe/Berlin", "--mode", "report", "--location", "westeurope")
    begun = await site.run("init", "contoso", "--group", "new Contractors (active)", *people, *where)
    assert begun.code == 0, begun.err

    done = await site.run("deploy", "--tenant", "contoso")

    assert done.code == 0, done.err
    with zipfile.ZipFile(code) as archive:
        assert site.azure.code == frozenset(archive.namelist())
    assert site.azure.runs == ["run-1"]
    assert f"Operators' page: {site.azure.url}/api/" in done.err
    (group,) = done.data["groups"]
    assert group["group_id"] == site.file.several("groupIds")[0]
