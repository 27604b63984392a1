"""Whether the Azure CLI's own parser would take a call, by what tools/azure_cli_arguments.py wrote down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

_TABLE = Path(__file__).with_name("azure_cli_arguments.json")


@cache
def commands() -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    """Return each command's options: what each is called, takes, and may be."""
    table = msgspec.json.decode(_TABLE.read_bytes())["commands"]
    return {
        command: {name: described for names, described in options.items() for name in names.split()}
        for command, options in table.items()
    }


def command_of(arguments: Sequence[str]) -> str:
    """Return the words of the command, such as `group create`; empty if it is not one that is known."""
    words = []
    for argument in arguments:
        if argument.startswith("-"):
            break
        words.append(argument)
    return next(
        (found for end in range(len(words), 0, -1) if (found := " ".join(words[:end])) in commands()), ""
    )


def mistakes(arguments: Sequence[str]) -> Iterator[str]:
    """Yield what the parser would refuse."""
    command = command_of(arguments)
    if not command:
        yield f"'{' '.join(arguments[:4])}' is misspelled or not recognized by the system."
        return
    options, given = commands()[command], parsed(arguments)
    for name, values in given.items():
        if name not in options:
            yield f"unrecognized arguments: {name}"
        else:
            yield from _wrong_values(name, values, options[name])
    for name, option in options.items():
        spellings = [one for one, other in options.items() if other is option]
        if option.get("required") and name == spellings[0] and not set(spellings) & given.keys():
            yield f"the following arguments are required: {'/'.join(spellings)}"
    words = command.split()
    if list(arguments[: len(words)]) != words or (
        len(arguments) > len(words) and not arguments[len(words)].startswith("-")
    ):
        yield f"unrecognized arguments: {arguments[len(words)]}"


def _wrong_values(name: str, values: Sequence[str], option: Mapping[str, Any]) -> Iterator[str]:
    if option.get("flag") and values:
        yield f"unrecognized arguments: {' '.join(values)}"
    elif not option.get("flag") and option.get("nargs") is None and len(values) != 1:
        yield f"argument {name}: expected one argument"
    elif option.get("nargs") == "+" and not values:
        yield f"argument {name}: expected at least one argument"
    choices = {choice.lower() for choice in option.get("choices", ())}
    for value in values:
        if choices and value.lower() not in choices:
            yield f"argument {name}: invalid choice: '{value}' (choose from {', '.join(sorted(choices))})"


def parsed(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Return the values that follow each option; of one that is repeated, all of them."""
    given: dict[str, list[str]] = {}
    name = ""
    for argument in arguments:
        if argument.startswith("-") and len(argument) > 1:
            name, equals, value = argument.partition("=") if argument.startswith("--") else (argument, "", "")
            given.setdefault(name, [])
            if equals:
                given[name].append(value)
        elif name:
            given[name].append(argument)
    return given
