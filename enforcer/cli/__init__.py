"""The command line: thin shells over the same calls that the functions make."""

from __future__ import annotations

import sys
from typing import Any

import click

from enforcer.cli.audit import audit
from enforcer.cli.completion import completion
from enforcer.cli.contractors import contractors
from enforcer.cli.deployment import deploy, init, undeploy, version
from enforcer.cli.examples import add_examples
from enforcer.cli.offboard import offboard
from enforcer.cli.policies import policies
from enforcer.cli.running import run_guarded
from enforcer.cli.status import check, status
from enforcer.cli.sweep_now import runs, sweep
from enforcer.cli.sweeps import apply, approve, plan
from enforcer.cli.tenant import add_options
from enforcer.cli.undo import undo
from enforcer.deployment.version import version as running_version

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(context_settings=CONTEXT)
@click.version_option(running_version(), prog_name="enforcer")
def cli() -> None:
    """Enforce contractor access end dates in Microsoft Entra ID.

    Exit codes: 0 done or nothing to do; 1 error, or something is incomplete; 2 bad usage (and
    `plan --detailed-exitcode`: something to do); 3 held by the brake.
    """


for command in (
    plan,
    sweep,
    apply,
    approve,
    runs,
    undo,
    offboard,
    contractors,
    audit,
    policies,
    status,
    check,
):
    cli.add_command(command)
for command in (init, deploy, undeploy, version, completion):
    cli.add_command(command)
add_options(cli)
add_examples(cli)


def main() -> None:
    """Run the command line, and exit with its exit code."""
    sys.exit(run_guarded(cli))
