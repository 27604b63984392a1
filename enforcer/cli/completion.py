"""`completion`: complete commands, options and their values with the Tab key."""

from __future__ import annotations

import os
from typing import Final

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class
from click.shell_completion import split_arg_string as words_of

_NAME, _VARIABLE = "enforcer", "_ENFORCER_COMPLETE"
_SHELLS: Final = {
    "bash": 'add to ~/.bashrc: eval "$(enforcer completion bash)"',
    "zsh": 'add to ~/.zshrc: eval "$(enforcer completion zsh)"',
    "fish": "enforcer completion fish > ~/.config/fish/completions/enforcer.fish",
    "powershell": "add to $PROFILE: enforcer completion powershell | Out-String | Invoke-Expression",
}
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $env:COMP_WORDS = $commandAst.ToString()
    $env:COMP_CWORD = $wordToComplete
    $env:%(complete_var)s = "powershell_complete"
    %(prog_name)s | ForEach-Object {
        $value, $help = $_ -split "\\t", 2
        $shown = if ($help) { $help } else { $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $shown)
    }
    Remove-Item Env:COMP_WORDS, Env:COMP_CWORD, Env:%(complete_var)s
}
"""


class _PowerShell(ShellComplete):
    """What Click lacks; the words come in one string, and the word that is begun beside them."""

    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        incomplete = os.environ.get("COMP_CWORD", "")
        words = words_of(os.environ.get("COMP_WORDS", ""))[1:]
        if incomplete and words and words[-1] == incomplete:
            words.pop()
        return words, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        return f"{item.value}\t{item.help}" if item.help else item.value


add_completion_class(_PowerShell)


@click.command(help="Print the script with which SHELL completes commands and options.")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a shell's script to stdout, and where it belongs to stderr."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"there is no completion for {shell}")
    click.echo(found(context.find_root().command, {}, _NAME, _VARIABLE).source())
    click.echo(f"to use it, {_SHELLS[shell]}", err=True)
