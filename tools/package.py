"""Build the package that Azure runs: `python -m tools.package [app.zip]`, on any machine, for Linux.

Collects the pinned packages into `.python_packages`; given a file name, builds the zip to deploy instead.
An instance unpacks all of it at each cold start, so it holds what is loaded: of msgraph the modules that the
code imports and those that they import (the rest are 200 MB of models, none of which is ever loaded); no
tests, and no sources of compiled modules.
"""

import argparse
import ast
import csv
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath
from typing import Final

PROJECT: Final = Path(__file__).parents[1]
PACKAGES: Final = PurePosixPath(".python_packages/lib/site-packages")
CODE: Final = ("function_app.py", "host.json", "requirements.txt", "enforcer")
TRIMMED: Final = "msgraph"
_FOR_AZURE: Final = (
    *("--only-binary=:all:", "--implementation=cp", "--python-version=3.13"),
    *("--platform=manylinux_2_28_x86_64", "--platform=manylinux2014_x86_64"),
)
_LEFT_OUT_FOLDERS: Final = {"__pycache__", "tests"}
_LEFT_OUT_SUFFIXES: Final = {".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h"}
_ABOUT_THE_INSTALLATION: Final = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
_EARLIEST: Final = (1980, 1, 1, 0, 0, 0)


def install(folder: Path) -> None:
    """Install the pinned packages for Azure's platform into a folder. Raises: CalledProcessError."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
    ]
    requirements = str(PROJECT / "requirements.txt")
    where = ["--target", str(folder), "--require-hashes", "--requirement", requirements]
    subprocess.run([*command, *where, *_FOR_AZURE], check=True)  # noqa: S603 -- no shell


def pinned() -> set[str]:
    """Return the names in requirements.txt, as packages' metadata compares them."""
    text = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    return {_normal(name) for name in re.findall(r"(?m)^([\w.-]+)==", text)}


def wanted(site_packages: Path) -> Iterator[PurePosixPath]:
    """Yield what Azure needs of the pinned packages, below the folder in which they are installed."""
    names = pinned()
    loaded = set(_loaded(site_packages))
    for distribution in distributions(path=[str(site_packages)]):
        if _normal(distribution.name) in names:
            yield from (file for file in _files(distribution) if _is_wanted(file, loaded))


def copy_packages(site_packages: Path, target: Path) -> None:
    """Copy what Azure needs of the installed packages."""
    for file in wanted(site_packages):
        copy = target / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(site_packages / file, copy)


def build_zip(site_packages: Path, target: Path) -> None:
    """Write the zip to deploy: the app, and what Azure needs of the packages that are installed in a folder.

    The same files make the same bytes.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in sorted(_contents(site_packages)):
            info = zipfile.ZipInfo(name, _EARLIEST)
            info.external_attr = 0o644 << 16
            archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)


def _contents(site_packages: Path) -> Iterator[tuple[str, Path]]:
    for name in CODE:
        start = PROJECT / name
        for file in [start] if start.is_file() else start.rglob("*"):
            if file.is_file() and not _LEFT_OUT_FOLDERS & set(file.parts):
                yield file.relative_to(PROJECT).as_posix(), file
    yield from ((str(PACKAGES / file), site_packages / file) for file in wanted(site_packages))


def _files(distribution: Distribution) -> Iterator[PurePosixPath]:
    """Yield the installed files of a package; those outside the folder are scripts for a shell."""
    for name, _, _ in csv.reader((distribution.read_text("RECORD") or "").splitlines()):
        if not name.startswith(".."):
            yield PurePosixPath(name)


def _is_wanted(file: PurePosixPath, loaded: set[PurePosixPath]) -> bool:
    if _LEFT_OUT_FOLDERS & set(file.parts) or file.suffix in _LEFT_OUT_SUFFIXES:
        return False
    if file.parts[0] == TRIMMED:
        return file in loaded
    return file.name not in _ABOUT_THE_INSTALLATION


def _loaded(site_packages: Path) -> Iterator[PurePosixPath]:
    """Yield the files of the trimmed package that are loaded when the code's imports of it are."""
    waiting = {
        name for path in (PROJECT / "enforcer").rglob("*.py") for name in _imports(path, "", deep=True)
    }
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen or module.partition(".")[0] != TRIMMED:
            continue
        seen.add(module)
        waiting.add(module.rpartition(".")[0])
        file = _file_of(site_packages, module)
        if file is not None:
            yield file
            package = module if file.name == "__init__.py" else module.rpartition(".")[0]
            waiting |= set(_imports(site_packages / file, package, deep=False))


def _file_of(site_packages: Path, module: str) -> PurePosixPath | None:
    """Return the file of a module; None for a name in a module, such as a class."""
    path = PurePosixPath(*module.split("."))
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in candidates if (site_packages / file).is_file()), None)


def _imports(file: Path, package: str, *, deep: bool) -> Iterator[str]:
    """Yield the modules, and the names in them, that a file imports: when it is loaded, or (`deep`) ever."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if deep else _run_when_loaded(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def _run_when_loaded(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when a file is loaded: no function bodies, nothing for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _run_when_loaded(node)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.package", description=__doc__)
    parser.add_argument("zip", type=Path, nargs="?", help="the zip to build, such as app.zip")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        if arguments.zip is not None:
            build_zip(Path(folder), arguments.zip)
        else:
            shutil.rmtree(PROJECT / PACKAGES, ignore_errors=True)
            copy_packages(Path(folder), PROJECT / PACKAGES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
