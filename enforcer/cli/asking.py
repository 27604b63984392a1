"""Questions before something is done that is hard to take back: only where somebody can answer."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click


def yes_option[F: Callable[..., object]](command: F) -> F:
    """Add `--yes`, which answers every question."""
    option = click.option("--yes", is_flag=True, help="Do not ask.")
    return option(command)


def asks(*, yes: bool) -> bool:
    """Whether somebody sits at a terminal and has not answered already."""
    return sys.stdin.isatty() and not yes


def confirm(question: str, *, yes: bool) -> None:
    """Ask, and stop unless the answer is yes. Raises click.Abort."""
    if asks(yes=yes):
        click.confirm(question, abort=True, err=True)
