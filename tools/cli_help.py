"""Writes the command line's own help as `docs/cli.md`: `make docs`; a test checks that it is current."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from enforcer.cli import CONTEXT, cli

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
_HEAD = """# Command line

`python -m enforcer`, installed as `enforcer`. This page is written by `make docs`; a test keeps it fresh.
"""


def render() -> str:
    """Return the page."""
    return _HEAD + "".join(_sections(cli, "enforcer", None))


def _sections(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, **CONTEXT)
    context.terminal_width = 100
    yield f"\n## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for child in sorted(command.commands):
            yield from _sections(command.commands[child], child, context)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
