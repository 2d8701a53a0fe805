"""`ferry completion`: the shell's script, which asks `ferry` for completions."""

import click
from click.shell_completion import get_completion_class

from ferry.client.cli.terminal import print_text

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_FERRY_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a SHELL.

    bash: add to ~/.bashrc: eval "$(ferry completion bash)"

    zsh: add to ~/.zshrc, after compinit: eval "$(ferry completion zsh)"

    fish: ferry completion fish > ~/.config/fish/completions/ferry.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choice is click's own list
    complete = kind(context.find_root().command, {}, "ferry", VARIABLE)
    print_text(complete.source_template % complete.source_vars())
