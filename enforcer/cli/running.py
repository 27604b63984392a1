"""What every command needs: the settings, the services, one event loop, and one place for errors."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from importlib import metadata
from typing import Any

import click

from enforcer.core.exceptions import EnforcerError
from enforcer.core.settings import Settings, load_settings
from enforcer.services import Services, open_services

DONE, UNDONE, USAGE, HELD = 0, 1, 2, 3


def run_guarded(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; errors for people go to stderr, without a traceback.

    Args:
        command: The command to run.
        arguments: What follows the program's name; by default this process's own arguments.
    """
    quiet = logging.StreamHandler()
    quiet.setLevel(logging.CRITICAL)  # events and warnings of libraries are for the functions' log
    logging.basicConfig(handlers=[quiet])
    try:
        result = command.main(arguments, standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return UNDONE
    except (EnforcerError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        return UNDONE
    return result if isinstance(result, int) else DONE


@cache
def settings() -> Settings:
    """Read the settings from the environment, once."""
    return load_settings(os.environ)


def version() -> str:
    """Return the installed version."""
    try:
        return metadata.version("contractor-access-enforcer")
    except metadata.PackageNotFoundError:
        return "unknown, run from a checkout"


def with_services[T](doing: str, work: Callable[[Services], Awaitable[T]]) -> T:
    """Run async work with open services; on a terminal, show that it is in progress."""

    async def run() -> T:
        async with open_services(settings()) as services:
            return await work(services)

    return in_progress(doing, run)


def in_progress[T](doing: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run async work; on a terminal, show that it is in progress."""
    with _progress(doing):
        return asyncio.run(work())


def _progress(doing: str) -> AbstractContextManager[object]:
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(doing)
