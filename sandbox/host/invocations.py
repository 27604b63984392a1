"""The outcome of each call of a function, and what it logged."""

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from azure_functions_runtime import invocation_id_cv

_KEPT: Final = 2_000
# The logs of the worker library and of the host's own polling; on Azure neither belongs to the app.
_HOST_LOGGERS: Final = ("azure.core", "azure.functions", "azure.identity")

_log = logging.getLogger(__name__)


class State(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class Invocation:
    """A call of a function. `outputs` holds what it wrote to output bindings, by name."""

    id: str
    function: str
    trigger: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None
    state: State = State.RUNNING
    status: int | None = None
    error: str | None = None
    stack: str | None = None
    outputs: dict[str, str | bytes] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        return self.state is State.SUCCEEDED

    def succeed(self) -> None:
        self.state, self.finished_at = State.SUCCEEDED, datetime.now(UTC)

    def fail(self, error: str, stack: str) -> None:
        self.state, self.finished_at = State.FAILED, datetime.now(UTC)
        self.error, self.stack = error, stack
        _log.error("%s failed: %s\n%s", self.function, error, stack)


class Invocations:
    """The latest invocations, oldest first; what they log also goes to stderr, under the function's name."""

    def __init__(self) -> None:
        self._newest: deque[Invocation] = deque(maxlen=_KEPT)
        self._running: dict[str, Invocation] = {}

    def __iter__(self) -> Iterator[Invocation]:
        return iter(tuple(self._newest))

    @property
    def current(self) -> Invocation | None:
        """Return the invocation to which the running task or worker thread belongs."""
        return self._running.get(invocation_id_cv.get() or "")

    @contextmanager
    def running(self, invocation: Invocation) -> Iterator[None]:
        """Attribute what the block logs to the invocation."""
        self._newest.append(invocation)
        self._running[invocation.id] = invocation
        token = invocation_id_cv.set(invocation.id)
        try:
            yield
        finally:
            invocation_id_cv.reset(token)
            del self._running[invocation.id]

    @contextmanager
    def captured_logs(self) -> Iterator[None]:
        """Set the root logger to INFO, as Azure's worker does, and write each line to stderr."""
        root = logging.getLogger()
        handler, level = _Handler(lambda: self.current), root.level
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        try:
            yield
        finally:
            root.removeHandler(handler)
            root.setLevel(level)


class _Handler(logging.StreamHandler):  # type: ignore[type-arg] # generic in the type stubs only
    def __init__(self, current: Callable[[], Invocation | None]) -> None:
        super().__init__(sys.stderr)
        self._current = current

    def filter(self, record: logging.LogRecord) -> bool:
        of_the_app = self._current() is not None and record.name != "azure.functions"
        return of_the_app or record.levelno > logging.INFO or not record.name.startswith(_HOST_LOGGERS)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        invocation = self._current()
        if invocation is not None:
            invocation.logs.append(f"{record.levelname} {text}")
        name = invocation.function if invocation else "host"
        return f"{datetime.now(UTC):%H:%M:%S.%f} {record.levelname:<7} [{name}] {text}"
