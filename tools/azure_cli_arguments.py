"""Write down which arguments the Azure CLI's commands take, from azure-cli itself.

Run it with a Python that has the package azure-cli, in an environment of its own:
`python tools/azure_cli_arguments.py > tests/support/azure_cli_arguments.json`. The tests hold every call
of `az` in the code and in the documentation against the result.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from importlib import metadata
from typing import Any

COMMANDS = (
    "account get-access-token",
    "account set",
    "account show",
    "ad app federated-credential create",
    "ad group owner add",
    "ad group owner remove",
    "bicep build",
    "bicep install",
    "bicep lint",
    "bicep upgrade",
    "cloud set",
    "cloud show",
    "deployment group create",
    "deployment group show",
    "deployment group what-if",
    "functionapp config appsettings set",
    "functionapp deployment source config-zip",
    "functionapp function list",
    "functionapp list-flexconsumption-locations",
    "functionapp list-flexconsumption-runtimes",
    "functionapp restart",
    "functionapp stop",
    "group create",
    "group delete",
    "group show",
    "identity create",
    "identity delete",
    "identity show",
    "lock delete",
    "lock list",
    "login",
    "monitor action-group list",
    "network private-dns link vnet create",
    "network private-dns zone create",
    "network vnet create",
    "network vnet subnet create",
    "provider list",
    "provider register",
    "resource delete",
    "resource list",
    "rest",
    "role assignment create",
    "role assignment delete",
    "storage blob list",
    "storage container immutability-policy delete",
    "storage container immutability-policy extend",
    "storage container immutability-policy lock",
    "storage container immutability-policy show",
    "storage entity delete",
    "storage entity insert",
    "storage message put",
    "tag update",
)


def arguments() -> dict[str, Any]:
    """Return the options of each command, from azure-cli's own parser."""
    from azure.cli.core import get_default_cli
    from azure.cli.core.commands import events
    from knack.events import EVENT_INVOKER_POST_CMD_TBL_CREATE

    cli = get_default_cli()
    invoker = cli.invocation = cli.invocation_cls(
        cli_ctx=cli,
        parser_cls=cli.parser_cls,
        commands_loader_cls=cli.commands_loader_cls,
        help_cls=cli.help_cls,
    )
    loader = invoker.commands_loader
    loader.skip_applicability = True
    loader.load_command_table(None)
    for each in {one for several in loader.cmd_to_loader_map.values() for one in several}:
        each.skip_applicability = True
    loader.command_table = {command: loader.command_table[command] for command in COMMANDS}
    cli.raise_event(events.EVENT_INVOKER_PRE_LOAD_ARGUMENTS, commands_loader=loader)
    for command in COMMANDS:
        loader.load_arguments(command)
    cli.raise_event(events.EVENT_INVOKER_POST_LOAD_ARGUMENTS, commands_loader=loader)
    cli.raise_event(EVENT_INVOKER_POST_CMD_TBL_CREATE, commands_loader=loader)
    invoker.parser.load_command_table(loader)
    return {command: _options(_parser_of(invoker.parser, command.split())) for command in COMMANDS}


def _parser_of(parser: argparse.ArgumentParser, words: list[str]) -> argparse.ArgumentParser:
    for word in words:
        (nested,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))  # noqa: SLF001
        parser = nested.choices[word]
    return parser


def _options(parser: argparse.ArgumentParser) -> dict[str, Any]:
    return {
        " ".join(map(str, action.option_strings)): {
            name: value
            for name, value in (
                ("required", action.required),
                ("flag", action.nargs == 0),
                ("nargs", action.nargs or None),
                ("choices", sorted(map(str, action.choices or ()))),
            )
            if value not in (False, None, [])
        }
        for action in parser._actions  # noqa: SLF001
        # The others are the parser's own, for its messages.
        if action.option_strings and not {"--cmd", "--___SUBSCRIPTION"} & set(map(str, action.option_strings))
    }


def main() -> None:
    """Write the table to stdout."""
    document = {"azure-cli": metadata.version("azure-cli"), "commands": arguments()}
    text = json.dumps(document, indent=1, sort_keys=True)
    # A line for each option is enough.
    sys.stdout.write(
        re.sub(r"\{\s*([^{}]*?)\s*\}", lambda one: "{" + " ".join(one[1].split()) + "}", text) + "\n"
    )


if __name__ == "__main__":
    main()
