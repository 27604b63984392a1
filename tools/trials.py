"""Runs a module's tests once for each of its mutants, each time in a fork of a process that has loaded them.

A change inside a function is applied to the loaded function. For any other change, and for functions that
were called while the tests were loaded, the fork loads everything again.
"""

from __future__ import annotations

import gc
import inspect
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, partial
from pathlib import Path
from types import CodeType, FunctionType

import pytest

from tools.mutants import Mutant

_NOT_COPIED = (".git", ".venv", "node_modules", "build", ".mypy_cache", ".ruff_cache")
_PYTEST = (
    *("-x", "-qqq", "--tb=no", "--assert=plain", "-p", "no:cacheprovider", "-m", "not long and not browser"),
    "--hypothesis-profile=mutants",
)
_GRACE_SECONDS, _BASELINE_SECONDS = 5.0, 600.0
_MONITOR = sys.monitoring.PROFILER_ID
_TIMED_OUT, _TO_BE_LOADED = -1, -2


class Noticed(IntEnum):
    """Which tests notice a mutant."""

    NOWHERE = 0
    BY_MIRRORS = 1
    BY_NEIGHBOURS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A module, its mutants, and its tests: paths from the tree's root."""

    path: str
    source: str
    mirrors: tuple[str, ...]
    neighbours: tuple[str, ...]
    mutants: tuple[Mutant, ...]


@contextmanager
def preloaded(tests: Sequence[str], root: Path) -> Iterator[Path]:
    """Copy the tree with all bytecode while the block runs, and import what the tests import.

    The project's own modules are then unloaded, so that each fork loads them from its own copy.
    """
    with _copied(root) as copy:
        sys.dont_write_bytecode = False
        with _quiet():
            pytest.main(["--collect-only", *_PYTEST, *tests])
        for name, one in list(sys.modules.items()):
            if str(getattr(one, "__file__", None) or "").startswith(f"{copy}/"):
                del sys.modules[name]
        sys.dont_write_bytecode = True
        yield copy


def noticed(subject: Subject, root: Path) -> list[Noticed]:
    """Return which tests notice each mutant, in order; no module of the project may be loaded yet.

    Raises:
        RuntimeError: The tests fail without a change.
    """
    with _copied(root), _quiet():
        file = Path(subject.path)
        for stale in file.parent.glob(f"__pycache__/{file.stem}.*"):
            stale.unlink()
        suites = [suite for suite in (subject.mirrors, subject.neighbours) if suite]
        found = dict.fromkeys(range(len(subject.mutants)), Noticed.NOWHERE)
        for suite in suites:
            by = Noticed.BY_MIRRORS if suite is subject.mirrors else Noticed.BY_NEIGHBOURS
            left = [number for number in found if found[number] is Noticed.NOWHERE]
            for number in _noticed_by(suite, subject, left):
                found[number] = by
        return list(found.values())


def _noticed_by(suite: Sequence[str], subject: Subject, left: Sequence[int]) -> Iterator[int]:
    """Return the numbers of the mutants that these tests notice."""
    patches = {number: _patch(subject, subject.mutants[number]) for number in left}
    answers = Path("noticed.json")
    loaded = _Loaded(lambda session: _try_all(session, [patches[number] for number in left], answers))
    if _forked(lambda: _pytest(suite, loaded), timeout=None) != 0:
        raise RuntimeError(f"{subject.path}: its tests fail without any change: {' '.join(suite)}")
    seconds, codes = json.loads(answers.read_text(encoding="utf-8"))
    for number, known in zip(left, codes, strict=True):
        code = known
        if code == _TO_BE_LOADED:
            Path(subject.path).write_text(subject.mutants[number].source, encoding="utf-8")
            once = _Loaded(_run)
            code = _forked(partial(_pytest, suite, once), _GRACE_SECONDS + 5 * seconds + 10)
            Path(subject.path).write_text(subject.source, encoding="utf-8")
        if code != 0:
            yield number


# In a fork -----------------------------------------------------------------------------------------------


