"""What every command needs: the settings, the services, one event loop, and one place for errors."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import click

from enforcer.cli.output import tell
from enforcer.cli.tenant import environment
from enforcer.core.exceptions import EnforcerError
from enforcer.core.settings import Settings, load_settings
from enforcer.services import Services, open_services

DONE, UNDONE, USAGE, HELD = 0, 1, 2, 3
# What the SDKs say, on many lines, when nobody has signed in.
_NOT_SIGNED_IN = re.compile(r"cannot get a token.*(az login|DefaultAzureCredential|AzureCliCredential)")


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
        tell(f"error: {_explained(error)}")
        if "--debug" in (sys.argv if arguments is None else arguments):
            traceback.print_exception(error)
        return UNDONE
    return result if isinstance(result, int) else DONE


def _explained(error: Exception) -> str:
    """Return an error in one line, with the next command where there is one; `--debug` shows all of it."""
    if not _NOT_SIGNED_IN.search(str(error)):
        return str(error)
    tenant = os.environ.get("ENFORCER_TENANT_ID", "").strip()
    so = ", so nothing was done" if "nothing was done" in str(error) else ""
    command = f"az login --tenant {tenant}" if tenant else "az login"
    return f"Not signed in{so}: run `{command}` (--debug shows the cause)"


@cache
def settings() -> Settings:
    """Read the settings from the tenant's file and the environment, once."""
    return load_settings(environment(os.environ))


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
