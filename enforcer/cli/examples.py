"""What people type: the examples at the end of every command's help, in docs/cli.md and on the man page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import click

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "plan": ("plan", "plan --as-of 2027-01-01", "plan --out plan.json"),
    "sweep": ("sweep", "sweep --mode report --wait 600"),
    "apply": ("apply", "apply --plan plan.json --yes"),
    "approve": ("approve", "approve 3fa9c1"),
    "runs": ("runs", "runs --limit 5 --output csv"),
    "undo": ("undo last --plan-only", "undo last", "undo 20261123T003000-1f9a2c --yes"),
    "offboard": (
        'offboard anna@example.com --reason "left at 14:10"',
        'offboard anna@example.com ben@example.com --reason "project cancelled" --yes',
    ),
    "contractors list": ("contractors list", "contractors list --output csv"),
    "contractors add": (
        "contractors add anna@example.com --end 2099-12-31 --sponsor sam@example.com",
        "contractors add anna@example.com --end 2099-12-31T17:00:00+01:00",
    ),
    "contractors extend": ("contractors extend anna@example.com --end 2099-12-31",),
    "contractors remove": ("contractors remove anna@example.com",),
    "contractors export": ("contractors export --out register.csv",),
    "contractors import": (
        "contractors import hr.csv --dry-run",
        'contractors import hr.csv --map end="Contract end" --dates dmy',
    ),
    "audit verify": ("audit verify", "audit verify --manifest evidence/manifest.json"),
    "audit export": ("audit export --from 2026-10-01 --to 2026-12-31 --out evidence",),
    "policies plan": ("policies plan", "policies plan --values contoso.json --enable"),
    "policies apply": ("policies apply", "policies apply --enable"),
    "policies check": ("policies check",),
    "status": ("status", "status --output json"),
    "check": ("check", "check --tenant contoso"),
    "init": (
        "init contoso",
        'init contoso --group "new Contractors" --zone Europe/Berlin --operators Operators --mode report',
    ),
    "deploy": (
        "deploy --tenant contoso --dry-run",
        "deploy --tenant contoso",
        "deploy --tenant contoso --only identity",
    ),
    "undeploy": ("undeploy --tenant contoso --dry-run", "undeploy --tenant contoso --out archive"),
    "version": ("version",),
    "completion": ("completion bash", "completion powershell"),
}


def add_examples(command: click.Command) -> None:
    """End the help of every command below this one with its examples."""
    for name, found in commands(command):
        lines = "\n".join(f"  enforcer {example}" for example in EXAMPLES.get(name, ()))
        if lines:
            # Click wraps whatever does not begin with this character.
            found.epilog = f"\b\nExamples:\n{lines}"


def commands(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Return every command that does something, under the words that people type."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    for child, found in command.commands.items():
        yield from commands(found, f"{name} {child}".strip())