class _Loaded:
    """A pytest plugin that does something else with the loaded tests than running them."""

    def __init__(self, work: Callable[[pytest.Session], int]) -> None:
        self._work = work

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put quick tests first: a test of many examples comes after those of one."""
        items.sort(key=lambda item: hasattr(getattr(item, "obj", None), "hypothesis"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        sys.monitoring.free_tool_id(_MONITOR)
        os._exit(1 if session.testsfailed else self._work(session))


_called_while_loading: set[CodeType] = set()


def _note_call(code: CodeType, _: int) -> object:
    _called_while_loading.add(code)
    return sys.monitoring.DISABLE


def _pytest(suite: Sequence[str], plugin: _Loaded) -> int:
    sys.monitoring.use_tool_id(_MONITOR, "mutate")
    sys.monitoring.register_callback(_MONITOR, sys.monitoring.events.PY_START, _note_call)
    sys.monitoring.set_events(_MONITOR, sys.monitoring.events.PY_START)
    return int(pytest.main([*_PYTEST, *suite], plugins=[plugin]))


def _run(session: pytest.Session) -> int:
    """Run the tests until one fails; return 1 if one does."""
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def _try_all(session: pytest.Session, patches: Sequence[Patch], answers: Path) -> int:
    """Write how long the tests take, and an exit code per patch; return 1 if they fail without a patch."""
    began = time.monotonic()
    if _forked(lambda: _run(session), _BASELINE_SECONDS) != 0:
        return 1
    seconds = time.monotonic() - began
    ours = {before.co_filename for patch in patches for before, _ in patch}
    functions = [
        thing
        for thing in gc.get_objects()
        if isinstance(thing, FunctionType) and thing.__code__.co_filename in ours
    ]
    caches = [thing for thing in gc.get_objects() if isinstance(thing, type(cache(len)))]
    gc.freeze()  # forks share the memory of what the collector ignores

    def patched(patch: Patch) -> int:
        for function in functions:
            for before, after in patch:
                if function.__code__ == before:
                    function.__code__ = after
        for one in caches:
            one.cache_clear()
        return _run(session)

    codes = [
        _TO_BE_LOADED
        if not patch or {before for before, _ in patch} & _called_while_loading
        else _forked(partial(patched, patch), _GRACE_SECONDS + 5 * seconds)
        for patch in patches
    ]
    answers.write_text(json.dumps([seconds, codes]), encoding="utf-8")
    return 0


def _forked(work: Callable[[], int], timeout: float | None) -> int:
    """Run `work` in a fork; return its exit code, or another one after `timeout` seconds."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            code = work()
        finally:
            os._exit(code)
    began = time.monotonic()
    while timeout is None or time.monotonic() - began < timeout:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return _TIMED_OUT


# Changed functions ---------------------------------------------------------------------------------------

type Patch = list[tuple[CodeType, CodeType]]


def _patch(subject: Subject, mutant: Mutant) -> Patch:
    """Return the functions that differ, before and after; nothing if anything else differs."""
    path = str(Path(subject.path).absolute())
    sources = (subject.source, mutant.source)
    before, after = (compile(source, path, "exec", dont_inherit=True) for source in sources)
    try:
        return list(_differing(before, after))
    except ValueError:
        return []


def _differing(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    if before.co_flags & inspect.CO_OPTIMIZED:
        if before != after:
            yield before, after
        return
    parts, others = before.co_consts, after.co_consts
    if before.co_code != after.co_code or before.co_names != after.co_names or len(parts) != len(others):
        raise ValueError
    for part, other in zip(parts, others, strict=True):
        if isinstance(part, CodeType) and isinstance(other, CodeType):
            yield from _differing(part, other)
        elif (type(part), part) != (type(other), other):
            raise ValueError


# Helpers -------------------------------------------------------------------------------------------------


@contextmanager
def _copied(root: Path) -> Iterator[Path]:
    """Work in a copy of the tree while the block runs."""
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        copy = Path(folder, "tree")
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        copy.joinpath("sandbox", "node_modules").symlink_to(root / "sandbox" / "node_modules")
        before = Path.cwd()
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        try:
            yield copy
        finally:
            os.chdir(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress all output while the block runs, including that of forks."""
    kept = [os.dup(stream) for stream in (1, 2)]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    try:
        yield
    finally:
        for stream, original in zip((1, 2), kept, strict=True):
            os.dup2(original, stream)
