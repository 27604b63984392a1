"""Seeds small faults into modules, one at a time, and lists those that no test notices: `make mutate`.

A module is tried with the tests that mirror it (`enforcer/core/plan.py`: `tests/core/test_plan.py` and
`test_plan_*.py`), then with the tests beside those that import it. It all happens in a copy of the tree.
"""

from __future__ import annotations

import argparse
import ast
import multiprocessing
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from tools.mutants import mutants
from tools.trials import Noticed, Subject, noticed, preloaded

ROOT = Path(__file__).parents[1]
EQUIVALENTS = Path(__file__).with_name("equivalents.txt")


def chosen(names: Sequence[str], root: Path = ROOT) -> list[str]:
    """Return the paths of modules named like `core`, `core/plan` or `sweep`; a package means all its modules.

    Raises:
        SystemExit: No such module.
    """
    paths: set[Path] = set()
    for name in names:
        place = root / "enforcer" / name
        file = place.with_suffix(".py")
        found = [file] if file.is_file() else [*place.rglob("*.py")]
        if not found:
            raise SystemExit(f"there is no enforcer/{name}; name modules as core, core/plan or sweep")
        paths.update(found)
    return sorted(str(path.relative_to(root)) for path in paths)


def subject(path: str, root: Path = ROOT) -> Subject:
    """Return a module with its mutants, and its tests, which are found by its path and name."""
    inside = Path(path).relative_to("enforcer")
    name = f"test_{inside.stem}"
    tests = sorted((root / "tests" / inside.parent).glob("test_*.py"))
    mirrors = [test for test in tests if test.stem == name or test.stem.startswith(f"{name}_")]
    dotted = ".".join(Path(path).with_suffix("").parts)
    neighbours = [test for test in tests if test not in mirrors and dotted in _imported(test, root)]
    source = (root / path).read_text(encoding="utf-8")
    return Subject(
        path=path,
        source=source,
        mirrors=tuple(str(test.relative_to(root)) for test in mirrors),
        neighbours=tuple(str(test.relative_to(root)) for test in neighbours),
        mutants=tuple(mutants(source)),
    )


@cache
def _imported(file: Path, root: Path, steps: int = 2) -> frozenset[str]:
    """Return the modules that a test imports, directly or through helpers, and what those import."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    for name in sorted(found):
        other = root.joinpath(*name.split(".")).with_suffix(".py")
        further = steps if name.startswith("tests.") else steps - 1
        if further and other.is_file() and name.startswith(("tests.", "enforcer.")):
            found |= _imported(other, root, further)
    return frozenset(found)


def equivalents() -> dict[str, str]:
    """Return the changes that make no difference, with the reasons."""
    lines = EQUIVALENTS.read_text(encoding="utf-8").splitlines()
    named = (line.rpartition("  # ") for line in lines if line and not line.startswith("#"))
    return {change: why for change, _, why in named}


def drawn(subjects: Sequence[Subject], count: int | None, seed: int) -> list[Subject]:
    """Return the mutants without equivalents: this many, chosen by the seed, or all (None)."""
    known = equivalents()
    every = [(one.path, mutant) for one in subjects for mutant in one.mutants if mutant.change not in known]
    if count is not None and count < len(every):
        every = random.Random(seed).sample(every, count)  # noqa: S311 -- of faults
    seeded = {one.path: tuple(mutant for path, mutant in every if path == one.path) for one in subjects}
    return [replace(one, mutants=seeded[one.path]) for one in subjects if seeded[one.path]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0], prog="make mutate")
    parser.add_argument("--modules", nargs="+", default=["core"], metavar="NAME")
    parser.add_argument("--sample", type=int, metavar="N", help="try only N of all mutants")
    parser.add_argument("--seed", type=int, default=1, help="seed with which those are chosen")
    parser.add_argument("--mirrors-only", action="store_true", help="skip the tests beside the mirrors")
    parser.add_argument("--jobs", type=int, default=1, help="number of modules tried in parallel")
    asked = parser.parse_args()
    subjects = drawn([subject(path) for path in chosen(asked.modules)], asked.sample, asked.seed)
    if asked.mirrors_only:
        subjects = [replace(one, neighbours=()) for one in subjects]
    tests = sorted({test for one in subjects for test in one.mirrors + one.neighbours})
    total: Counter[Noticed] = Counter()
    with (
        preloaded(tests, ROOT) as copy,
        multiprocessing.get_context("fork").Pool(asked.jobs, maxtasksperchild=1) as pool,
    ):
        for one, found in zip(subjects, pool.imap(partial(noticed, root=copy), subjects), strict=True):
            total += Counter(found)
            show(one.path, Counter(found))
            for mutant, by in zip(one.mutants, found, strict=True):
                if by is Noticed.NOWHERE:
                    print(f"  {one.path}:{mutant.line}: {mutant.change}", flush=True)  # noqa: T201 -- a program for people
    show("all", total)


def show(what: str, found: Counter[Noticed]) -> None:
    count, left = found.total(), found[Noticed.NOWHERE]
    share = 100 * (count - left) / count if count else 100.0
    mirrors = found[Noticed.BY_MIRRORS]
    print(f"{what:36} {share:5.1f} % of {count} noticed, {mirrors} by mirrors, {left} by none", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
