"""Starts the host of a function app as a process of its own, which exits with its parent."""

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from sandbox.child_process import entered_in_a_thread, running
from sandbox.host.errors import HostError

_PROJECT: Final = Path(__file__).parents[2]
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProcess:
    url: str
    pid: int


@contextmanager
def running_host(
    app: Path,
    *,
    settings: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    log: IO[bytes] | None = None,
) -> Iterator[HostProcess]:
    """Run `python -m sandbox.host` while the block runs; functions in progress at its end are waited for.

    Args:
        app: folder with `function_app.py` and `host.json`.
        settings: app settings, on top of this process's environment variables.
        arguments: further command line arguments, such as `["--lease", "2"]`.
        log: where functions and host log; by default this process's stderr.

    Raises:
        HostError: the app does not start; the log has the reason.
    """
    command = [sys.executable, "-m", "sandbox.host", "--app", str(app.resolve()), *arguments]
    with running(
        command,
        stop_seconds=_STOP_SECONDS,
        stdout=subprocess.PIPE,
        stderr=log,
        env=os.environ | dict(settings or {}),
        cwd=_PROJECT,
    ) as process:
        yield _when_ready(process)


def running_host_async(
    app: Path,
    *,
    settings: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    log: IO[bytes] | None = None,
) -> AbstractAsyncContextManager[HostProcess]:
    """`running_host` for use in an event loop."""
    return entered_in_a_thread(running_host(app, settings=settings, arguments=arguments, log=log))


def _when_ready(process: subprocess.Popen[bytes]) -> HostProcess:
    out = process.stdout
    if out is None or not select.select([out], [], [], _START_SECONDS)[0]:
        raise HostError(f"the functions host was not ready within {_START_SECONDS:.0f} seconds")
    line = out.readline()
    if not line:
        raise HostError("the functions host did not start; its log says why")
    return msgspec.json.decode(line, type=HostProcess)
