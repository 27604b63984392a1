"""Writes the man page, docs/enforcer.1, from the command line's own help: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from enforcer.cli import CONTEXT, cli
from enforcer.cli.examples import EXAMPLES, commands

PAGE = Path(__file__).parents[1] / "docs" / "enforcer.1"


def render() -> str:
    """Return the page, as troff."""
    return (
        "\n".join([*_head(), *(line for name, found in sorted(commands(cli)) for line in _of(name, found))])
        + "\n"
    )


def _head() -> Iterator[str]:
    yield '.TH ENFORCER 1 "" "enforcer" "Contractor access enforcer"'
    yield ".SH NAME"
    yield r"enforcer \- enforce contractor access end dates in Microsoft Entra ID"
    yield ".SH SYNOPSIS"
    yield r"\fBenforcer\fR \fICOMMAND\fR [\fIOPTIONS\fR]"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(cli.help)
    yield ".SH COMMANDS"


def _of(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name, **CONTEXT)
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f".SS enforcer {_plain(name)} {_plain(pieces)}"
    yield from _paragraphs(command.help)
    for parameter in command.get_params(context):
        if (record := parameter.get_help_record(context)) is not None:
            yield ".TP"
            yield rf"\fB{_plain(record[0])}\fR"
            yield _plain(" ".join(record[1].split())) or r"\&"
    yield ".PP"
    yield "Examples:"
    yield ".nf"
    yield from (_plain(f"    enforcer {example}") for example in EXAMPLES[name])
    yield ".fi"


def _paragraphs(text: str | None) -> Iterator[str]:
    for paragraph in (text or "").split("\n\n"):
        yield ".PP"
        yield _plain(" ".join(paragraph.split()))


def _plain(text: str) -> str:
    r"""Escape what troff reads as a request; nothing of ours begins with a control character but text may."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
