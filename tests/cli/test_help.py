"""Help, examples, and completion, from one text."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest

from enforcer.cli import cli
from enforcer.cli.examples import EXAMPLES, commands
from enforcer.cli.running import run_guarded, settings

SETTINGS = {
    "ENFORCER_GROUP_IDS": "11111111-2222-4333-8444-555555555555",
    "ENFORCER_MODE": "report",
    "EnforcerStorage": "UseDevelopmentStorage=true",
}
COMMANDS = dict(commands(cli))


def parsed(command: click.Command, words: list[str]) -> str:
    """Read words as a command would, without acting; return the command that they name."""
    path = []
    while isinstance(command, click.Group):
        path.append(words[0])
        command = command.commands[words[0]]
        words = words[1:]
    command.make_context(path[-1], words)
    return " ".join(path)


def test_every_command_has_examples_and_shows_them() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()
    for name, command in COMMANDS.items():
        shown = command.get_help(click.Context(command))
        for example in EXAMPLES[name]:
            assert f"  enforcer {example}\n" in f"{shown}\n", name


def test_every_example_can_be_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for setting, value in SETTINGS.items():
        monkeypatch.setenv(setting, value)
    settings.cache_clear()
    monkeypatch.chdir(tmp_path)
    Path("evidence").mkdir()
    for file in ("hr.csv", "plan.json", "evidence/manifest.json"):
        Path(file).touch()
    for name in COMMANDS:
        for example in EXAMPLES[name]:
            assert parsed(cli, shlex.split(example)) == name
    settings.cache_clear()


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish", "powershell"])
def test_completion_prints_a_script_and_where_it_belongs(
    capsys: pytest.CaptureFixture[str], shell_name: str
) -> None:
    assert run_guarded(cli, ["completion", shell_name]) == 0
    said = capsys.readouterr()
    assert "_ENFORCER_COMPLETE" in said.out
    assert said.err.startswith("to use it, ")


@pytest.mark.parametrize(
    ("words", "begun", "offered"),
    [
        ("enforcer contr", "contr", "contractors\tList and change the register of contractors."),
        ("enforcer contractors ", "", "import\t"),
        ("enforcer offboard --rea", "--rea", "--reason\t"),
        ("enforcer sweep --mode ", "", "report"),
    ],
)
def test_powershell_is_offered_what_may_follow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, begun: str, offered: str
) -> None:
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", begun)
    monkeypatch.setenv("_ENFORCER_COMPLETE", "powershell_complete")
    with pytest.raises(SystemExit):
        cli.main([], prog_name="enforcer")
    assert any(line.startswith(offered) for line in capsys.readouterr().out.splitlines())
