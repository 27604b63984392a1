"""Every `az` command that people are told to run is one that the Azure CLI's own parser takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.azure_cli_calls import mistakes

PROJECT = Path(__file__).parents[1]
_TEXTS = sorted(
    {
        *PROJECT.glob("*.md"),
        *PROJECT.glob("docs/**/*.md"),
        *PROJECT.glob(".github/workflows/*.yml"),
        PROJECT / "azure.yaml",
    }
)
_CODE = sorted(PROJECT.glob("enforcer/**/*.py"))
# Where a command begins: a line of a block, what is in backticks, or in "$(…)", or after a `{`.
_BEGINNING = re.compile(r"(?m)(?:^\s*(?:run: )?|`|\$\(|\{ )az (?=[a-z])")
# Not azure-cli's own: it installs the extension log-analytics when this is first called.
_OF_AN_EXTENSION = ("monitor", "log-analytics", "query")


def commands(text: str) -> Iterator[str]:
    """Yield the commands in a text, each on a line of its own."""
    text = text.replace("\\\n", " ")
    for found in _BEGINNING.finditer(text):
        rest = text[found.end() :]
        inline = found[0].startswith("`")
        yield rest.partition("`")[0].replace("\n", " ") if inline else rest.partition("\n")[0]


def arguments(command: str) -> list[str]:
    """Return what the shell would pass on, up to the end of this command."""
    parts = shlex.shlex(command, posix=True, punctuation_chars="();<>|&")
    parts.whitespace_split = True
    found = []
    for part in parts:
        if set(part) <= set("();<>|&"):
            break
        found.append(part)
    return found


def _left_open(given: Sequence[str]) -> bool:
    """Whether only the name of the command is meant, without what it needs."""
    return "…" in given or tuple(given[:3]) == _OF_AN_EXTENSION


def found_in(path: Path) -> list[tuple[str, list[str]]]:
    return [(one, arguments(one)) for one in commands(path.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("path", _TEXTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_az_commands_in_texts_are_what_azure_cli_takes(path: Path) -> None:
    wrong = {text: [*mistakes(given)] for text, given in found_in(path) if not _left_open(given)}
    assert {text: problems for text, problems in wrong.items() if problems} == {}


def test_az_commands_in_messages_are_what_azure_cli_takes() -> None:
    wrong = {
        f"{path.name}: {text}": problems
        for path in _CODE
        for text, given in found_in(path)
        if not _left_open(given) and (problems := [*mistakes(given)])
    }
    assert wrong == {}


def test_az_commands_are_found_where_people_read_them() -> None:
    known = {tuple(given[:3]) for path in _TEXTS for _, given in found_in(path)}
    assert len(known) > 20
    # On a line of its own, in backticks over two lines, after a brace, in a workflow.
    assert {
        ("provider", "register", "--namespace"),
        ("storage", "message", "put"),
        ("deployment", "group", "show"),
        ("functionapp", "deployment", "source"),
    } <= known


def test_a_misspelt_az_command_is_refused() -> None:
    (text,) = commands("`az group create --nmae x --location y`")
    assert [*mistakes(arguments(text))] == [
        "unrecognized arguments: --nmae",
        "the following arguments are required: --name/--resource-group/-n/-g",
    ]
